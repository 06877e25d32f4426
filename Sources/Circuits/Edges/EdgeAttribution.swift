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
        var sums = EdgeScoreSums(edges: graph.edgeCount, pairs: experiment.batches.pairs.count, keepsPairs: keepsPairs)
        var memory = SlopeMemory(lanes: team.size)
        for place in experiment.batches.batches.indices {
            try add(place, to: &sums, in: &memory, team: team)
            progress(experiment.batches.batches[place].count)
        }
        return sums.scores
    }

    private func add(_ place: Int, to sums: inout EdgeScoreSums, in memory: inout SlopeMemory, team: Team) throws {
        let batches = experiment.batches
        let last = graph.stages[graph.stages.count - 1]
        var request = RunRequest(recorded: EdgeRecording.nodes(graph))
        request.gradients = GradientRequest(nodes: Set(EdgeRecording.targets(graph)))
        if steps > 1 { request.intervened = [graph.input] }
        let executor = try Executor(graph.network, batch: batches.shape(place), request: request, team: team)
        let gradients = Gradients(executor, seeds: [last.stream])

        var corrupted: EdgeEmissions?
        if experiment.ablation == .corrupted {
            corrupted = EdgeEmissions(executor.run(batches.corrupted(place)), graph).map { $0.copied() }
        }
        var run = executor.run(batches.clean(place))
        let clean = EdgeEmissions(run, graph)
        let output = EdgeOutput(graph)
        let constants = graph.constantScores(batches.clean(place))
        var trace = output.trace(run[last.stream]!, adding: constants, team: team)
        let cleanLogits = trace.logits
        guard let ablated = experiment.ablated(like: clean) ?? corrupted else { preconditionFailure("no ablated run") }
        let changes = ablated.combined(with: clean) { $0.minus($1) }.contributions(graph, team: team)
        let cleanInput = clean.input.copied()

        for step in 1...steps {
            if steps > 1 {
                let input = ablated.input.blended(with: cleanInput, share: Float(step) / Float(steps))
                run = executor.run(batches.clean(place), interventions: [Intervention(node: graph.input, replacement: .values(input))])
                trace = output.trace(run[last.stream]!, adding: constants, team: team)
            }
            let slope = experiment.metric.gradient(trace.logits, batches.answers(place), clean: cleanLogits)
            let end = output.gradient(slope, of: trace, shape: run[last.stream]!.shape, team: team)
            gradients.backward([last.stream: end])
            let targets = EdgeRecording.targets(graph).reduce(into: [:]) { $0[$1] = gradients[$1] }
            add(Slopes(run: run, targets: targets, end: end), changes, to: &sums, in: &memory, place: place, team: team)
        }
    }

    /// The result of the backward pass through one run.
    private struct Slopes: Sendable {
        let run: RecordedRun
        let targets: [NodeID: Tensor]
        /// With respect to the input of the output stage.
        let end: Tensor
    }

    /// A reader and its position in the graph.
    private struct Row: Sendable {
        let stage: EdgeStage
        let unit: EdgeUnit
        let reader: EdgeUnit.Reader
    }

    /// The readers whose gradients are in memory at one time: the more, the less often their products copy the sources' changes.
    private static let chunk = 128

    /// Adds the scores of all edges: products of the readers' gradients with the sources' changes, sample by sample.
    private func add(
        _ slopes: Slopes, _ changes: [Tensor], to sums: inout EdgeScoreSums, in memory: inout SlopeMemory, place: Int, team: Team
    ) {
        let rows = graph.stages.flatMap { stage in
            stage.units.flatMap { unit in unit.readers.map { Row(stage: stage, unit: unit, reader: $0) } }
        }
        var start = 0
        while start < rows.count {
            // Readers of several stages are multiplied together, as long as they read the same sources: these are read from memory once.
            let space = rows[start].stage.space
            let end = rows[start...].prefix(Self.chunk).firstIndex { $0.stage.space != space } ?? min(rows.count, start + Self.chunk)
            add(Array(rows[start..<end]), slopes, changes[space], to: &sums, in: &memory, place: place, team: team)
            start = end
        }
    }

    /// - Parameter rows: in the order of the graph, all of one space.
    private func add(
        _ rows: [Row], _ slopes: Slopes, _ changes: Tensor, to sums: inout EdgeScoreSums, in memory: inout SlopeMemory, place: Int,
        team: Team
    ) {
        let pairs = experiment.batches.batches[place]
        guard let visible = rows.map(\.stage.visible).max(), let shape = slopes.run[rows[0].stage.stream]?.shape else { return }
        let elements = shape.reduce(1, *)
        let size = elements / max(pairs.count, 1)
        let (matrix, spare) = memory.tensors(readers: rows.count, elements: elements)
        let alone = Team(size: 1)
        team.forEachInLanes(rows.count) { index, lane in
            let slot = matrix.view(at: index * elements, shape: shape)
            write(rows[index], slopes, to: slot, spare: spare[lane].reshaped(shape), team: alone)
        }
        let products = MutableTensor(uninitialized: [pairs.count, rows.count * visible])
        team.forEach(pairs.count) { sample in
            Product.multiply(
                .init(matrix, offset: sample * size, stride: elements),
                .init(changes, .transposed, offset: sample * size, stride: elements),
                rows: rows.count, inner: size, columns: visible, into: .init(products, offset: sample * products.width, stride: visible),
                team: alone)
        }
        products.withElements { products in
            for (sample, pair) in pairs.enumerated() {
                for (index, row) in rows.enumerated() {
                    let first = graph.edges(to: row.reader.reader).lowerBound
                    let place = (sample * rows.count + index) * visible
                    for source in 0..<row.stage.visible {
                        sums.add(Double(products[place + source]) / Double(steps), edge: first + source, pair: pair)
                    }
                }
            }
        }
    }

    /// The gradient with respect to what a reader reads.
    ///
    /// - Parameter spare: memory of the stream's shape.
    private func write(_ row: Row, _ slopes: Slopes, to slot: MutableTensor, spare: MutableTensor, team: Team) {
        let stage = row.stage
        if stage.isOutput { return slot.copy(from: slopes.end) }
        guard let stream = slopes.run[stage.stream] else { preconditionFailure("no stream") }
        let inner: MutableTensor
        if let norm = stage.norm {
            let shape = norm.outputShape(stream.shape)
            // Positions beside the stream make it wider.
            inner = shape == spare.shape ? spare : MutableTensor(uninitialized: shape)
        } else {
            inner = slot
        }
        inner.fill(0)
        for slice in row.reader.slices {
            let target = row.unit.targets[slice.target]
            guard let gradient = slopes.targets[target.node] else { continue }
            var part = gradient
            if slice.channels.count < NeuronPlaces(gradient.shape).neurons {
                let chosen = MutableTensor(
                    uninitialized: Channels.shape(gradient.shape, channels: slice.channels.count, samples: gradient.shape[0]))
                Channels.copy(Array(target.channels[slice.channels]), of: gradient, to: chosen)
                part = chosen
            }
            // Layers are linear, so the gradient is the same everywhere.
            let read = inner.shape == stream.shape ? stream : inner.copied()
            slice.operation.addGradient(part, at: read, output: part, slice.parameters, to: inner, team: team)
        }
        guard let norm = stage.norm else { return }
        slot.fill(0)
        norm.operation.addGradient(inner, at: stream, output: stream, norm.parameters, to: slot, team: team)
    }
}

/// Memory for the gradients of readers, reused for each chunk and stage: allocating it costs as much as the computation in it.
private struct SlopeMemory {
    private var slopes = MutableTensor(uninitialized: [0])
    private var spare = MutableTensor(uninitialized: [0])
    private let lanes: Int

    init(lanes: Int) { self.lanes = lanes }

    /// For `readers` gradients of this many elements, and one more for each lane.
    mutating func tensors(readers: Int, elements: Int) -> (slopes: MutableTensor, spare: [MutableTensor]) {
        if slopes.count < readers * elements { slopes = MutableTensor(uninitialized: [readers * elements]) }
        if spare.count < lanes * elements { spare = MutableTensor(uninitialized: [lanes * elements]) }
        return (
            slopes.view(at: 0, shape: [readers, elements]),
            (0..<lanes).map { spare.view(at: $0 * elements, shape: [elements]) }
        )
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
