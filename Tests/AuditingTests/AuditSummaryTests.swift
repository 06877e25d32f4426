import Modularity
import Testing

@testable import Auditing

@Suite struct AuditSummaryTests {
    private static func row(_ name: String, _ value: Double?, status: AuditStatus = .ok, reason: String? = nil) -> AuditRow {
        var row = AuditRow(name: name, status: status, reason: reason, base: nil, size: 1, modified: 1, fingerprint: "f")
        if status == .ok {
            row.results = [
                .init(
                    k: 4, layers: [], mean: .init(layer: nil, k: 4, measures: Measure.allCases.map { _ in value }, null: nil),
                    networkNcut: nil)
            ]
        }
        return row
    }

    @Test func rowsAreRankedBestFirst() {
        let rows = [
            Self.row("a", 0.2), Self.row("b", 0.9), Self.row("c", nil), Self.row("d", 0.2),
            Self.row("e", nil, status: .failed, reason: "x"),
        ]
        #expect(AuditSummary(rows, measure: .adjusted).ranked.map(\.name) == ["b", "a", "d"])
        #expect(AuditSummary(rows, measure: .ncut).ranked.map(\.name) == ["a", "d", "b"])
        #expect(AuditSummary(rows, measure: .adjusted).undefined == 1)
        #expect(AuditSummary(rows, measure: .adjusted).statuses == [.init(name: "ok", count: 4), .init(name: "failed", count: 1)])
    }

    @Test func theHistogramHasEveryValueInABarOfRoundWidth() {
        let values = [0.013, 0.02, 0.11, 0.111, 0.47, 0.5, 0.98]
        let bins = AuditSummary(values.map { Self.row("r", $0) }, measure: .adjusted).histogram()
        #expect(bins.map(\.count).reduce(0, +) == values.count)
        #expect(bins.count <= 12)
        for bin in bins {
            #expect(abs(bin.high - bin.low - 0.1) < 1e-12)
            #expect(values.count { $0 >= bin.low - 1e-12 && $0 < bin.high - 1e-12 } == bin.count)
        }
    }

    @Test(arguments: [[], [0.5], [0.5, 0.5], [1e308, -1e308], [0, 5e-324], [1e15, 1e15 + 1], [-3, 1e-9]] as [[Double]])
    func noValuesBreakTheHistogram(
        values: [Double]
    ) {
        let bins = AuditSummary(values.map { Self.row("r", $0) }, measure: .adjusted).histogram()
        #expect(bins.map(\.count).reduce(0, +) == values.count)
        #expect(bins.isEmpty == values.isEmpty)
    }

    @Test func checkpointsAreComparedByWeightsStatusAndFindings() {
        func row(_ name: String, weights: String?, sha256: String? = "s", status: AuditStatus = .ok, findings: [Finding] = []) -> AuditRow {
            var row = Self.row(name, 0.5, status: status)
            (row.weightsSHA256, row.sha256, row.findings) = (weights, sha256, findings)
            return row
        }
        let old = [
            row("same", weights: "1", sha256: "a"), row("weights", weights: "1"), row("status", weights: "1"), row("finding", weights: "1"),
            row("file", weights: nil, sha256: "a"), row("lost", weights: "1"),
        ]
        let new = [
            row("fresh", weights: "1"), row("same", weights: "1", sha256: "b"), row("weights", weights: "2"),
            row("status", weights: "1", status: .failed), row("finding", weights: "1", findings: [Finding(.dead)]),
            row("file", weights: nil, sha256: "b"),
        ]
        let comparison = AuditComparison(old: old, new: new)
        #expect(
            comparison.entries.map { "\($0.name) \($0.change.rawValue)" } == [
                "fresh new", "same unchanged", "weights changed", "status changed", "finding changed", "file changed", "lost gone",
            ])
        #expect(AuditComparison.Change.allCases.map { comparison[$0] } == [1, 1, 4, 1])
        #expect(comparison.difference(of: .adjusted, "same") == 0)
        #expect(comparison.difference(of: .adjusted, "fresh") == nil)
    }
}
