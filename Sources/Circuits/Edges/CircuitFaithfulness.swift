import Evaluation
import Interventions
import Tensors
import Text

/// The behaviour of a circuit run alone: every edge outside it carries the ablated source.
package struct CircuitMeasures: Sendable {
    /// The metric, the mean over the pairs.
    package let metric: Double
    /// KL of the circuit's answers from the clean run's in nats, the mean over the pairs.
    package let divergence: Double
    /// The share of pairs whose highest logit is one of their answers; nil if a pair has none.
    package let accuracy: Double?
    /// The answers by class, if pairs are samples with a class each.
    package let outcome: Outcome?
}

/// Measures circuits between the run with all edges and the run with none.
///
/// Faithfulness is (m(circuit) - m(none)) / (m(all) - m(none)): 1 for the whole model; a circuit may have more than 1 or less than 0.
package struct CircuitFaithfulness: Sendable {
    package let experiment: EdgeExperiment
    /// The run with all edges: the model on the clean samples.
    package let whole: CircuitMeasures
    /// The run without edges; with corrupted sources the model on the corrupted samples.
    package let none: CircuitMeasures

    /// - Throws: what running the model throws, ``Problem`` if the metric is not a number.
    package init(_ experiment: EdgeExperiment) throws {
        self.experiment = experiment
        let measured = try Self.measure([experiment.graph.whole, experiment.graph.empty], experiment)
        (whole, none) = (measured[0], measured[1])
        for (run, measures) in [("clean", whole), ("ablated", none)] where !measures.metric.isFinite {
            throw Problem.notFinite(
                "\(experiment.metric.rawValue) of the \(run) run", measures.metric, where: "weights, data or activations")
        }
    }

    /// The metric's length between the two runs.
    package var scale: BehaviourScale { BehaviourScale(clean: whole.metric, corrupted: none.metric) }

    /// nil if the metric does not move between the two runs.
    package func faithfulness(_ measures: CircuitMeasures) -> Double? {
        // Zero without a sign.
        scale.normalized(measures.metric).map { $0 + 0 }
    }

    /// - Parameter progress: called with the number of circuits done, each a part for each batch.
    package func measure(_ circuits: [EdgeSet], progress: (Double) -> Void = { _ in }) throws -> [CircuitMeasures] {
        try Self.measure(circuits, experiment, progress: progress)
    }

    private static func measure(
        _ circuits: [EdgeSet], _ experiment: EdgeExperiment, progress: (Double) -> Void = { _ in }
    ) throws -> [CircuitMeasures] {
        var sums = [(metric: Double, divergence: Double, outcome: Outcome)](
            repeating: (0, 0, Outcome(classCount: experiment.batches.pairs.hasClasses ? experiment.graph.network.outputWidth : 0)),
            count: circuits.count)
        let team = Team(size: experiment.threads)
        let width = max(1, min(experiment.threads, circuits.count))
        let batches = experiment.batches.batches
        for place in batches.indices {
            let recording = try EdgeRecording(experiment, place: place, team: team)
            for start in stride(from: 0, to: circuits.count, by: width) {
                let chosen = Array(circuits[start..<min(circuits.count, start + width)])
                let found = try Parallel.map(count: chosen.count, threads: width) { index in
                    let own = Team(size: max(1, experiment.threads / width))
                    // With all edges it is the model's own run, to the last bit.
                    let isWhole = !chosen[index].contains(false)
                    let logits =
                        isWhole ? recording.cleanLogits : EdgeState(chosen[index], of: recording, experiment.graph, team: own).logits
                    let values = experiment.metric.values(logits, recording.answers, clean: recording.cleanLogits)
                    let divergences = BehaviourMetric.divergence.values(logits, recording.answers, clean: recording.cleanLogits)
                    return (values.reduce(0, +), divergences.reduce(0, +), outcome(logits, recording.answers, experiment))
                }
                for (index, value) in found.enumerated() {
                    sums[start + index].metric += value.0
                    sums[start + index].divergence += value.1
                    sums[start + index].outcome += value.2
                }
                progress(Double(chosen.count) / Double(batches.count))
            }
        }
        let count = Double(max(1, experiment.batches.pairs.count))
        let isAnswered = !experiment.batches.pairs.answers.contains(where: \.isEmpty)
        return sums.map {
            CircuitMeasures(
                metric: $0.metric / count, divergence: $0.divergence / count, accuracy: isAnswered ? $0.outcome.accuracy : nil,
                outcome: experiment.batches.pairs.hasClasses ? $0.outcome : nil)
        }
    }

    /// Which rows are answered correctly: those whose first highest logit is an answer. The loss is that of the class, if pairs have one.
    private static func outcome(_ logits: Tensor, _ answers: PairAnswers, _ experiment: EdgeExperiment) -> Outcome {
        let hasClasses = experiment.batches.pairs.hasClasses
        var outcome = Outcome(classCount: hasClasses ? logits.width : 0)
        let losses = hasClasses ? BehaviourMetric.loss.values(logits, answers) : []
        logits.withElements { elements in
            for row in 0..<logits.rows {
                let values = elements[row * logits.width..<(row + 1) * logits.width]
                let place = values.max().flatMap(values.firstIndex(of:)).map { Int32($0 - values.startIndex) }
                outcome.add(
                    target: hasClasses ? Int(answers.right[row][0]) : 0, isCorrect: place.map(answers.right[row].contains) ?? false,
                    loss: hasClasses ? losses[row] : 0)
            }
        }
        return outcome
    }
}

