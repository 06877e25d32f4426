/// The overlap of circuits.
package struct CircuitOverlap: Sendable, Equatable {
    /// Two circuits side by side.
    package struct Pair: Sendable, Equatable {
        /// The places of the circuits in the list.
        package let first: Int
        package let second: Int
        /// The parts of both.
        package let shared: Int
        /// The parts of either.
        package let union: Int

        /// Intersection over union; nil if both are empty.
        package var ratio: Double? { union > 0 ? Double(shared) / Double(union) : nil }
    }

    /// The number of parts of each circuit.
    package let sizes: [Int]
    /// Every pair, the first circuit with all others, then the second with those after it, and so on.
    package let pairs: [Pair]
    /// The parts that every circuit has.
    package let sharedByAll: Int
    /// The parts that any circuit has.
    package let union: Int

    /// - Parameter circuits: the parts of each by their numbers in one ``CircuitVocabulary``, in any order; repetitions count once.
    package init(_ circuits: [[UInt64]]) {
        let sets = circuits.map { Self.distinct($0) }
        sizes = sets.map(\.count)
        var pairs: [Pair] = []
        for first in sets.indices {
            for second in sets.indices.dropFirst(first + 1) {
                let shared = Self.intersection(sets[first], sets[second]).count
                pairs.append(Pair(first: first, second: second, shared: shared, union: sizes[first] + sizes[second] - shared))
            }
        }
        self.pairs = pairs
        var common = sets.first ?? []
        for set in sets.dropFirst() { common = Self.intersection(common, set) }
        sharedByAll = common.count
        union = Self.distinct(sets.flatMap { $0 }).count
    }

    private static func distinct(_ parts: [UInt64]) -> [UInt64] {
        let sorted = parts.sorted()
        var kept: [UInt64] = []
        kept.reserveCapacity(sorted.count)
        for part in sorted where part != kept.last { kept.append(part) }
        return kept
    }

    /// What two ascending lists share.
    private static func intersection(_ a: [UInt64], _ b: [UInt64]) -> [UInt64] {
        var shared: [UInt64] = []
        var (i, j) = (0, 0)
        while i < a.count, j < b.count {
            if a[i] == b[j] {
                shared.append(a[i])
                (i, j) = (i + 1, j + 1)
            } else if a[i] < b[j] {
                i += 1
            } else {
                j += 1
            }
        }
        return shared
    }
}
