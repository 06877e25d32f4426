import Tensors

/// How a circuit fares when its pairs are drawn again, with replacement.
public struct CircuitBootstrap: Sendable {
    public let resamples: Int
    /// For each edge in how many of the circuits it is.
    public private(set) var counts: [Int]
    /// The sum of the overlaps, intersection over union, with the circuit of all pairs.
    private var overlaps = 0.0

    /// The mean overlap, intersection over union, of the circuits with the one of all pairs.
    public var meanOverlap: Double { overlaps / Double(max(resamples, 1)) }

    /// The pairs of one resampling: as many as there are, some of them more than once.
    static func draw(_ pairs: Int, seed: UInt64, index: Int) -> [Int] {
        var generator = SeededGenerator(seed: seed, purpose: "circuit bootstrap", index: index)
        return (0..<pairs).map { _ in generator.integer(below: pairs) }
    }

    /// - Parameters:
    ///   - circuit: found with all pairs.
    ///   - pairs: how many there are.
    ///   - find: the circuit of the pairs at the given places.
    public init(
        of circuit: EdgeSet, pairs: Int, resamples: Int, seed: UInt64, progress: (Int) -> Void = { _ in }, find: ([Int]) throws -> EdgeSet
    ) rethrows {
        self.resamples = resamples
        counts = [Int](repeating: 0, count: circuit.count)
        for index in 0..<resamples {
            let found = try find(Self.draw(pairs, seed: seed, index: index))
            var shared = 0
            var union = 0
            for edge in found.indices {
                if found[edge] { counts[edge] += 1 }
                if found[edge], circuit[edge] { shared += 1 }
                if found[edge] || circuit[edge] { union += 1 }
            }
            overlaps += union > 0 ? Double(shared) / Double(union) : 1
            progress(1)
        }
    }
}
