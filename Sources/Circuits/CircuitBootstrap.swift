import Tensors

/// How a circuit changes if the data it was found with is resampled with replacement.
package struct CircuitBootstrap: Sendable {
    package let resamples: Int
    /// For each part, an edge or a weight, in how many of the circuits it is.
    package private(set) var counts: [Int]
    /// The circuit of all pairs or samples.
    private let circuit: [Bool]
    /// The overlap with it, intersection over union, by resampling.
    private var overlaps: [Double]

    /// The mean overlap, intersection over union, of the circuits with the one of all pairs or samples.
    package var meanOverlap: Double { overlaps.reduce(0, +) / Double(max(resamples, 1)) }

    /// The share of the circuits that have a part.
    package func returned(_ part: Int) -> Double { Double(counts[part]) / Double(max(resamples, 1)) }

    /// Without any of its resamplings yet.
    ///
    /// - Parameter circuit: found with all pairs or samples.
    init(of circuit: [Bool], resamples: Int) {
        self.circuit = circuit
        self.resamples = resamples
        counts = [Int](repeating: 0, count: circuit.count)
        overlaps = [Double](repeating: 0, count: resamples)
    }

    /// Counts the circuit of a resampling; the order of the calls does not matter.
    mutating func add(_ found: [Bool], index: Int) {
        var shared = 0
        var union = 0
        for part in found.indices {
            if found[part] { counts[part] += 1 }
            if found[part], circuit[part] { shared += 1 }
            if found[part] || circuit[part] { union += 1 }
        }
        overlaps[index] = union > 0 ? Double(shared) / Double(union) : 1
    }

    /// - Parameters:
    ///   - circuit: found with all pairs.
    ///   - pairs: how many there are.
    ///   - find: the circuit of the pairs at the given places.
    package init(
        of circuit: EdgeSet, pairs: Int, resamples: Int, seed: UInt64, progress: (Int) -> Void = { _ in }, find: ([Int]) throws -> EdgeSet
    ) rethrows {
        self.init(of: circuit, resamples: resamples)
        for index in 0..<resamples {
            add(try find(Self.draw(pairs, seed: seed, index: index)), index: index)
            progress(1)
        }
    }

    /// The pairs of one resampling: as many as there are, some of them more than once.
    static func draw(_ pairs: Int, seed: UInt64, index: Int) -> [Int] {
        var generator = generator(seed: seed, index: index)
        return (0..<pairs).map { _ in generator.integer(below: pairs) }
    }

    /// The samples of one resampling: for each sample one of its class, so that the sizes of the classes do not change.
    ///
    /// - Parameter labels: the class of each sample.
    static func draw(labels: [Int32], seed: UInt64, index: Int) -> [Int] {
        var generator = generator(seed: seed, index: index)
        let classes = Dictionary(grouping: labels.indices) { labels[$0] }
        return labels.map { label in
            let samples = classes[label] ?? []
            return samples[generator.integer(below: samples.count)]
        }
    }

    private static func generator(seed: UInt64, index: Int) -> SeededGenerator {
        SeededGenerator(seed: seed, purpose: "circuit bootstrap", index: index)
    }
}
