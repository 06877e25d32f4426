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

    /// What each source adds to its stream, by space [sources, samples, ...]: a head's output through its part of the output matrix,
    /// a neuron's through its column. Biases belong to no source.
    func contributions(_ graph: EdgeGraph, team: Team) -> [MutableTensor] {
        let spaces = graph.spaces.enumerated().map { space, sources in
            MutableTensor(uninitialized: [sources.count] + streamShape(graph, space: space))
        }
        spaces[0][0..<1].copy(from: input)
        for (stage, emission) in zip(graph.stages, stages) {
            for unit in stage.units {
                for source in unit.sources {
                    let place = graph.place(of: source.source)
                    let slot = spaces[place.space][place.index..<place.index + 1]
                    var part = emission
                    if let emitted = source.emitted {
                        if case .channels = source.writing {
                        } else {
                            let chosen = MutableTensor(
                                uninitialized: Channels.shape(emission.shape, channels: emitted.count, samples: emission.shape[0]))
                            Channels.copy(emitted, of: emission, to: chosen)
                            part = chosen
                        }
                    }
                    source.write(part, isWholeEmission: true, to: slot.reshaped(Array(slot.shape.dropFirst())), team: team)
                }
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
    ///   - part: the source's channels of the emission; all of them where the writing is by channels and `isWholeEmission`.
    ///   - target: in the stream's shape.
    func write(_ part: Tensor, isWholeEmission: Bool, to target: MutableTensor, team: Team) {
        switch writing {
        case .output, .part: target.copy(from: part)
        case .product(_, let weight):
            Product.multiply(
                .init(part), .init(weight), rows: part.rows, inner: part.width, columns: weight.width, into: .init(target), team: team)
        case .channels(let channels, let width):
            target.fill(0)
            let samples = target.shape[0]
            let inner = target.count / max(samples * width, 1)
            let whole = target.reshaped([samples, width, inner, 1])
            guard isWholeEmission else {
                Channels.spread(part.reshaped([samples, channels.count, inner, 1]), to: channels, of: whole)
                return
            }
            let chosen = MutableTensor(uninitialized: [samples, channels.count, inner, 1])
            Channels.copy(channels, of: part.reshaped([samples, width, inner, 1]), to: chosen)
            Channels.spread(chosen, to: channels, of: whole)
        }
    }
}

extension Tensor {
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
