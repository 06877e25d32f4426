import Interventions
import Tensors

/// The faithfulness of random circuits with as many edges as the circuits that are compared with them.
///
/// A control is one random order of the edges on a path from the input to the output; its circuit of n edges has the first n of them, most of
/// which may lead nowhere. One order serves circuits of every size, as one order of scores does.
package struct RandomCircuits: Sendable {
    /// Beside the circuit that was found.
    package let circuit: RandomComparison
    /// Beside each step of the ladder.
    package let steps: [RandomComparison]

    /// As many sets of edges are in memory at a time as take up to this many bytes.
    private static let mostBytes = 1 << 26

    /// Runs `count` random circuits for each step of the ladder and for the circuit: as many times what the ladder takes.
    ///
    /// - Parameters:
    ///   - edges: how many the circuit has.
    ///   - observed: the circuit's faithfulness.
    ///   - progress: called with shares of the work that add up to 1.
    package init(
        _ faithfulness: CircuitFaithfulness, edges: Int, observed: Double?, ladder: FaithfulnessLadder, count: Int, seed: UInt64,
        progress: (Double) -> Void = { _ in }
    ) throws {
        let (graph, ablation) = (faithfulness.experiment.graph, faithfulness.experiment.ablation)
        let sizes = ladder.steps.map(\.edges) + [edges]
        let connected = graph.connected(graph.whole, ablation)
        let candidates = connected.indices.filter { connected[$0] }
        var found = Array(repeating: [Double?](), count: sizes.count)
        let width = max(1, Self.mostBytes / max(1, graph.edgeCount * sizes.count))
        for start in stride(from: 0, to: count, by: width) {
            let circuits = (start..<min(start + width, count)).flatMap { index in
                var generator = SeededGenerator(seed: seed, purpose: "random circuit", index: index)
                var order = candidates
                order.withUnsafeMutableBufferPointer { generator.shuffle($0) }
                return sizes.map { graph.circuit(order.prefix($0), ablation) }
            }
            let measured = try faithfulness.measure(circuits) { progress($0 / Double(count * sizes.count)) }
            for (place, measures) in measured.enumerated() { found[place % sizes.count].append(faithfulness.faithfulness(measures)) }
        }
        steps = zip(ladder.steps, found).map { Self.comparison($0.faithfulness, $1) }
        circuit = Self.comparison(observed, found[sizes.count - 1])
    }

    /// Extreme are the random circuits that are at least as faithful; where the metric does not move, nothing is.
    static func comparison(_ observed: Double?, _ random: [Double?]) -> RandomComparison {
        RandomComparison(observed, among: random, isDefined: \.isFinite, isExtreme: >=)
    }
}
