import Interventions
import Networks
import Tensors

/// Edge attribution patching: all edges' scores from two forward passes and one backward pass, or a few more.
///
/// score(u -> v) = (ablated u - clean u) . dL/d(input of v), the gradient taken before v's norm. With one step the gradient is the clean
/// run's (EAP, Syed et al. 2023, arXiv 2310.10348); with m steps it is averaged over runs whose input is the ablated one plus k/m of the way to
/// the clean one, k = 1, ..., m (EAP-IG, Hanna et al. 2024, arXiv 2403.17806).
public struct EdgeAttribution: Sendable {
    public let experiment: EdgeExperiment
    public let steps: Int

    public init(_ experiment: EdgeExperiment, steps: Int = 1) {
        precondition(steps > 0, "\(steps) steps")
        self.experiment = experiment
        self.steps = steps
    }

    private var graph: EdgeGraph { experiment.graph }

    /// - Parameters:
    ///   - keepsPairs: whether the scores of each pair are kept.
    ///   - progress: called with the number of pairs done.
    public func scores(keepsPairs: Bool = false, progress: (Int) -> Void = { _ in }) throws -> EdgeScores {
        let team = Team(size: experiment.threads)
        var sums = EdgeScoreSums(edges: graph.edgeCount, pairs: experiment.batches.pairs.count, keepsPairs: keepsPairs)
        for place in experiment.batches.batches.indices {
            try add(place, to: &sums, team: team)
            progress(experiment.batches.batches[place].count)
        }
        return sums.scores
    }

    private func add(_ place: Int, to sums: inout EdgeScoreSums, team: Team) throws {
        var request = RunRequest(recorded: EdgeRecording.nodes(graph))
        request.gradients = GradientRequest(nodes: Set(EdgeRecording.targets(graph)))
        if steps > 1 { request.intervened = [graph.input] }
        let executor = try Executor(graph.network, batch: experiment.batches.shape(place), request: request, team: team)
        let seed = graph.stages[graph.stages.count - 1].stream
        let gradients = Gradients(executor, seeds: [seed])
        let recording = try EdgeRecording(experiment, place: place, cleanBy: executor, team: team)
        let changes = recording.ablated.combined(with: recording.clean) { $0.minus($1) }.contributions(graph, team: team)

        for step in 1...steps {
            var streams = recording.streams
            if steps > 1 {
                let share = Float(step) / Float(steps)
                let input = recording.ablated.input.blended(with: recording.clean.input, share: share)
                let run = executor.run(
                    experiment.batches.clean(place), interventions: [Intervention(node: graph.input, replacement: .values(input))])
                streams = graph.stages.map { run[$0.stream]!.copied() }
            }
            let output = EdgeOutput(graph)
            let trace = output.trace(streams[streams.count - 1], team: team)
            let slope = experiment.metric.gradient(trace.logits, recording.answers, clean: recording.cleanLogits)
            let last = output.gradient(slope, of: trace, shape: streams[streams.count - 1].shape, team: team)
            gradients.backward([seed: last])
            let slopes = EdgeRecording.targets(graph).reduce(into: [:]) { $0[$1] = gradients[$1] }
            for (index, stage) in graph.stages.enumerated() {
                add(stage, streams[index], last: stage.isOutput ? last : nil, slopes, changes[stage.space], to: &sums, place: place, team: team)
            }
        }
    }

    /// The readers whose gradients are in memory at one time.
    private static let chunk = 64

    /// Adds a stage's scores: products of its readers' gradients with the sources' changes, sample by sample.
    private func add(
        _ stage: EdgeStage, _ stream: Tensor, last: Tensor?, _ gradients: [NodeID: Tensor], _ changes: Tensor, to sums: inout EdgeScoreSums, place: Int,
        team: Team
    ) {
        let readers = stage.units.flatMap { unit in unit.readers.map { (unit, $0) } }
        let pairs = experiment.batches.batches[place]
        let size = stream.count / max(pairs.count, 1)
        let normalized = stage.norm.map { $0.apply([stream], team: team) } ?? stream
        for start in stride(from: 0, to: readers.count, by: Self.chunk) {
            let chosen = Array(readers[start..<min(readers.count, start + Self.chunk)])
            let slopes = Tensor(uninitialized: [chosen.count, stream.count])
            let alone = Team(size: 1)
            team.forEach(chosen.count) { index in
                let slot = Tensor(storage: slopes.storage, offset: index * stream.count, shape: stream.shape)
                if let last { return slot.copy(from: last) }
                let (unit, reader) = chosen[index]
                write(reader, of: unit, in: stage, stream, normalized, gradients, to: slot, team: alone)
            }
            let products = Tensor(uninitialized: [pairs.count, chosen.count * stage.visible])
            team.forEach(pairs.count) { sample in
                Product.multiply(
                    .init(slopes, offset: sample * size, stride: stream.count),
                    .init(changes, .transposed, offset: sample * size, stride: stream.count), rows: chosen.count, inner: size, columns: stage.visible,
                    into: .init(products, offset: sample * products.width, stride: stage.visible), team: alone)
            }
            products.withElements { elements in
                for (sample, pair) in pairs.enumerated() {
                    for (index, reader) in chosen.enumerated() {
                        let first = graph.edges(to: reader.1.reader).lowerBound
                        let row = sample * products.width + index * stage.visible
                        for source in 0..<stage.visible {
                            sums.add(Double(elements[row + source]) / Double(steps), edge: first + source, pair: pair)
                        }
                    }
                }
            }
        }
    }

    /// The gradient with respect to what a reader reads.
    private func write(
        _ reader: EdgeUnit.Reader, of unit: EdgeUnit, in stage: EdgeStage, _ stream: Tensor, _ normalized: Tensor, _ gradients: [NodeID: Tensor],
        to slot: Tensor, team: Team
    ) {
        let inner = stage.norm == nil ? slot : Tensor(uninitialized: stream.shape)
        inner.fill(0)
        for slice in reader.slices {
            let target = unit.targets[slice.target]
            guard let gradient = gradients[target.node] else { continue }
            let part = Tensor(uninitialized: Channels.shape(gradient.shape, channels: slice.channels.count, samples: gradient.shape[0]))
            Channels.copy(Array(target.channels[slice.channels]), of: gradient, to: part)
            slice.operation.addGradient(part, at: normalized, output: part, slice.parameters, to: inner, team: team)
        }
        guard let norm = stage.norm else { return }
        slot.fill(0)
        norm.operation.addGradient(inner, at: stream, output: normalized, norm.parameters, to: slot, team: team)
    }
}

extension Tensor {
    /// This plus `share` of the way to another tensor.
    func blended(with other: Tensor, share: Float) -> Tensor {
        let result = Tensor(uninitialized: shape)
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
