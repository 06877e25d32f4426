import Networks
import Tensors
import Text

/// Readers that a run reaches together: all heads of a block's attention, the parts of an MLP, a layer of a chain, the output.
struct EdgeStage: Sendable {
    let readers: Range<Int>
    /// The space whose sources are read, and how many of them, from its first on.
    let space: Int
    let visible: Int
    /// The node that is read if all readers read the same.
    let stream: NodeID
    /// The norm before the readers.
    let norm: UnitStep?
    let units: [EdgeUnit]
    /// The node whose output the stage's sources are parts of; the network's output at the end.
    let emission: NodeID
    /// The part of the stream that no source before this stage holds: the sum of the output biases, [width].
    let constant: Tensor?
    /// Whether this is the network's output.
    let isOutput: Bool
}

/// Readers and sources that are computed independently of all others: a key head with its heads, a neuron, an MLP.
struct EdgeUnit: Sendable {
    /// A part of a reader's matrices, applied to the normalised input.
    struct ReaderSlice: Sendable {
        let operation: any Networks.Operation
        let parameters: [Tensor]
        /// Which of the unit's targets it writes, and which channels of that.
        let target: Int
        let channels: Range<Int>
    }

    struct Reader: Sendable {
        let reader: Int
        let slices: [ReaderSlice]
    }

    /// Channels of a node's output that the readers of this unit compute.
    struct Target: Sendable {
        let node: NodeID
        let channels: [Int]
    }

    /// How a source follows from the unit's output.
    enum Writing: Sendable {
        /// It is the output.
        case output
        /// It is these channels of the output.
        case part(Range<Int>)
        /// It is the product of the channels and a part [channels, width] of the output matrix.
        case product(channels: Range<Int>, weight: Tensor)
        /// It is these of the layer's channels, with the others 0. A channel's positions are contiguous in the space.
        case channels([Int], of: Int)
    }

    /// The kind of a unit.
    enum Kind: Sendable {
        /// Heads with the keys that they share.
        case attention
        /// Neurons, or the output.
        case neurons
    }

    struct Source: Sendable {
        let source: Int
        /// The channels of the stage's emission that the source is made of; nil for all.
        let emitted: [Int]?
        let writing: Writing
    }

    let kind: Kind
    let readers: [Reader]
    let targets: [Target]
    let steps: [UnitStep]
    /// The node whose channels the steps end with.
    let output: NodeID
    let sources: [Source]
}

/// An operation of the network on some of its channels.
struct UnitStep: Sendable {
    let operation: any Networks.Operation
    let inputs: [NodeID]
    let parameters: [Tensor]
    let output: NodeID

    func apply(_ inputs: [Tensor], team: Team) -> Tensor { operation.applied(to: inputs, parameters, team: team) }

    /// The shape of the output for an input that is known to fit.
    func outputShape(_ input: [Int]) -> [Int] {
        (try? operation.outputShape(inputs: [input], parameters: parameters.map(\.shape), batch: .values(input))) ?? input
    }
}

extension Networks.Operation {
    /// The output for inputs that are known to fit, in its own memory.
    func applied(to inputs: [Tensor], _ parameters: [Tensor], team: Team) -> MutableTensor {
        let shapes = inputs.map(\.shape)
        do throws(Problem) {
            let shape = try outputShape(inputs: shapes, parameters: parameters.map(\.shape), batch: .values(shapes[0]))
            let output = MutableTensor(uninitialized: shape)
            let scratch = MutableTensor(uninitialized: [forwardScratch(inputs: shapes, output: shape, team: team.size)])
            forward(ForwardPass(inputs: inputs, parameters: parameters, output: output, scratch: scratch, team: team))
            return output
        } catch {
            preconditionFailure("\(name): \(error)")
        }
    }

    /// Adds to `gradient` what the output's gradient gives the only input.
    func addGradient(
        _ outputGradient: Tensor, at input: Tensor, output: Tensor, _ parameters: [Tensor], to gradient: MutableTensor, team: Team
    ) {
        addGradients(outputGradient, at: [input], output: output, parameters, to: [gradient], team: team)
    }

    /// Adds to each of `gradients` what the output's gradient gives that input.
    func addGradients(
        _ outputGradient: Tensor, at inputs: [Tensor], output: Tensor, _ parameters: [Tensor], to gradients: [MutableTensor], team: Team
    ) {
        let scratch = MutableTensor(uninitialized: [backwardScratch(inputs: inputs.map(\.shape), output: output.shape, team: team.size)])
        backward(
            BackwardPass(
                inputs: inputs, parameters: parameters, output: output, outputGradient: outputGradient, inputGradients: gradients,
                parameterGradients: parameters.map { _ in nil }, scratch: scratch, team: team))
    }
}
