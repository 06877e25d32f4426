import Modularity
import Text

/// The rows of an audit compared with those of an earlier one.
package struct AuditComparison: Sendable {
    /// What became of a checkpoint.
    package enum Change: String, Sendable, CaseIterable {
        /// It is not in the earlier audit.
        case new
        /// It is in the earlier audit alone.
        case gone
        /// Its weights, its status or its findings are others.
        case changed
        case unchanged

        /// What was found, in words, after the name of the change.
        var found: String {
            switch self {
            case .new: "not in the earlier audit"
            case .gone: "only in the earlier audit"
            case .changed: "weights, status or findings differ"
            case .unchanged: "nothing differs"
            }
        }

        package var documentation: String {
            switch self {
            case .new: "The checkpoint is not in the earlier audit."
            case .gone: "The checkpoint is only in the earlier audit."
            case .changed: "Its weights, its status or its findings differ."
            case .unchanged: "Nothing of these differs."
            }
        }
    }

    /// A checkpoint of either audit.
    package struct Entry: Sendable {
        package let name: String
        package let change: Change
        package let old: AuditRow?
        package let new: AuditRow?
    }

    /// The checkpoints of the new audit in its order, then those that are gone in the order of the earlier one.
    package let entries: [Entry]
    private let places: [ExactText: Int]

    package init(old: [AuditRow], new: [AuditRow]) {
        let before = Dictionary(old.map { (ExactText($0.name), $0) }, uniquingKeysWith: { _, last in last })
        let names = Set(new.map { ExactText($0.name) })
        let present = new.map { row in
            let old = before[ExactText(row.name)]
            let change: Change = old.map { Self.isChanged($0, row) ? .changed : .unchanged } ?? .new
            return Entry(name: row.name, change: change, old: old, new: row)
        }
        entries =
            present
            + old.filter { !names.contains(ExactText($0.name)) }.map { Entry(name: $0.name, change: .gone, old: $0, new: nil) }
        places = Dictionary(entries.enumerated().map { (ExactText($1.name), $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// The same weights in another file are no change; the files are asked only where the weights have no digest.
    private static func isChanged(_ old: AuditRow, _ new: AuditRow) -> Bool {
        if old.status != new.status || old.findings != new.findings { return true }
        if let before = old.weightsSHA256, let after = new.weightsSHA256 { return before != after }
        if let before = old.sha256, let after = new.sha256 { return before != after }
        return old.fingerprint != new.fingerprint
    }

    /// What became of the checkpoint called `name`; nil for one of neither audit.
    package func change(of name: String) -> Change? { places[ExactText(name)].map { entries[$0].change } }

    /// How many checkpoints there are of each change.
    package subscript(change: Change) -> Int { entries.count { $0.change == change } }

    /// The difference of a value of the means, new minus old, for each number of clusters that both have; nil where one is undefined.
    func differences(_ name: String, _ value: (AuditRow.Scores) -> Double?) -> [(k: Int?, difference: Double?)] {
        guard let place = places[ExactText(name)], let old = entries[place].old, let new = entries[place].new else { return [] }
        return new.results.compactMap { result in
            guard let before = old.results.first(where: { $0.k == result.k }) else { return nil }
            guard let first = value(before.mean), let second = value(result.mean) else { return (result.k, nil) }
            return (result.k, second - first)
        }
    }

    /// The difference of a measure of the means with `k` clusters, new minus old; nil if one of them is undefined or there is no other.
    package func difference(of measure: Measure, _ name: String, k: Int?) -> Double? {
        differences(name) { $0[measure] }.first { $0.k == k }?.difference
    }

    /// The difference of a measure of the means with the first number of clusters that both audits have; nil if it is undefined.
    package func difference(of measure: Measure, _ name: String) -> Double? { differences(name) { $0[measure] }.first?.difference }
}
