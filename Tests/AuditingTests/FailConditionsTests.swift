import Modularity
import Testing
import Text

@testable import Auditing

@Suite struct FailConditionsTests {
    private static func row(
        _ name: String, adjusted: Double?, z: Double? = nil, status: AuditStatus = .ok, findings: [Finding] = [], weights: String = "w"
    ) -> AuditRow {
        var row = AuditRow(
            name: name, status: status, reason: status == .ok ? nil : "why", base: nil, size: 1, modified: 1, fingerprint: "f")
        row.weightsSHA256 = weights
        row.findings = findings
        if status == .ok {
            let measures = Measure.allCases.map { $0 == .adjusted ? adjusted : 0.5 }
            let null = AuditRow.Null(samples: 9, mean: 0.3, sd: 0.1, z: z, p: 0.1, q: 0.2)
            row.results = [.init(k: 4, layers: [], mean: .init(layer: nil, k: 4, measures: measures, null: null), networkNcut: nil)]
        }
        return row
    }

    private static func names(_ text: String, _ rows: [AuditRow], old: [AuditRow]? = nil) throws -> [String] {
        try FailConditions(text).breaches(rows, against: old.map { AuditComparison(old: $0, new: rows) }).map(\.name)
    }

    private static let rows = [
        row("low", adjusted: 0.05, z: 1), row("high", adjusted: 0.4, z: 5), row("limit", adjusted: 0.1, z: 2), row("none", adjusted: nil),
        row("bad", adjusted: nil, status: .failed), row("late", adjusted: nil, status: .timeout),
        row("nan", adjusted: 0.4, z: 9, findings: [Finding(.nan, subject: "b", count: 2)]),
        row("pickle", adjusted: 0.4, z: 9, findings: [Finding(.unsafe, detail: "os.system")]),
    ]

    @Test(arguments: [
        ("unreadable", ["bad", "late"]), ("timeout", ["late"]), ("failed", ["bad"]), ("crashed", []), ("nan", ["nan"]),
        ("unsafe", ["pickle"]),
        ("adjusted<0.1", ["low", "none"]), ("adjusted<=0.1", ["low", "limit", "none"]),
        ("adjusted>0.3", ["high", "none", "nan", "pickle"]),
        ("adjusted>=.4", ["high", "none", "nan", "pickle"]), ("z<2", ["low", "none"]),
        ("q<=0.2", ["low", "high", "limit", "none", "nan", "pickle"]),
        (" z < 2 , unsafe", ["low", "none", "pickle"]), ("adjusted<-1e3", ["none"]),
    ])
    func conditionsHoldForTheseRows(text: String, names: [String]) throws { #expect(try Self.names(text, Self.rows) == names) }

    @Test func everyMeasureAndFindingIsACondition() throws {
        for measure in Measure.allCases { _ = try FailConditions("\(measure.rawValue)<0,\(measure.rawValue)-change>1") }
        for kind in Finding.Kind.allCases { _ = try FailConditions(kind.rawValue) }
        for status in AuditStatus.allCases where status != .ok { _ = try FailConditions(status.rawValue) }
        for word in FailConditions.words { _ = try FailConditions(word) }
        #expect(throws: Problem.self) { try FailConditions("ok") }
    }

    @Test func changesAreFromTheEarlierAudit() throws {
        let old = [
            Self.row("low", adjusted: 0.2), Self.row("high", adjusted: 0.41, weights: "v"), Self.row("lost", adjusted: 0.3),
            Self.row("none", adjusted: 0.1),
        ]
        let new = [
            Self.row("low", adjusted: 0.1), Self.row("high", adjusted: 0.4), Self.row("fresh", adjusted: 0),
            Self.row("none", adjusted: nil),
        ]
        #expect(try Self.names("adjusted-change<-0.05", new, old: old) == ["low"])
        #expect(try Self.names("adjusted-change<-0.005", new, old: old) == ["low", "high"])
        #expect(try Self.names("new", new, old: old) == ["fresh"])
        #expect(try Self.names("gone", new, old: old) == ["lost"])
        #expect(try Self.names("changed", new, old: old) == ["high"])
        #expect(try Self.names("new", new).isEmpty)
    }

    @Test func whatAConditionNeedsIsKnown() throws {
        #expect(try FailConditions("adjusted-change<0").needsBaseline)
        #expect(try FailConditions("nan,gone").needsBaseline)
        #expect(try !FailConditions("nan,adjusted<0").needsBaseline)
        #expect(try FailConditions("q>0.05").needsNullModel)
        #expect(try FailConditions("z-change<0").needsNullModel)
        #expect(try !FailConditions("adjusted<0").needsNullModel)
    }

    @Test func breachesSayWhatWasFound() throws {
        let breaches = try FailConditions("adjusted<0.1,nan,unreadable").breaches(Self.rows)
        #expect(
            breaches.map(\.line) == [
                "low: adjusted<0.1: 0.0500", "none: adjusted<0.1: undefined", "bad: unreadable: why", "late: unreadable: why",
                "nan: nan: b, 2",
            ])
        let comparison = AuditComparison(old: [], new: Self.rows)
        #expect(
            try FailConditions("new").breaches(Self.rows, against: comparison).first?.line
                == "\(Self.rows[0].name): new: not in the earlier audit")
    }

    @Test(arguments: [
        ("adjustd<0.1", "character 1: unknown condition, expected a measure, z, p or q, the nearest is adjusted, found 'adjustd'"),
        ("nan,unreadabel", "character 5: unknown condition, expected a condition, the nearest is unreadable, found 'unreadabel'"),
        ("adjusted", "character 1: 'adjusted' is compared with nothing, expected a limit such as adjusted<0.1"),
        ("nan, adjusted=0.1", "character 14: unknown comparison, expected <=, >=, < and >, found '='"),
        ("adjusted<low", "character 10: not a number, expected a number after <, found 'low'"),
        ("adjusted< nan", "character 11: not a number, expected a number after <, found 'nan'"),
        ("nan<3", "character 1: 'nan' has no value to compare, expected nan alone"),
        ("nan,,unsafe", "character 5: a condition is empty, expected a condition such as unreadable or adjusted<0.1"),
        ("", "character 1: a condition is empty, expected a condition such as unreadable or adjusted<0.1"),
    ])
    func errorsNameThePlaceAndTheNearestWord(text: String, line: String) {
        let problem = #expect(throws: Problem.self) { try FailConditions(text) }
        #expect(problem?.description == line)
    }
}
