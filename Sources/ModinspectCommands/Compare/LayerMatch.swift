import Checkpoints

/// Which layers of two models can be compared: those of the same name, except for the prefixes of training wrappers, and the same shape.
struct LayerMatch {
    /// A layer of one model.
    struct Candidate {
        let name: String
        /// The names that it has beside.
        var otherNames: [String] = []
        /// [out, in], and for a convolution the lengths of its kernel.
        let shape: [Int]
        /// Whether it was requested. A layer is compared if it was requested in either model.
        let isChosen: Bool

        var description: String { "'\(name)' " + LayerMatch.text(shape) }
    }

    /// A layer that both models have in different shapes.
    struct Difference: Encodable {
        /// The name in A.
        let layer: String
        let a: [Int]
        let b: [Int]
    }

    /// The places of the layers that are compared, in A's order.
    let pairs: [(a: Int, b: Int)]
    /// The selected layers that the other model lacks.
    let onlyInA: [String]
    let onlyInB: [String]
    let differences: [Difference]

    private let a: [Candidate]
    private let b: [Candidate]

    init(_ a: [Candidate], _ b: [Candidate]) {
        self.a = a
        self.b = b
        let partners = NamePairing(a.map { [$0.name] + $0.otherNames }, b.map { [$0.name] + $0.otherNames }).partners
        var pairs: [(a: Int, b: Int)] = []
        var differences: [Difference] = []
        for (place, partner) in partners.enumerated() {
            guard let partner, a[place].isChosen || b[partner].isChosen else { continue }
            if a[place].shape == b[partner].shape {
                pairs.append((place, partner))
            } else {
                differences.append(Difference(layer: a[place].name, a: a[place].shape, b: b[partner].shape))
            }
        }
        self.pairs = pairs
        self.differences = differences
        onlyInA = a.indices.filter { a[$0].isChosen && partners[$0] == nil }.map { a[$0].name }
        let paired = Set(partners.compactMap { $0 })
        onlyInB = b.indices.filter { b[$0].isChosen && !paired.contains($0) }.map { b[$0].name }
    }

    /// The chosen layers of each model, for the error that there is nothing to compare.
    var expected: String { Self.list(a.filter(\.isChosen).map(\.description)) }
    var found: String { Self.list(b.filter(\.isChosen).map(\.description)) }

    /// Says what is not compared.
    func note(to diagnostics: Diagnostics, a pathA: String, b pathB: String) {
        func note(_ names: [String], lackedBy path: String, other: String) {
            if !names.isEmpty { diagnostics.note("\(path): lacks " + Self.list(names.map { "'\($0)'" }) + ", which \(other) has") }
        }
        note(onlyInA, lackedBy: pathB, other: pathA)
        note(onlyInB, lackedBy: pathA, other: pathB)
        if !differences.isEmpty {
            let shapes = differences.map { difference in
                "'\(difference.layer)' \(Self.text(difference.b)) where \(pathA) has \(Self.text(difference.a))"
            }
            diagnostics.note("\(pathB): has " + Self.list(shapes) + "; layers of different shapes are not compared")
        }
    }

    fileprivate static func text(_ shape: [Int]) -> String { shape.map(String.init).joined(separator: " x ") }

    /// The first few, and how many more there are.
    private static func list(_ items: [String], limit: Int = 8) -> String {
        let shown = items.prefix(limit).joined(separator: ", ")
        if items.isEmpty { return "none" }
        return items.count > limit ? shown + " and \(items.count - limit) more" : shown
    }
}
