import Checkpoints
import Modularity

/// The layers that several checkpoints share, each with its clusters in all of them.
struct SeriesComparison {
    /// A layer by the name that it has in the first checkpoint that has it.
    struct Layer {
        let name: String
        /// By checkpoint; nil where it is missing, or has another shape than in most.
        var members: [SeriesMember.Layer?]

        /// How far the clusters in two of the checkpoints agree; nil if one of them lacks the layer.
        func agreement(_ first: Int, _ second: Int) -> (out: ClusteringAgreement, into: ClusteringAgreement)? {
            guard let a = members[first], let b = members[second] else { return nil }
            return (ClusteringAgreement(Labels(a.out), Labels(b.out)), ClusteringAgreement(Labels(a.into), Labels(b.into)))
        }
    }

    /// In the order in which they appear.
    let layers: [Layer]
    /// Layers that have another shape in one checkpoint than in most.
    let differing: [SeriesDifference]
    /// The layers that are missing, by checkpoint.
    let missing: [[String]]

    /// - Parameters:
    ///   - members: nil for a checkpoint that failed.
    ///   - paths: as many.
    init(_ members: [SeriesMember?], paths: [String]) {
        var names: [String] = []
        var found: [[SeriesMember.Layer?]] = []
        for (place, member) in members.enumerated() {
            guard let member else { continue }
            let own = member.layers.map(\.name)
            let partners = NamePairing(names, own).partners
            for (layer, partner) in partners.enumerated() {
                if let partner { found[layer][place] = member.layers[partner] }
            }
            let paired = Set(partners.compactMap(\.self))
            for (partner, layer) in member.layers.enumerated() where !paired.contains(partner) {
                names.append(layer.name)
                found.append(Array(repeating: nil, count: members.count))
                found[found.count - 1][place] = layer
            }
        }
        var differing: [SeriesDifference] = []
        var layers: [Layer] = []
        var missing = [[String]](repeating: [], count: members.count)
        for (name, entries) in zip(names, found) {
            let shape = Self.mostFrequent(entries.compactMap { $0?.shape })
            var layer = Layer(name: name, members: entries)
            for (place, entry) in entries.enumerated() where members[place] != nil {
                guard let entry else {
                    missing[place].append(name)
                    continue
                }
                if entry.shape != shape {
                    differing.append(SeriesDifference(layer: name, path: paths[place], shape: entry.shape, expected: shape))
                    layer.members[place] = nil
                }
            }
            layers.append(layer)
        }
        self.layers = layers
        self.differing = differing
        self.missing = missing
    }

    /// The shape that occurs most often; of several, that which comes last, as the end of a training run does.
    private static func mostFrequent(_ shapes: [[Int]]) -> [Int] {
        var counts: [[Int]: Int] = [:]
        for shape in shapes { counts[shape, default: 0] += 1 }
        let most = counts.values.max() ?? 0
        return shapes.last { counts[$0] == most } ?? []
    }

    /// Whether any layer is in two checkpoints.
    var hasAgreement: Bool { layers.contains { layer in layer.members.count { $0 != nil } > 1 } }
}

/// A layer that is not compared because most checkpoints have it in another shape.
struct SeriesDifference: Encodable {
    let layer: String
    let path: String
    /// [out, in]
    let shape: [Int]
    /// That of most checkpoints.
    let expected: [Int]
}
