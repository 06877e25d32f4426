import Checkpoints
import Text

/// Findings as they are collected: a hostile file has as many as it likes.
struct FindingList {
    private(set) var findings: [Finding] = []
    private var listed: [Finding.Kind: Int] = [:]
    private var others: [Finding.Kind: Int] = [:]

    /// The findings of one kind that are listed; the others are counted.
    static let mostOfAKind = 100
    /// The neurons and names that a finding lists.
    private static let mostNamed = 10

    mutating func add(
        _ kind: Finding.Kind, subject: String? = nil, side: Finding.Side? = nil, count: Int = 1, detail: String? = nil
    ) {
        guard count > 0 else { return }
        guard listed[kind, default: 0] < Self.mostOfAKind else {
            others[kind, default: 0] = others[kind, default: 0].addingReportingOverflow(count).partialValue
            return
        }
        listed[kind, default: 0] += 1
        findings.append(
            Finding(
                kind, subject: subject?.shortened(to: 1024), side: side, count: count,
                detail: detail?.shortened(to: 1024)))
    }

    /// What a pickle would call, and what could not be searched for it.
    ///
    /// - Parameter foreign: globals that are known beside those of the scan.
    mutating func add(_ scan: PickleScan, foreign: [String]) {
        for name in Set(foreign + scan.globals.filter(\.isForeign).map(\.name)).sorted() { add(.unsafe, detail: name) }
        for hidden in scan.hidden {
            add(.unscanned, subject: hidden.member.isEmpty ? nil : hidden.member, detail: hidden.problem.what)
        }
    }

    /// Neurons as a finding names them: `3, 17 and 4 more`.
    static func names(_ neurons: [Int]) -> String { neurons.lazy.map(String.init).prefix(mostNamed).listed(of: neurons.count) }

    static func names(_ pairs: [RepeatedNeurons.Pair], _ relation: String) -> String {
        pairs.lazy.map { "\($0.neuron) \(relation) \($0.first)" }.prefix(mostNamed).listed(of: pairs.count)
    }

    /// All findings in the order of their kinds, each kind in the order in which it was found, then the number of those not listed.
    var ordered: [Finding] {
        Finding.Kind.allCases.flatMap { kind in
            findings.filter { $0.kind == kind }
                + (others[kind].map { [Finding(kind, count: $0, detail: "others, which are not listed")] } ?? [])
        }
    }
}

extension Sequence<String> {
    fileprivate func listed(of total: Int) -> String { Array(self).listed(of: total, atMost: 10) }
}
