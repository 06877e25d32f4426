import Evaluation
import Interventions
import Networks
import Tensors

/// Edge attribution patching: all edges' scores from two forward passes and one backward pass, or a few more.
///
/// score(u -> v) = (ablated u - clean u) . dL/d(input of v), the gradient taken before v's norm. With one step the gradient is the clean
/// run's (EAP, Syed et al. 2023, arXiv 2310.10348); with m steps it is averaged over runs whose input is the ablated one plus k/m of the way to
/// the clean one, k = 1, ..., m (EAP-IG, Hanna et al. 2024, arXiv 2403.17806).
package struct EdgeAttribution: Sendable {
    package let experiment: EdgeExperiment
    package let steps: Int

    package init(_ experiment: EdgeExperiment, steps: Int = 1) {
        precondition(steps > 0, "\(steps) steps")
        self.experiment = experiment
        self.steps = steps
    }

    private var graph: EdgeGraph { experiment.graph }

    /// - Parameters:
    ///   - keepsPairs: whether the scores of each pair are kept.
    ///   - progress: called with the number of pairs done.
    package func scores(keepsPairs: Bool = false, progress: (Int) -> Void = { _ in }) throws -> EdgeScores {
        let team = Team(size: experiment.threads)
        let sums = EdgeScoreSums(edges: graph.edgeCount, pairs: experiment.batches.pairs.count, keepsPairs: keepsPairs)
        var slopes = ReaderSlopes(graph, sums: sums, team: team)
        for place in experiment.batches.batches.indices {
            try add(place, to: &slopes, team: team)
            progress(experiment.batches.batches[place].count)
        }
        return slopes.sums.scores
    }

    private func add(_ place: Int, to slopes: inout ReaderSlopes, team: Team) throws {
        let batches = experiment.batches
        let last = graph.stages[graph.stages.count - 1]
        let shapes = try graph.network.shapes(for: batches.shape(place))
        let detours = EdgeDetours(graph, shapes: shapes)
        var request = RunRequest(recorded: Set(EdgeEmissions.nodes(graph) + graph.stages.map(\.stream)))
        request.gradients = GradientRequest(nodes: detours.others, detours: detours.read)
        request.readAtEnd = graph.nodesAtEnd(isSequence: shapes[last.stream.index].count == 3)
        if steps > 1 { request.intervened = [graph.input] }
        let executor = try Executor(graph.network, batch: batches.shape(place), request: request, team: team)
        let gradients = Gradients(executor, seeds: [last.stream])

        var corrupted: EdgeEmissions?
        if experiment.ablation == .corrupted {
            corrupted = EdgeEmissions(executor.run(batches.corrupted(place)), graph).map { $0.copied() }
        }
        var run = executor.run(batches.clean(place))
        let clean = EdgeEmissions(run, graph)
        let (output, answers) = output(batches.answers(place))
        let constants = graph.constantScores(batches.clean(place))
        var trace = output.trace(run[last.stream]!, adding: constants, team: team)
        let cleanLogits = trace.logits
        guard let ablated = experiment.ablated(like: clean) ?? corrupted else { preconditionFailure("no ablated run") }
        let changes = ablated.contributions(graph, minus: clean, team: team)
        let cleanInput = clean.input.copied()

        for step in 1...steps {
            if steps > 1 {
                let input = ablated.input.blended(with: cleanInput, share: Float(step) / Float(steps))
                run = executor.run(batches.clean(place), interventions: [Intervention(node: graph.input, replacement: .values(input))])
                trace = output.trace(run[last.stream]!, adding: constants, team: team)
            }
            let slope = experiment.metric.gradient(trace.logits, answers, clean: cleanLogits)
            let end = output.gradient(slope, of: trace, shape: run[last.stream]!.shape, team: team)
            slopes.begin(changes, pairs: batches.batches[place], steps: steps)
            slopes.add(last, end)
            goBack(from: end, through: run, gradients, detours, to: &slopes)
            slopes.end()
        }
    }

    /// The reading of the answers, and their places among the logits that it gives: all, or those of the answers where the metric reads no others.
    private func output(_ answers: PairAnswers) -> (output: EdgeOutput, answers: PairAnswers) {
        let output = EdgeOutput(graph)
        let tokens = answers.tokens
        guard experiment.metric.readsAnswersAlone, let part = output.restricted(to: tokens) else { return (output, answers) }
        return (part, answers.places(among: tokens))
    }

    /// Goes back through a run and takes the gradients of all readers but the last.
    ///
    /// - Parameter end: the gradient with respect to what the last one reads.
    private func goBack(
        from end: Tensor, through run: RecordedRun, _ gradients: Gradients, _ detours: EdgeDetours, to slopes: inout ReaderSlopes
    ) {
        func found(_ nodes: some Sequence<NodeID>) -> [NodeID: Tensor] { nodes.reduce(into: [:]) { $0[$1] = gradients[$1] } }
        gradients.backward([graph.stages[graph.stages.count - 1].stream: end]) { norm, inputs in
            guard let stage = detours.stages[norm], let stream = run[stage.stream] else { preconditionFailure("no stream") }
            if let whole = gradients[norm] {
                slopes.add(stage, whole, behindNormOf: stream, addingTo: inputs[0])
            } else {
                slopes.add(stage, found(detours.read[norm] ?? []), at: stream, addingTo: inputs[0])
            }
        }
        for stage in graph.stages.reversed() where !stage.isOutput && stage.norm.map({ detours.stages[$0.output] == nil }) ?? true {
            guard let stream = run[stage.stream] else { preconditionFailure("no stream") }
            slopes.add(stage, found(stage.units.flatMap { $0.targets.map(\.node) }), at: stream)
        }
    }
}

extension Tensor {
    /// This plus `share` of the way to another tensor.
    func blended(with other: Tensor, share: Float) -> Tensor {
        let result = MutableTensor(uninitialized: shape)
        withElements { a in
            other.withElements { b in
                result.withMutableElements { target in
                    for place in 0..<count { target[place] = a[place] + share * (b[place] - a[place]) }
                }
            }
        }
        return result
    }
}
