import Modularity

/// What the rows of an audit say together.
package struct AuditSummary: Sendable {
    /// A value that occurs in rows, and how often.
    package struct Count: Sendable, Equatable {
        package let name: String
        package let count: Int
    }

    /// A row and its value.
    package struct Ranked: Sendable, Equatable {
        package let name: String
        package let value: Double
    }

    package let measure: Measure
    package let total: Int
    /// In the order of ``AuditStatus``, those that occur.
    package let statuses: [Count]
    /// Families, the most frequent first.
    package let families: [Count]
    /// Findings in the order of their kinds: how many checkpoints have some.
    package let findings: [Count]
    /// Reasons of rows that are not ok, the most frequent first.
    package let reasons: [Count]
    /// How many rows have the weights of another.
    package let repeated: Int
    /// The rows with a value, the best first; equal ones in the order of the rows.
    package let ranked: [Ranked]
    /// How many rows were scored and have no value.
    package let undefined: Int
    /// The layers of all rows with a q-value, and how many of these are at most 0.05.
    package let tested: Int
    package let significant: Int

    /// The q-value up to which a layer counts as more modular than noise.
    package static let significance = 0.05

    package init(_ rows: [AuditRow], measure: Measure) {
        self.measure = measure
        total = rows.count
        statuses = AuditStatus.allCases.compactMap { status in
            let count = rows.count { $0.status == status }
            return count > 0 ? Count(name: status.rawValue, count: count) : nil
        }
        families = Self.counted(rows.compactMap { $0.model?.family })
        findings = Finding.Kind.allCases.compactMap { kind in
            let count = rows.count { $0.findings.contains { $0.kind == kind } }
            return count > 0 ? Count(name: kind.rawValue, count: count) : nil
        }
        reasons = Self.counted(rows.filter { $0.status != .ok }.map { $0.reason ?? $0.status.rawValue })
        repeated = rows.count { $0.sameAs != nil }
        let values = rows.enumerated().compactMap { place, row in row[measure].map { (place, Ranked(name: row.name, value: $0)) } }
        let isHigherBetter = measure.direction == .higherIsBetter
        ranked = values.sorted { first, second in
            guard first.1.value == second.1.value else { return (first.1.value > second.1.value) == isHigherBetter }
            return first.0 < second.0
        }.map(\.1)
        undefined = rows.count { !$0.results.isEmpty } - ranked.count
        let q = rows.flatMap { $0.results.flatMap { $0.layers.compactMap { $0.null?.q } } }
        tested = q.count
        significant = q.count { $0 <= Self.significance }
    }

    private static func counted(_ names: [String]) -> [Count] {
        let counts = Dictionary(grouping: names, by: { $0 }).mapValues(\.count)
        return counts.map { Count(name: $0.key, count: $0.value) }.sorted { ($1.count, $0.name) < ($0.count, $1.name) }
    }

    /// A bar of a histogram: values from `low` on, below `high`; the last bar has `high` too.
    package struct Bin: Sendable, Equatable {
        package let low: Double
        package let high: Double
        package let count: Int
    }

    /// The distribution of the values in bars of equal, round width, or in one bar where they hardly differ; empty without values.
    package func histogram(atMost limit: Int = 12) -> [Bin] {
        let values = ranked.map(\.value)
        guard let least = values.min(), let most = values.max() else { return [] }
        let span = (most - least) / Double(limit - 1)
        guard span > 0, span.isFinite, max(abs(least), abs(most)) / span < 1e12 else {
            return [Bin(low: least, high: most, count: values.count)]
        }
        let width = Self.roundWidth(atLeast: span)
        let first = (least / width).rounded(.down)
        let count = Int(((most / width).rounded(.down) - first)) + 1
        var counts = [Int](repeating: 0, count: count)
        for value in values { counts[min(max(Int((value / width).rounded(.down) - first), 0), count - 1)] += 1 }
        return counts.enumerated().map { place, count in
            Bin(low: (first + Double(place)) * width, high: (first + Double(place) + 1) * width, count: count)
        }
    }

    /// The smallest of 1, 2 and 5 times a power of ten that is at least `width`.
    private static func roundWidth(atLeast width: Double) -> Double {
        var power = 1.0
        while power > width, power > .leastNormalMagnitude { power /= 10 }
        while power * 10 <= width { power *= 10 }
        for factor in [1.0, 2, 5] where power * factor >= width { return power * factor }
        return power * 10
    }
}
