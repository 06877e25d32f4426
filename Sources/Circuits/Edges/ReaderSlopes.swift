import Networks
import Tensors

/// The gradients of readers with respect to what they read, multiplied with the changes of the sources that they can read, many readers at a time.
struct ReaderSlopes {
    /// Of all edges, over the batches so far.
    private(set) var sums: EdgeScoreSums
    private let graph: EdgeGraph
    private let team: Team
    private var batch: Batch?
    /// The readers whose gradients are in memory.
    private var pending: [Row] = []
    /// Memory of gradients, one row for each reader, and of one more for each thread; allocating it costs as much as the computation in it.
    private var slopes = MutableTensor(uninitialized: [0])
    private var spare = MutableTensor(uninitialized: [0])

    /// The readers whose gradients are in memory at one time: the more, the less often their products copy the sources' changes.
    private static let chunk = 128

    /// The pairs whose gradients come.
    private struct Batch {
        /// What ablation changes in each source, by space [sources, samples, ...].
        let changes: [MutableTensor]
        /// The pairs' numbers.
        let pairs: [Int]
        /// The runs over which the gradient is averaged.
        let steps: Int
    }

    /// A reader and its position in the graph.
    private struct Row: Sendable {
        let stage: EdgeStage
        let unit: EdgeUnit
        let reader: EdgeUnit.Reader
    }

    init(_ graph: EdgeGraph, sums: EdgeScoreSums, team: Team) {
        self.graph = graph
        self.sums = sums
        self.team = team
    }

    /// Begins with the gradients of a batch's pairs.
    ///
    /// - Parameters:
    ///   - changes: what ablation changes in each source, by space [sources, samples, ...].
    ///   - steps: the runs over which the gradient is averaged.
    mutating func begin(_ changes: [MutableTensor], pairs: [Int], steps: Int) {
        batch = Batch(changes: changes, pairs: pairs, steps: steps)
    }

    /// Adds the scores of the readers that are left.
    mutating func end() {
        multiply()
        batch = nil
    }

    /// Takes the only reader of a stage.
    ///
    /// - Parameters:
    ///   - gradient: with respect to what it reads, at all positions or the last; behind the norm if `stream` is given.
    ///   - stream: what the norm before the reader reads.
    ///   - sum: what the gradient before the norm is added to.
    mutating func add(_ stage: EdgeStage, _ gradient: Tensor, behindNormOf stream: Tensor? = nil, addingTo sum: MutableTensor? = nil) {
        let rows = rows(stage)
        precondition(rows.count == 1, "\(rows.count) readers")
        let slots = slots(1, stage)
        var read = gradient
        if let stream, let norm = stage.norm {
            let stream = gradient.hasFewerPositions(than: stream.shape) ? stream.lastPositions : stream
            let before = MutableTensor.zeros(stream.shape)
            norm.operation.addGradient(gradient, at: stream, output: stream, norm.parameters, to: before, team: team)
            read = before
        }
        Self.place(read, in: slots.memory.reshaped(slots.shape))
        pending += rows
        if let sum { add(slots, to: sum) }
    }

    /// Takes all readers of a stage.
    ///
    /// - Parameters:
    ///   - gradients: with respect to the nodes that they write, at all positions or the last.
    ///   - stream: what they read, before the norm.
    ///   - sum: what their gradients are added to.
    mutating func add(_ stage: EdgeStage, _ gradients: [NodeID: Tensor], at stream: Tensor, addingTo sum: MutableTensor? = nil) {
        let rows = rows(stage)
        let (lanes, elements) = (team.size, stream.count)
        if spare.count < lanes * elements { spare = MutableTensor(uninitialized: [lanes * elements]) }
        var start = 0
        while start < rows.count {
            let slots = slots(rows.count - start, stage)
            let part = Array(rows[start..<start + slots.memory.shape[0]])
            let (spare, alone) = (spare, Team(size: 1))
            team.forEachInLanes(part.count) { index, lane in
                Self.write(
                    part[index], gradients, at: stream, to: slots.memory[index..<index + 1].reshaped(slots.shape),
                    spare: spare.view(at: lane * elements, shape: [elements]), team: alone)
            }
            pending += part
            if let sum { add(slots, to: sum) }
            start += part.count
        }
    }

    /// Adds gradients to their sum, which may have the last positions alone.
    private func add(_ slots: (memory: MutableTensor, shape: [Int]), to sum: MutableTensor) {
        guard sum.hasFewerPositions(than: slots.shape) else { return Product.addColumnSums(of: slots.memory, to: sum, team: team) }
        for index in 0..<slots.memory.shape[0] {
            Elementwise.add(slots.memory[index..<index + 1].reshaped(slots.shape).lastPositions, to: sum, team: team)
        }
    }

