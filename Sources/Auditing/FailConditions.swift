import Modularity
import Text

/// Conditions under which an audit counts as failed: words and comparisons between commas, `unreadable,nan,adjusted<0.1`.
package struct FailConditions: Sendable {
    /// A value of a mean over the layers that a condition compares.
    enum Value: Hashable, Sendable {
        case measure(Measure)
        case z, p, q

        static let all: [(name: String, value: Value)] =
            Measure.allCases.map { ($0.rawValue, .measure($0)) } + [("z", .z), ("p", .p), ("q", .q)]

        var needsNullModel: Bool {
            switch self {
            case .measure: false
            case .z, .p, .q: true
            }
        }

        func value(of scores: AuditRow.Scores) -> Double? {
            switch self {
            case .measure(let measure): scores[measure]
            case .z: scores.null?.z
            case .p: scores.null?.p
            case .q: scores.null?.q
            }
        }
    }

    enum Relation: String, CaseIterable, Sendable {
        // The longer ones first: they begin like the others.
        case atMost = "<="
        case atLeast = ">="
        case less = "<"
        case greater = ">"

        func holds(_ value: Double, _ limit: Double) -> Bool {
            switch self {
            case .atMost: value <= limit
            case .atLeast: value >= limit
            case .less: value < limit
            case .greater: value > limit
            }
        }
    }

    enum Condition: Sendable, Equatable {
        /// The status is not ok.
        case unreadable
        case status(AuditStatus)
        case finding(Finding.Kind)
        case change(AuditComparison.Change)
        case value(Value, Relation, Double)
        /// The difference to the earlier audit.
        case difference(Value, Relation, Double)
    }

    /// A row that a condition holds for.
    package struct Breach: Sendable, Equatable {
        /// The row's name.
        package let name: String
        /// The condition as it was written.
        package let condition: String
        /// What was found, in words: `0.0312`, `2 weights`.
        package let found: String
    }

    private let conditions: [(text: String, condition: Condition)]

    /// What ends the name of a value whose difference to the earlier audit is meant.
    private static let changeEnding = "-change"

    /// The words that are conditions by themselves.
    package static var words: [String] {
        ["unreadable"] + AuditStatus.allCases.filter { $0 != .ok }.map(\.rawValue) + Finding.Kind.allCases.map(\.rawValue)
            + AuditComparison.Change.allCases.filter { $0 != .unchanged }.map(\.rawValue)
    }

    /// The names that can be compared with a number; each may be followed by `-change`.
    package static var values: [String] { Value.all.map(\.name) }

    /// - Throws: ``Problem`` for anything else than conditions between commas, with the place and the nearest word.
    package init(_ text: String) throws(Problem) {
        var conditions: [(String, Condition)] = []
        var place = 1
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let trimmed = part.trimmed
            let start = place + part.prefix { $0 == " " }.count
            conditions.append((trimmed, try Self.condition(trimmed, place: start)))
            place += part.count + 1
        }
        self.conditions = conditions
    }

    private static func condition(_ text: String, place: Int) throws(Problem) -> Condition {
        guard !text.isEmpty else {
            throw Problem("a condition is empty", subject: "character \(place)", expected: "a condition such as unreadable or adjusted<0.1")
        }
        guard let mark = text.firstIndex(where: { "<>=!".contains($0) }) else { return try word(text, place: place) }
        let name = text[..<mark].trimmed
        let rest = text[mark...]
        guard let relation = Relation.allCases.first(where: { rest.hasPrefix($0.rawValue) }) else {
            let found = rest.prefix { "<>=!".contains($0) }
            throw Problem(
                "unknown comparison", subject: "character \(place + text[..<mark].count)",
                expected: Hint.list(Relation.allCases.map(\.rawValue)), found: String(found).quotedInMessage)
        }
        let number = rest.dropFirst(relation.rawValue.count)
        guard let limit = Double(decimal: number.trimmed) else {
            throw Problem(
                "not a number", subject: "character \(place + text.count - number.count + number.prefix { $0 == " " }.count)",
                expected: "a number after \(relation.rawValue)", found: number.trimmed.quotedInMessage)
        }
        if let value = Value.all.first(where: { $0.name == name })?.value { return .value(value, relation, limit) }
        if name.hasSuffix(changeEnding),
            let value = Value.all.first(where: { $0.name == String(name.dropLast(changeEnding.count)) })?.value
        {
            return .difference(value, relation, limit)
        }
        if (try? word(name, place: place)) != nil {
            throw Problem("'\(name)' has no value to compare", subject: "character \(place)", expected: "\(name) alone")
        }
        throw unknown(name, place: place, expected: "a measure, z, p or q", known: values + values.map { $0 + changeEnding })
    }

    private static func word(_ text: String, place: Int) throws(Problem) -> Condition {
        if text == "unreadable" { return .unreadable }
        if let status = AuditStatus(rawValue: text), status != .ok { return .status(status) }
        if let kind = Finding.Kind(rawValue: text) { return .finding(kind) }
        if let change = AuditComparison.Change(rawValue: text), change != .unchanged { return .change(change) }
        let compared = values + values.map { $0 + changeEnding }
        if compared.contains(text) {
            throw Problem("'\(text)' is compared with nothing", subject: "character \(place)", expected: "a limit such as \(text)<0.1")
        }
        throw unknown(text, place: place, expected: "a condition", known: words + compared)
    }

    private static func unknown(_ name: String, place: Int, expected: String, known: [String]) -> Problem {
        let nearest = GlobPattern(name.replacing("*", with: ""), readsSets: false).nearest(in: known.map { ($0, $0) }, count: 1)
        return Problem(
            "unknown condition", subject: "character \(place)",
            expected: expected + (nearest.first.map { ", the nearest is \($0)" } ?? ""), found: name.quotedInMessage)
    }

    /// Whether a condition compares with an earlier audit.
    package var needsBaseline: Bool {
        conditions.contains {
            switch $0.condition {
            case .change, .difference: true
            case .unreadable, .status, .finding, .value: false
            }
        }
    }

    /// Whether a condition needs a null model.
    package var needsNullModel: Bool {
        conditions.contains {
            switch $0.condition {
            case .value(let value, _, _), .difference(let value, _, _): value.needsNullModel
            case .unreadable, .status, .finding, .change: false
            }
        }
    }

    /// The rows that conditions hold for, in the order of the rows, each with the conditions in their order.
    ///
    /// A value that is undefined although the checkpoint was scored breaks every condition on it; a difference that is undefined breaks
    /// none. With several numbers of clusters one is enough.
    package func breaches(_ rows: [AuditRow], against comparison: AuditComparison? = nil) -> [Breach] {
        let present = rows.flatMap { row in
            conditions.compactMap { text, condition in
                found(condition, row, comparison).map { Breach(name: row.name, condition: text, found: $0) }
            }
        }
        let gone = comparison?.entries.filter { $0.change == .gone } ?? []
        guard let condition = conditions.first(where: { $0.condition == .change(.gone) }) else { return present }
        return present + gone.map { Breach(name: $0.name, condition: condition.text, found: AuditComparison.Change.gone.found) }
    }

    /// What breaks a condition; nil if nothing does.
    private func found(_ condition: Condition, _ row: AuditRow, _ comparison: AuditComparison?) -> String? {
        switch condition {
        case .unreadable: return row.status == .ok ? nil : row.reason ?? row.status.rawValue
        case .status(let status): return row.status == status ? row.reason ?? status.rawValue : nil
        case .finding(let kind):
            guard let first = row.findings.first(where: { $0.kind == kind }) else { return nil }
            return first.words.isEmpty ? "found" : first.words
        case .change(let change):
            return comparison?.change(of: row.name) == change ? change.found : nil
        case .value(let value, let relation, let limit):
            for result in row.results {
                let found = value.value(of: result.mean)
                if found.map({ relation.holds($0, limit) }) ?? true { return Self.words(found, k: result.k, of: row.results.count) }
            }
        case .difference(let value, let relation, let limit):
            for (k, difference) in comparison?.differences(row.name, value.value(of:)) ?? [] {
                if let difference, relation.holds(difference, limit) { return Self.words(difference, k: k, of: row.results.count) }
            }
        }
        return nil
    }

    private static func words(_ value: Double?, k: Int?, of count: Int) -> String {
        (value.map(ByteText.rounded) ?? "undefined") + (count > 1 ? k.map { " for \($0) clusters" } ?? "" : "")
    }
}

extension FailConditions.Breach {
    /// `run/a.pt: adjusted<0.1: 0.0312`.
    package var line: String { "\(name): \(condition): \(found)".singleLine }
}

extension Finding {
    /// The finding in words: `dead: fc1.weight (out), 3: 1, 2, 7`.
    package var line: String { words.isEmpty ? kind.rawValue : "\(kind.rawValue): \(words)" }

    /// The finding in words without its name.
    var words: String {
        var text = subject.map { $0 + (side.map { " (\($0.rawValue))" } ?? "") } ?? ""
        if count > 1 { text += (text.isEmpty ? "" : ", ") + ByteText.grouped(count) }
        if let detail { text += (text.isEmpty ? "" : ": ") + detail }
        return text.singleLine
    }
}

extension StringProtocol {
    /// The text without spaces at either end.
    fileprivate var trimmed: String {
        var rest = Substring(self)
        while rest.first == " " { rest.removeFirst() }
        while rest.last == " " { rest.removeLast() }
        return String(rest)
    }
}
