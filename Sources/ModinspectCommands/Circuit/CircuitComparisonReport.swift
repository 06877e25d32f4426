import Circuits

/// How far circuits agree, as one json document.
struct CircuitComparisonReport: Encodable {
    static let schema = "modinspect.circuit-overlap/2"

    /// What circuits consist of: weights or edges.
    let kind: String
    let files: [CheckpointResult<File>]
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
        /// The mean share of the parts that are kept, if the file records how many there are.
        let meanSize: Double?
        /// The mean overlap of its pairs; nil for a single circuit.
        let meanOverlap: Double?
        let sharedByAll: Int
        let union: Int
    }

    struct Circuit: Encodable {
        /// The file, and the label if there is one.
        let name: String
        let path: String
        let label: Int?
        let kept: Int
        let size: Double?
    }

    /// - Parameter hashes: of the files, in their order.
    init(_ comparison: CircuitComparison, sha256 hashes: [String?], failed: [FailedCheckpoint] = []) {
        kind = comparison.kind?.rawValue ?? ""
        files =
            zip(comparison.files, hashes).map { file, hash in
                .ok(
                    File(
                        path: file.path, sha256: hash, circuits: file.circuits, meanKept: file.meanKept, meanSize: file.meanSize,
                        meanOverlap: file.meanOverlap, sharedByAll: file.sharedByAll, union: file.union))
            } + failed.map { .failed($0) }
        let circuits = comparison.circuits.map {
            Circuit(name: $0.name, path: $0.path, label: $0.label, kept: $0.kept, size: $0.size)
        }
        self.circuits = circuits
        pairs = comparison.overlap.pairs.map {
            ComparedPair(
                a: circuits[$0.first].name, b: circuits[$0.second].name, keptInA: circuits[$0.first].kept,
                keptInB: circuits[$0.second].kept,
                shared: $0.shared, union: $0.union, overlap: $0.ratio)
        }
        sharedByAll = comparison.overlap.sharedByAll
        union = comparison.overlap.union
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
    /// Intersection over union; nil if both are empty.
    let overlap: Double?

    static let columns: [Column<ComparedPair>] = [
        .text("a", "The first circuit.") { $0.a },
        .text("b", "The second circuit.") { $0.b },
        .whole("keptA", "The number of parts that the first keeps.") { $0.keptInA },
        .whole("keptB", "The number of parts that the second keeps.") { $0.keptInB },
        .whole("shared", "The number of parts that both keep.") { $0.shared },
        .whole("union", "The number of parts that either keeps.") { $0.union },
        .number("overlap", "Intersection over union; undefined if both are empty.") { $0.overlap },
    ]
}
