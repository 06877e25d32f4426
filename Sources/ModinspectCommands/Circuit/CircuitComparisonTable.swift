import Archives
import Text

/// How far circuits agree, as text and as rows.
enum CircuitComparisonTable {
    static var header: String { ComparedPair.columns.header(before: ["status"]) }

    /// The row of a file that could not be read, as `a`.
    static func row(_ failure: FailedCheckpoint) -> String { TSV.row(failure, columns: ComparedPair.columns.count + 1) }

    static func row(_ pair: ComparedPair) -> String { ComparedPair.columns.tsv(pair, before: [CheckpointStatus.ok.rawValue]) }

    /// More circuits than this have no table of pairs.
    private static let mostShown = 20

    private static func number(_ value: Double?) -> String { value.map(ByteText.rounded) ?? "-" }

    static func text(_ report: CircuitComparisonReport) -> String {
        var files = TextTable([
            ("file", .left), ("circuits", .right), ("mean \(report.kind)", .right), ("mean size", .right), ("mean overlap", .right),
            ("in all", .right), ("in any", .right),
        ])
        var failures = ""
        for result in report.files {
            guard case .ok(let file) = result else {
                if case .failed(let failure) = result { failures += failure.text }
                continue
            }
            files.add([
                file.path, "\(file.circuits)", ByteText.fixed(file.meanKept, digits: 1), number(file.meanSize), number(file.meanOverlap),
                ByteText.grouped(file.sharedByAll), ByteText.grouped(file.union),
            ])
        }
        if report.files.count > 1 {
            files.add(["all", "\(report.circuits.count)", "", "", "", ByteText.grouped(report.sharedByAll), ByteText.grouped(report.union)])
        }
        guard report.circuits.count <= mostShown else {
            return files.text() + failures + "\n\(report.pairs.count) pairs: tsv has their overlaps\n"
        }
        let count = report.circuits.count
        var matrix = TextTable([("circuit", .left), (report.kind, .right)] + (0..<count - 1).map { ("\($0)", .right) }, keys: 2)
        var overlaps = [[Double?]](repeating: Array(repeating: nil, count: count), count: count)
        var next = 0
        for first in 0..<count {
            for second in first + 1..<max(count, first + 1) {
                overlaps[second][first] = report.pairs[next].overlap
                next += 1
            }
        }
        for (place, circuit) in report.circuits.enumerated() {
            matrix.add(
                ["\(place) \(circuit.name)", ByteText.grouped(circuit.kept)]
                    + (0..<count - 1).map { $0 < place ? overlaps[place][$0].map { ByteText.fixed($0, digits: 2) } ?? "-" : "" })
        }
        return files.text() + failures + "\noverlap: intersection over union\n" + matrix.text()
    }
}
