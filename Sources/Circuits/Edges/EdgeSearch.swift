import Interventions
import Tensors
import Text

/// How the edges of a circuit are found.
package enum EdgeMethod: Sendable, Equatable {
    /// Every edge patched alone.
    case exact
    /// Attribution with the gradient averaged over this many steps; with one step the clean run's.
    case attribution(steps: Int)
    /// Edge after edge taken out where that hurts less than the threshold.
    case discovery(threshold: Double)

    /// The batches that are computed side by side where memory and pairs allow: discovery has little else to share between threads.
    var parts: Int { keepsBatches ? 8 : 1 }

    /// Whether all batches are in memory at one time: each decision of discovery looks at all pairs.
    var keepsBatches: Bool { if case .discovery = self { true } else { false } }
}

/// The size of the circuit that is selected by scores.
package enum EdgeCircuitSize: Sendable, Equatable {
    /// The first edges of the order.
    case edges(Int)
    /// The edges whose scores have at least this magnitude.
    case threshold(Double)
    /// The smallest circuit that is at least this faithful.
    case faithfulness(Double)
    /// The edges that the method itself keeps.
    case found
}

/// The whole search for a circuit of edges: scores, selection, faithfulness, resampling.
package struct EdgeSearch: Sendable {
    package let experiment: EdgeExperiment
    package let method: EdgeMethod
    package let size: EdgeCircuitSize
    package let selection: EdgeSelection
    package let resamples: Int
    /// The random circuits that each circuit is compared with.
    package let controls: Int
    package let seed: UInt64

    package init(
        _ experiment: EdgeExperiment, method: EdgeMethod, size: EdgeCircuitSize, selection: EdgeSelection, resamples: Int,
        controls: Int = 0, seed: UInt64
    ) {
        self.experiment = experiment
        self.method = method
        self.size = size
        self.selection = selection
        self.resamples = resamples
        self.controls = controls
        self.seed = seed
    }

    package struct Result: Sendable {
        /// For each edge, how the metric changes without it; with discovery, how much that hurt when the edge was tried.
        package let scores: [Double]
        package let kept: EdgeSet
        /// The number of selected edges, some of which may lead nowhere.
        package let chosen: Int
        package let whole: CircuitMeasures
        package let none: CircuitMeasures
        package let circuit: CircuitMeasures
        /// nil if the metric does not move between the runs with all edges and with none.
        package let faithfulness: Double?
        package let ladder: FaithfulnessLadder
        package let area: Double?
        /// nil without controls.
        package let random: RandomCircuits?
        package let bootstrap: CircuitBootstrap?
        /// What computing the scores took.
        package let seconds: Double
    }

    /// - Parameter progress: called with shares of the work that add up to 1 at most.
    /// - Throws: ``Problem`` if no circuit is as faithful as wanted.
    package func run(progress: @escaping (Double) -> Void = { _ in }) throws -> Result {
        let graph = experiment.graph
        let pairs = experiment.batches.pairs.count
        let share = resamples > 0 && method.keepsBatches ? 0.5 / Double(resamples + 1) : 0.5
        let faithfulness = try CircuitFaithfulness(experiment)
        let clock = ContinuousClock()
        let start = clock.now
        let found = try find(share: share, progress)
        let elapsed = clock.now - start
        let ladderShare = controls > 0 ? 0.05 : 0.4
        let ladder = try FaithfulnessLadder(faithfulness, order: found.order) {
            progress($0 * ladderShare / Double(FaithfulnessLadder.shares.count))
        }
        let chosen = try choose(found, faithfulness, ladder)
        let kept = graph.circuit(found.order.prefix(chosen), experiment.ablation)
        let measures = try faithfulness.measure([kept])[0]
        let faith = faithfulness.faithfulness(measures)
        let random =
            try controls > 0
            ? RandomCircuits(
                faithfulness, edges: kept.count { $0 }, observed: faith, ladder: ladder, count: controls, seed: seed
            ) { progress($0 * 0.35) } : nil
        var bootstrap: CircuitBootstrap?
        if resamples > 0 {
            bootstrap = try CircuitBootstrap(of: kept, pairs: pairs, resamples: resamples, seed: seed) { drawn in
                try again(found, drawn, chosen: chosen) { progress($0 * share) }
            }
        }
        return Result(
            scores: found.scores, kept: kept, chosen: chosen, whole: faithfulness.whole, none: faithfulness.none, circuit: measures,
            faithfulness: faith, ladder: ladder, area: ladder.area(edges: graph.edgeCount), random: random, bootstrap: bootstrap,
            seconds: Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18)
    }

    /// The result of a method before a size is selected.
    private struct Found {
        let scores: [Double]
        /// The edges in the order in which they enter a circuit.
        let order: [Int]
        /// How many of them the method itself keeps.
        let kept: Int
        var pairScores: EdgeScores?
        var recordings: [EdgeRecordingBox] = []
    }

    private func find(share: Double, _ progress: @escaping (Double) -> Void) throws -> Found {
        let graph = experiment.graph
        let pairs = Double(max(1, experiment.batches.pairs.count))
        switch method {
        case .exact:
            let total = Double(max(1, graph.edgeCount * experiment.batches.batches.count))
            let scores = try ExactPatching(experiment).scores(keepsPairs: resamples > 0) { progress(share * Double($0) / total) }
            try check(scores.means)
            return Found(scores: scores.means, order: graph.order(scores.means, by: selection), kept: graph.edgeCount, pairScores: scores)
        case .attribution(let steps):
            let scores = try EdgeAttribution(experiment, steps: steps).scores(keepsPairs: resamples > 0) {
                progress(share * Double($0) / pairs)
            }
            try check(scores.means)
            return Found(scores: scores.means, order: graph.order(scores.means, by: selection), kept: graph.edgeCount, pairScores: scores)
        case .discovery(let threshold):
            let discovery = CircuitDiscovery(experiment, threshold: threshold)
            let recordings = try discovery.recordings()
            let result = try discovery.run(recordings) { progress(share * Double($0) / Double(max(1, graph.edgeCount))) }
            // Kept edges come before the others, both by the damage.
            let order = graph.order(result.damages, by: .top)
            return Found(
                scores: result.damages, order: order.filter { result.kept[$0] } + order.filter { !result.kept[$0] },
                kept: result.kept.count { $0 }, recordings: resamples > 0 ? recordings : [])
        }
    }

    /// NaN scores have no order.
    private func check(_ scores: [Double]) throws {
        guard let edge = scores.firstIndex(where: { !$0.isFinite }) else { return }
        throw Problem.notFinite(
            "the score of \(experiment.graph.name(of: edge))", scores[edge], where: "weights, activations or gradients")
    }

    private func choose(_ found: Found, _ faithfulness: CircuitFaithfulness, _ ladder: FaithfulnessLadder) throws -> Int {
        switch size {
        case .found: return found.kept
        case .edges(let count): return min(count, found.order.count)
        case .threshold(let threshold): return Self.count(found.scores, found.order, threshold)
        case .faithfulness(let wanted):
            guard faithfulness.scale.moves else {
                throw Problem(
                    nil,
                    "the metric does not move between the clean and the corrupted runs, so that no circuit can be more faithful than another",
                    found: "\(faithfulness.whole.metric) and \(faithfulness.none.metric)", hint: .giveEdgeCount)
            }
            guard let count = try ladder.smallest(wanted, faithfulness, order: found.order) else {
                let best = ladder.steps.compactMap(\.faithfulness).max() ?? 0
                throw Problem(
                    "no circuit of the ladder reaches it", setting: .faithfulness, expected: "\(wanted)",
                    found: "at most \(best)")
            }
            return count
        }
    }

    /// How many edges of an order come before the first whose score is smaller. An order from the output back need not fall: its edges
    /// beyond the first small one are left out.
    private static func count(_ scores: [Double], _ order: [Int], _ threshold: Double) -> Int {
        order.firstIndex { abs(scores[$0]) < threshold } ?? order.count
    }

    /// The circuit of other pairs, selected in the same way and of the same size.
    private func again(_ found: Found, _ drawn: [Int], chosen: Int, progress: @escaping (Double) -> Void) throws -> EdgeSet {
        let graph = experiment.graph
        if case .discovery(let threshold) = method {
            var weights = [Int](repeating: 0, count: experiment.batches.pairs.count)
            for pair in drawn { weights[pair] += 1 }
            let result = try CircuitDiscovery(experiment, threshold: threshold).run(found.recordings, weights: weights) {
                progress(Double($0) / Double(max(1, graph.edgeCount)))
            }
            return graph.connected(result.kept, experiment.ablation)
        }
        guard let scores = found.pairScores?.mean(over: drawn) else { return graph.empty }
        let order = graph.order(scores, by: selection)
        if case .threshold(let threshold) = size {
            return graph.circuit(order.prefix(Self.count(scores, order, threshold)), experiment.ablation)
        }
        return graph.circuit(order.prefix(chosen), experiment.ablation)
    }
}
