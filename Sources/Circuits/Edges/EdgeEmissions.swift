import Networks
import Tensors

/// The outputs of the parts of a network in a run, before they are written into the streams: the input, then each stage's emission.
///
/// [samples, ...] each. Contributions of sources are linear in them, so differences between runs are computed here.
struct EdgeEmissions: Sendable {
    var input: Tensor
    /// By stage; the output's has none.
    var stages: [Tensor]

    /// The nodes whose outputs these are.
    static func nodes(_ graph: EdgeGraph) -> [NodeID] { [graph.input] + graph.stages.filter { !$0.isOutput }.map(\.emission) }

    init(input: Tensor, stages: [Tensor]) {
        self.input = input
        self.stages = stages
    }

    /// What a run recorded, in the run's memory.
    init(_ run: RecordedRun, _ graph: EdgeGraph) {
        let all = Self.nodes(graph).map { node in
            guard let value = run[node] else { preconditionFailure("the run has no '\(graph.network.nodes[node.index].site)'") }
            return value
        }
        self.init(input: all[0], stages: Array(all.dropFirst()))
    }

    /// Each tensor by a function of it.
    func map(_ transform: (Tensor) -> Tensor) -> EdgeEmissions { EdgeEmissions(input: transform(input), stages: stages.map(transform)) }

    /// Each tensor by a function of it and another's.
    func combined(with other: EdgeEmissions, _ transform: (Tensor, Tensor) -> Tensor) -> EdgeEmissions {
        EdgeEmissions(input: transform(input, other.input), stages: zip(stages, other.stages).map(transform))
    }

    /// What each source adds to its stream beyond what it adds in another run, by space [sources, samples, ...]: a head's output through its part
    /// of the output matrix, a neuron's through its column. Biases belong to no source. Of outputs at the last positions alone, it is 0 elsewhere.
    func contributions(_ graph: EdgeGraph, minus other: EdgeEmissions, team: Team) -> [MutableTensor] {
        let spaces = graph.spaces.enumerated().map { space, sources in
            MutableTensor(uninitialized: [sources.count] + streamShape(graph, space: space))
        }
        spaces[0][0..<1].copy(from: input.minus(other.input))
        let sources = graph.stages.indices.dropLast().flatMap { stage in
            graph.stages[stage].units.flatMap { unit in unit.sources.map { (source: $0, stage: stage) } }
        }
        let alone = Team(size: 1)
        team.forEach(sources.count) { index in
            let (source, stage) = sources[index]
            let place = graph.place(of: source.source)
            let slot = spaces[place.space][place.index..<place.index + 1]
            let target = slot.reshaped(Array(slot.shape.dropFirst()))
            let change = source.emitted(from: stages[stage]).minus(source.emitted(from: other.stages[stage]))
            if stages[stage].hasFewerPositions(than: target.shape) {
                target.fill(0)
                source.write(change, toLastPositionsOf: target, team: alone)
            } else {
                source.write(change, to: target, team: alone)
            }
        }
        return spaces
    }

    /// The shape of the stream of a space.
    func streamShape(_ graph: EdgeGraph, space: Int) -> [Int] {
        graph.beginning(ofSpace: space).map { stages[$0].shape } ?? input.shape
    }
}

extension EdgeUnit.Source {
    /// Writes what the source adds to its stream.
    ///
    /// - Parameters:
    ///   - part: the source's channels of the emission.
    ///   - target: in the stream's shape.
    func write(_ part: Tensor, to target: MutableTensor, team: Team) {
        switch writing {
        case .output, .part: target.copy(from: part)
        case .product(_, let weight):
            Product.multiply(
                .init(part), .init(weight), rows: part.rows, inner: part.width, columns: weight.width, into: .init(target), team: team)
        case .channels(let channels, let width):
            target.fill(0)
            let samples = target.shape[0]
            let inner = target.count / max(samples * width, 1)
            Channels.spread(
                part.reshaped([samples, channels.count, inner, 1]), to: channels, of: target.reshaped([samples, width, inner, 1]))
        }
    }

    /// Writes what the source adds to its stream at the last positions of sequences.
    ///
    /// - Parameter part: the source's channels of the emission there.
    func write(_ part: Tensor, toLastPositionsOf target: MutableTensor, team: Team) {
        let written = MutableTensor(uninitialized: [target.shape[0], 1, target.width])
        write(part, to: written, team: team)
        Channels.spread(written, to: Array(0..<target.width), ofLastPositionsOf: target)
    }
}

extension Tensor {
    /// Whether sequences are those of this shape with fewer positions: their last.
    func hasFewerPositions(than shape: [Int]) -> Bool { self.shape.count == 3 && shape.count == 3 && self.shape[1] < shape[1] }

    /// This minus a tensor of as many elements.
    func minus(_ other: Tensor) -> Tensor {
        precondition(other.count == count, "\(shape) and \(other.shape)")
        let result = MutableTensor(uninitialized: shape)
        withElements { a in
            other.withElements { b in
                result.withMutableElements { target in
                    guard let a = a.baseAddress, let b = b.baseAddress, let target = target.baseAddress else { return }
                    for place in 0..<count { target[place] = a[place] - b[place] }
                }
            }
        }
        return result
    }

    /// `copies` of the tensor, one after the other along the first dimension.
    func repeated(_ copies: Int) -> MutableTensor {
        let result = MutableTensor(uninitialized: [copies * (shape.first ?? 1)] + shape.dropFirst())
        for copy in 0..<copies { result.view(at: copy * count, shape: shape).copy(from: self) }
        return result
    }
}
