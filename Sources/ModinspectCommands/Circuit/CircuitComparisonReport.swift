import Circuits

/// How far circuits agree, as one json document.
struct CircuitComparisonReport: Encodable {
    static let schema = "modinspect.circuit-overlap/2"

    /// What circuits consist of: weights or edges.
    let kind: String
    let files: [File]
    let circuits: [Circuit]
    let pairs: [ComparedPair]
    /// The parts that every circuit has, and those that any has.
    let sharedByAll: Int
    let union: Int

    /// The circuits of one file among themselves.
    struct File: Encodable {
        let path: String
        let sha256: String?
        let circuits: Int
        let meanKept: Double
        /// The mean share of the parts that are kept, where the file tells how many there are.
        let meanSize: Double?
        /// The mean overlap of its pairs; nil for a single circuit.
        let meanOverlap: Double?
        let sharedByAll: Int
        let union: Int
    }

    struct Circuit: Encodable {
        /// The file, and the label where there is one.
        let name: String
        let path: String
        let label: Int?
        let kept: Int
        let size: Double?
    }

    init(_ inputs: [CircuitFile], sha256: (CircuitFile) -> String?) {
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
            func mean(_ values: [Double?]) -> Double? {
                let known = values.compactMap { $0 }
                return known.isEmpty || known.count < values.count ? nil : known.reduce(0, +) / Double(known.count)
            }
            files.append(
                File(
                    path: input.path, sha256: sha256(input), circuits: own.count,
                    meanKept: Double(overlap.sizes.reduce(0, +)) / Double(max(own.count, 1)), meanSize: mean(sizes),
                    meanOverlap: mean(overlap.pairs.map(\.ratio)), sharedByAll: overlap.sharedByAll, union: overlap.union))
            for (place, circuit) in input.circuits.enumerated() {
                let suffix = circuit.label.map { ":\($0)" } ?? (own.count > 1 ? ":\(place)" : "")
                circuits.append(
                    Circuit(
                        name: input.path + suffix, path: input.path, label: circuit.label, kept: overlap.sizes[place], size: sizes[place]))
            }
            all += own
        }
        let overlap = CircuitOverlap(all)
        kind = inputs.first?.circuits.first?.kind.rawValue ?? ""
        self.files = files
        self.circuits = circuits
        pairs = overlap.pairs.map {
            ComparedPair(
                a: circuits[$0.first].name, b: circuits[$0.second].name, keptInA: circuits[$0.first].kept,
                keptInB: circuits[$0.second].kept,
                shared: $0.shared, union: $0.union, overlap: $0.ratio)
        }
        sharedByAll = overlap.sharedByAll
        union = overlap.union
    }
}

/// Two circuits side by side.
struct ComparedPair: ColumnRow {
    let a: String
    let b: String
    let keptInA: Int
    let keptInB: Int
    let shared: Int
    let union: Int
    /// Intersection over union; nil where both are empty.
    let overlap: Double?

    static let columns: [Column<ComparedPair>] = [
        .text("a", "The one.") { $0.a },
        .text("b", "The other.") { $0.b },
        .whole("keptA", "The parts that the one keeps.") { $0.keptInA },
        .whole("keptB", "The parts that the other keeps.") { $0.keptInB },
        .whole("shared", "Those that both keep.") { $0.shared },
        .whole("union", "Those that either keeps.") { $0.union },
        .number("overlap", "Intersection over union; undefined where both are empty.") { $0.overlap },
    ]
}
