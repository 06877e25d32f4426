import Checkpoints
import Modularity
import Testing
import Text

@testable import Auditing

@Suite struct AuditRowTests {
    static let found = FoundCheckpoint(
        path: "/data/run/a.pt", name: "run/a.pt", files: [.init(path: "/data/run/a.pt", size: 120, modified: 1_700_000_000_123_456_789)])

    static func scores(_ layer: String?, p: Double?, z: Double? = 1.5) -> AuditRow.Scores {
        AuditRow.Scores(
            layer: layer, k: 4, measures: [0.5, 0.25, 1.0 / 3, nil, 1e-20],
            null: p.map { AuditRow.Null(samples: 99, mean: 0.31, sd: 0.0625, z: z, p: $0, q: nil) })
    }

    static func row(_ name: String, layers: [Double?] = [], mean: Double? = nil, weights: String? = nil) -> AuditRow {
        var row = AuditRow(
            name: name, status: .ok, reason: nil, base: nil, size: 1, modified: 2, fingerprint: "f")
        row.weightsSHA256 = weights
        row.results = [
            .init(k: 4, layers: layers.enumerated().map { scores("l\($0)", p: $1) }, mean: scores(nil, p: mean), networkNcut: nil)
        ]
        return row
    }

    @Test func readsWhatItWrote() throws {
        var row = AuditRow(checkpoint: Self.found, status: .failed, reason: "tensor 'a\u{202E}b': \"x\"\n<&>")
        row.sha256 = "00ff"
        row.weightsSHA256 = "12"
        row.sameAs = "other\tname"
        row.model = .init(
            container: "PyTorch zip", family: "chain", parameters: 12, dtypes: ["f32", "i64"], encodings: ["GPTQ, 4 bits"], step: 500,
            leftOut: [.init(reason: "vector", count: 3)])
        row.findings = [
            Finding(.dead, subject: "fc1.weight", side: .in, count: 2, detail: "0, 7"), Finding(.unsafe, detail: "os.system"),
        ]
        row.results = [
            .init(
                k: nil, layers: [Self.scores("fc1.weight", p: 0.01), Self.scores("fc2.weight", p: nil)], mean: Self.scores(nil, p: 0.5),
                networkNcut: 0.1)
        ]
        let line = row.line
        let read = try AuditRow(line: line)
        #expect(read == row)
        #expect(read.line == line)
        #expect(!line.contains(10))
    }

    @Test func aRowOfAnEndedWorkerHasItsFilesAndItsReason() throws {
        let row = AuditRow(checkpoint: Self.found, status: .timeout, reason: "took longer than 10 s")
        let read = try AuditRow(line: row.line)
        #expect(read == row)
        #expect((read.name, read.size, read.modified) == ("run/a.pt", 120, 1_700_000_000_123_456_789))
        #expect(read.reason == "took longer than 10 s")
        #expect(read.results.isEmpty)
    }

    @Test(arguments: [
        "", "{", "[]", "{}", #"{"schema":"modinspect.score/2"}"#, #"{"schema":"modinspect.audit/1","status":"fine"}"#,
        #"{"schema":"modinspect.audit/1","status":"ok","path":3}"#,
        #"{"schema":"modinspect.audit/1","status":"ok","path":"a","size":1.5,"modified":1,"fingerprint":""}"#,
        #"{"schema":"modinspect.audit/1","status":"ok","path":"a","size":1,"modified":1,"fingerprint":"","findings":[{"finding":"odd"}]}"#,
    ])
    func refusesOtherLines(_ line: String) {
        #expect(throws: Problem.self) { try AuditRow(line: Array(line.utf8)) }
    }

    @Test func aLineCutAnywhereIsRefused() {
        let line = Self.row("a", layers: [0.1], mean: 0.2, weights: "w").line
        for count in 0..<line.count { #expect(throws: Problem.self) { try AuditRow(line: Array(line[..<count])) } }
    }

    // scipy.stats.false_discovery_control(p), scipy 1.15.
    @Test func qValuesAreThoseOfBenjaminiAndHochberg() {
        let p = [0.01, 0.04, 0.03, 0.005, 0.55, 0.02, 0.8, 0.04, 0.0099, 1.0]
        let q = AuditRow.adjusted(p).map { $0 ?? -1 }
        let expected = [
            0.03333333333333333, 0.05714285714285715, 0.05714285714285715, 0.03333333333333333, 0.6875, 0.05, 0.888888888888889,
            0.05714285714285715, 0.03333333333333333, 1.0,
        ]
        for (q, expected) in zip(q, expected) { #expect(abs(q - expected) < 1e-15) }
    }

    @Test func qValuesAreOverTheLayersOfAllRows() {
        let rows = AuditRow.completed([
            Self.row("a", layers: [0.01, nil], mean: 0.5), Self.row("b", layers: [0.04], mean: 0.5), Self.row("c", mean: 0.2),
        ])
        #expect(rows[0].results[0].layers[0].null?.q == 0.02)
        #expect(rows[0].results[0].layers[1].null == nil)
        #expect(rows[1].results[0].layers[0].null?.q == 0.04)
        // The means are a family of their own: scipy gives 0.5, 0.5 and 0.5 for 0.5, 0.5 and 0.2.
        for (q, expected) in zip(rows.map { $0.results[0].mean.null?.q ?? -1 }, [0.5, 0.5, 0.5]) { #expect(abs(q - expected) < 1e-15) }
    }

    @Test func completingAgainReplacesWhatOtherRowsSaid() {
        let (a, b, c) = (
            Self.row("a", layers: [0.01], weights: "1"), Self.row("b", layers: [0.02], weights: "1"), Self.row("c", weights: "2")
        )
        let all = AuditRow.completed([a, b, c])
        #expect(all.map(\.sameAs) == [nil, "a", nil])
        #expect(AuditRow.completed(all) == all)
        #expect(AuditRow.completed([all[1], all[2]]) == AuditRow.completed([b, c]))
    }
}