/// Circuits with increasing numbers of edges.
package struct FaithfulnessLadder: Sendable {
    package struct Step: Sendable {
        /// The number of selected edges.
        package let chosen: Int
        /// Those of them that lead from the input to the output.
        package let edges: Int
        package let measures: CircuitMeasures
        /// nil if the metric does not move.
        package let faithfulness: Double?
    }

    package let steps: [Step]

    /// The shares of all edges at which circuits are measured, as in the circuit track of MIB (Mueller et al. 2025).
    package static let shares = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1]

    /// The numbers of edges at those shares, rounded up, each once.
    package static func sizes(_ edges: Int) -> [Int] {
        var sizes: [Int] = []
        for share in shares {
            let size = Int((share * Double(edges)).rounded(.up))
            if sizes.last != size { sizes.append(size) }
        }
        return sizes
    }

    /// - Parameter order: the edges, the first to enter first.
    package init(_ faithfulness: CircuitFaithfulness, order: [Int], progress: (Double) -> Void = { _ in }) throws {
        let graph = faithfulness.experiment.graph
        let sizes = Self.sizes(graph.edgeCount).map { min($0, order.count) }
        let circuits = sizes.map { graph.circuit(order.prefix($0), faithfulness.experiment.ablation) }
        let measured = try faithfulness.measure(circuits, progress: progress)
        steps = zip(zip(sizes, circuits), measured).map { size, measures in
            Step(
                chosen: size.0, edges: size.1.count { $0 }, measures: measures, faithfulness: faithfulness.faithfulness(measures))
        }
    }

    /// The area under faithfulness as a function of the share of selected edges, by the trapezoidal rule; without edges faithfulness is 0. nil
    /// if the metric does not move.
    package func area(edges: Int) -> Double? {
        guard edges > 0 else { return nil }
        var area = 0.0
        var before = (share: 0.0, faithfulness: 0.0)
        for step in steps {
            guard let faithfulness = step.faithfulness else { return nil }
            let share = Double(step.chosen) / Double(edges)
            area += (share - before.share) * (faithfulness + before.faithfulness) / 2
            before = (share, faithfulness)
        }
        return area
    }

    /// The smallest number of edges of an order whose circuit is as faithful as wanted, found by halving between two steps of the ladder;
    /// nil if no step reaches it. Faithfulness need not grow with every edge: a smaller circuit that reaches it may be missed.
    package func smallest(_ wanted: Double, _ faithfulness: CircuitFaithfulness, order: [Int]) throws -> Int? {
        guard let place = steps.firstIndex(where: { ($0.faithfulness ?? -.infinity) >= wanted }) else { return nil }
        var low = place > 0 ? steps[place - 1].chosen : 0
        var high = steps[place].chosen
        let graph = faithfulness.experiment.graph
        while high - low > 1 {
            let middle = (low + high) / 2
            let measures = try faithfulness.measure([graph.circuit(order.prefix(middle), faithfulness.experiment.ablation)])
            if (faithfulness.faithfulness(measures[0]) ?? -.infinity) >= wanted { high = middle } else { low = middle }
        }
        return high
    }
}
