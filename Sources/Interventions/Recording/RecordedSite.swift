import Networks
import Tensors
import Text

/// A site whose activations are recorded: a node's output, or some of its neurons.
package struct RecordedSite: Sendable {
    package let part: PatchedPart
    /// Whether the output has a place for each position of a sequence.
    package let hasPositions: Bool
    /// The layer whose out-neurons they are, of clusters.
    package let layer: String?
    /// Which dimension of the output its neurons are.
    let dimension: NeuronDimension

    package var name: String { part.name }
    package var node: NodeID { part.node }
}

extension PatchSites {
    /// The sites that `patterns` name, whole, or one head or neuron of them, in the network's order.
    ///
    /// The patterns are those of ``parts(_:granularity:by:)``; the network's output is a site too, and `logits` names it, or what a softmax at
    /// the end reads, unless a site has that name.
    ///
    /// - Throws: ``Problem`` for a pattern that matches nothing.
    func recorded(_ patterns: [String], in network: Network) throws -> [RecordedSite] {
        let site = network.nodes[network.output.index].site
        let output = PatchedPart(site: site, node: network.output, unit: .site, index: nil, neurons: nil)
        var parts: [PatchedPart] = []
        // A pattern means what can be recorded; a name is taken at its word.
        let lacking = patterns.contains { GlobPattern($0).isPattern } ? network.nodesWithoutSamples : []
        for pattern in patterns.map({ named($0, in: network) }) {
            let isExcluding = pattern.hasPrefix("!")
            let glob = GlobPattern(isExcluding ? String(pattern.dropFirst()) : pattern)
            let isOutput = glob.matches(site) || glob.matches(Network.shortened(site))
            if isExcluding, isOutput { parts.removeAll { $0.node == network.output } }
            do {
                let all = isExcluding ? parts.filter { $0.node != network.output } : []
                if isExcluding, all.isEmpty { continue }
                if isExcluding {
                    let removed = try self.parts([String(pattern.dropFirst())], granularity: .site, by: .all)
                    parts.removeAll { part in removed.contains { $0.node == part.node && ($0.index == nil || $0.index == part.index) } }
                } else {
                    let found = try self.parts([pattern], granularity: .site, by: .all)
                    parts += glob.isPattern ? found.filter { !lacking.contains($0.node) } : found
                }
            } catch {
                // A pattern may match the output alone, which is no site to patch.
                guard isOutput else { throw error }
            }
            if !isExcluding, isOutput { parts.append(output) }
        }
        guard !parts.isEmpty else { throw Problem("leaves no site", setting: .sites) }
        var seen: Set<String> = []
        return parts.filter { seen.insert($0.name).inserted }
            .sorted { ($0.node.index, $0.index ?? -1) < ($1.node.index, $1.index ?? -1) }
            .map { recorded($0, in: network) }
    }

    /// The pattern of the site that `logits` names; any other pattern as it is.
    private func named(_ pattern: String, in network: Network) -> String {
        let isExcluding = pattern.hasPrefix("!")
        let logits = network.scoring.output.index
        guard pattern.dropFirst(isExcluding ? 1 : 0) == Self.logits, network[Self.logits] == nil, logits < network.nodes.count else {
            return pattern
        }
        return (isExcluding ? "!" : "") + GlobPattern.literal(network.nodes[logits].site)
    }

    /// A part of the network as a recorded site.
    func recorded(_ part: PatchedPart, of layer: String? = nil, in network: Network) -> RecordedSite {
        let entry = entries.first { $0.node == part.node }
        return RecordedSite(
            part: part, hasPositions: entry?.hasPositions ?? outputHasPositions(network), layer: layer, dimension: dimensions[part.node])
    }

    private func outputHasPositions(_ network: Network) -> Bool {
        guard case .tokens = network.input, let shapes = try? network.exampleShapes() else { return false }
        return shapes[network.output.index].count == 3
    }
}

/// How one site's output becomes numbers in an array: the neurons that are kept, and their places in one sample.
struct SiteLayout: Sendable {
    /// [samples, ...].
    let shape: [Int]
    /// nil for all.
    let neurons: [Int]?
    let dimension: NeuronDimension

    init(_ shape: [Int], _ site: RecordedSite) {
        self.shape = shape
        neurons = site.part.neurons
        dimension = site.dimension
    }

    /// The shape of what is kept of a whole sample. One neuron has no dimension of its own.
    var sampleShape: [Int] { shape.count == 1 ? [] : kept(Array(shape.dropFirst()), axis: axis - 1) }

    /// The shape of what is kept at one position.
    var positionShape: [Int] {
        // [samples, heads, positions, attended], [samples, positions, width].
        shape.count == 4 ? kept([shape[1], shape[3]], axis: 0) : kept([shape[2]], axis: 0)
    }

    /// The number of positions.
    var positions: Int { shape.count == 4 ? shape[2] : shape[1] }

    private var axis: Int { NeuronPlaces.axis(shape.count, dimension) }

    private func kept(_ shape: [Int], axis: Int) -> [Int] {
        guard let neurons else { return shape }
        var shape = shape
        shape[axis] = neurons.count
        if neurons.count == 1 { shape.remove(at: axis) }
        return shape
    }

    /// Appends what is kept of a sample, at one position or at all.
    func append(_ values: UnsafeBufferPointer<Float>, sample: Int, position: Int?, to target: inout [Float]) {
        func append(_ start: Int, _ count: Int) { target.append(contentsOf: UnsafeBufferPointer(rebasing: values[start..<start + count])) }
        if axis < shape.count - 1 {
            let (channels, rows, columns) = (shape[1], shape[2], shape[3])
            for channel in neurons ?? Array(0..<channels) {
                let start = (sample * channels + channel) * rows * columns
                if let position { append(start + position * columns, columns) } else { append(start, rows * columns) }
            }
            return
        }
        let width = shape.count == 1 ? 1 : shape[shape.count - 1]
        let rows = shape.dropFirst().dropLast().reduce(1, *)
        for row in position.map({ $0..<$0 + 1 }) ?? 0..<rows {
            let start = (sample * rows + row) * width
            guard let neurons else {
                append(start, width)
                continue
            }
            for neuron in neurons { target.append(values[start + neuron]) }
        }
    }
}