    /// Writes a gradient, which is 0 elsewhere if it has the last positions alone.
    private static func place(_ gradient: Tensor, in slot: MutableTensor) {
        guard gradient.hasFewerPositions(than: slot.shape) else { return slot.copy(from: gradient) }
        slot.fill(0)
        Channels.spread(gradient, to: Array(0..<slot.width), ofLastPositionsOf: slot)
    }

    private func rows(_ stage: EdgeStage) -> [Row] {
        stage.units.flatMap { unit in unit.readers.map { Row(stage: stage, unit: unit, reader: $0) } }
    }

    /// The memory of the next gradients, [up to `wanted`, elements], and the shape of each.
    ///
    /// Readers of several stages are multiplied together, as long as they read the same sources: these are read from memory once.
    private mutating func slots(_ wanted: Int, _ stage: EdgeStage) -> (memory: MutableTensor, shape: [Int]) {
        guard let batch else { preconditionFailure("gradients of no batch") }
        if let first = pending.first, first.stage.space != stage.space || pending.count == Self.chunk { multiply() }
        let shape = Array(batch.changes[stage.space].shape.dropFirst())
        let elements = shape.reduce(1, *)
        if pending.isEmpty, slopes.count < min(Self.chunk, graph.readers.count) * elements {
            slopes = MutableTensor(uninitialized: [min(Self.chunk, graph.readers.count) * elements])
        }
        return (slopes.view(at: pending.count * elements, shape: [min(wanted, Self.chunk - pending.count), elements]), shape)
    }

    /// Adds the scores of the edges to the readers in memory: products of their gradients with the sources' changes, sample by sample.
    private mutating func multiply() {
        guard let batch, let first = pending.first, let visible = pending.map(\.stage.visible).max() else { return }
        let changes = batch.changes[first.stage.space]
        let elements = changes.count / max(changes.shape[0], 1)
        let size = elements / max(batch.pairs.count, 1)
        let (slopes, count) = (slopes, pending.count)
        let products = MutableTensor(uninitialized: [batch.pairs.count, count * visible])
        let alone = Team(size: 1)
        team.forEach(batch.pairs.count) { sample in
            Product.multiply(
                .init(slopes, offset: sample * size, stride: elements),
                .init(changes, .transposed, offset: sample * size, stride: elements),
                rows: count, inner: size, columns: visible, into: .init(products, offset: sample * products.width, stride: visible),
                team: alone)
        }
        products.withElements { products in
            for (sample, pair) in batch.pairs.enumerated() {
                for (index, row) in pending.enumerated() {
                    let first = graph.edges(to: row.reader.reader).lowerBound
                    let place = (sample * count + index) * visible
                    for source in 0..<row.stage.visible {
                        sums.add(Double(products[place + source]) / Double(batch.steps), edge: first + source, pair: pair)
                    }
                }
            }
        }
        pending.removeAll(keepingCapacity: true)
    }

    /// The gradient with respect to what a reader reads.
    ///
    /// - Parameters:
    ///   - slot: in the shape of all positions.
    ///   - spare: memory of as many elements as the stream has.
    private static func write(
        _ row: Row, _ gradients: [NodeID: Tensor], at stream: Tensor, to slot: MutableTensor, spare: MutableTensor, team: Team
    ) {
        let slices = row.reader.slices.compactMap { slice in gradients[row.unit.targets[slice.target].node].map { (slice, $0) } }
        guard !slices.isEmpty else { return slot.fill(0) }
        let isAtEnd = slices.allSatisfy { $0.1.hasFewerPositions(than: slot.shape) }
        let stream = isAtEnd && !stream.hasFewerPositions(than: slot.shape) ? stream.lastPositions : stream
        let shape = row.stage.norm?.outputShape(stream.shape) ?? stream.shape
        // Positions beside the stream make it wider.
        let inner = shape.reduce(1, *) > spare.count ? MutableTensor(uninitialized: shape) : spare.reshaped(shape)
        inner.fill(0)
        for (slice, gradient) in slices {
            let target = row.unit.targets[slice.target]
            var part = !isAtEnd && gradient.hasFewerPositions(than: shape) ? gradient.spreadToLastPositions(length: shape[1]) : gradient
            if slice.channels.count < NeuronPlaces(part.shape, .usual).neurons {
                let chosen = MutableTensor(
                    uninitialized: Channels.shape(part.shape, channels: slice.channels.count, samples: part.shape[0]))
                Channels.copy(Array(target.channels[slice.channels]), of: part, to: chosen)
                part = chosen
            }
            // Layers are linear, so the gradient is the same everywhere.
            let read = inner.shape == stream.shape ? stream : inner.copied()
            slice.operation.addGradient(part, at: read, output: part, slice.parameters, to: inner, team: team)
        }
        guard let norm = row.stage.norm else { return place(inner, in: slot) }
        let before = isAtEnd ? MutableTensor(uninitialized: stream.shape) : slot
        before.fill(0)
        norm.operation.addGradient(inner, at: stream, output: stream, norm.parameters, to: before, team: team)
        if isAtEnd { place(before, in: slot) }
    }
}
