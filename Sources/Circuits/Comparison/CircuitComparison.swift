/// How far circuits agree.
package struct CircuitComparison: Sendable {
    /// The circuits of one file among themselves.
    package struct File: Sendable {
        package let path: String
        package let circuits: Int
        package let meanKept: Double
        /// The mean share of the parts that are kept, if it is known how many there are.
        package let meanSize: Double?
        /// The mean overlap of its pairs; nil for a single circuit.
        package let meanOverlap: Double?
        package let sharedByAll: Int
        package let union: Int
    }

    package struct Circuit: Sendable {
        /// The file, and the label if there is one.
        package let name: String
        package let path: String
        package let label: Int?
        package let kept: Int
        package let size: Double?
    }

    package let kind: CircuitCollection.Kind?
    package let files: [File]
    package let circuits: [Circuit]
    /// Of all circuits together, in their order.
    package let overlap: CircuitOverlap

    init(_ inputs: [CircuitCollection]) {
        var vocabulary = CircuitVocabulary()
        var all: [[UInt64]] = []
        var circuits: [Circuit] = []
        var files: [File] = []
        for input in inputs {
            let own = input.circuits.map { circuit in
                circuit.groups.flatMap { vocabulary.numbers(group: $0.name, elements: $0.elements) }
            }
            let overlap = CircuitOverlap(own)
            let sizes = zip(overlap.sizes, input.circuits).map { kept, circuit in
                circuit.available.flatMap { $0 > 0 ? Double(kept) / Double($0) : nil }
            }
            files.append(
                File(
                    path: input.path, circuits: own.count,
                    meanKept: Double(overlap.sizes.reduce(0, +)) / Double(max(own.count, 1)), meanSize: Self.mean(sizes),
                    meanOverlap: Self.mean(overlap.pairs.map(\.ratio)), sharedByAll: overlap.sharedByAll, union: overlap.union))
            for (place, circuit) in input.circuits.enumerated() {
                let suffix = circuit.label.map { ":\($0)" } ?? (own.count > 1 ? ":\(place)" : "")
                circuits.append(
                    Circuit(
                        name: input.path + suffix, path: input.path, label: circuit.label, kept: overlap.sizes[place], size: sizes[place]))
            }
            all += own
        }
        kind = inputs.first?.circuits.first?.kind
        self.files = files
        self.circuits = circuits
        overlap = CircuitOverlap(all)
    }

    /// The mean; nil if there is nothing or something is unknown.
    private static func mean(_ values: [Double?]) -> Double? {
        let known = values.compactMap { $0 }
        return known.isEmpty || known.count < values.count ? nil : known.reduce(0, +) / Double(known.count)
    }
}
