import Tensors
import Text

/// One kind of node in a network: a function of tensors and parameters, with its forward and its backward rule.
///
/// Operations are values without state. A backward rule gets the inputs and the output of the forward rule and computes
/// again whatever else it needs.
package protocol Operation: Sendable {
    /// The name in listings, such as `linear`.
    var name: String { get }

    /// The shape of the output.
    ///
    /// - Parameters:
    ///   - inputs: the shapes of the inputs, the batch first.
    ///   - parameters: the shapes of the parameters.
    ///   - batch: the input of the network, for operations that have no inputs.
    /// - Throws: ``Problem`` if the shapes do not match.
    func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int]

    /// The elements of scratch memory that ``forward(_:)`` needs.
    func forwardScratch(inputs: [[Int]], output: [Int], team: Int) -> Int

    /// The elements of scratch memory that ``backward(_:)`` needs.
    func backwardScratch(inputs: [[Int]], output: [Int], team: Int) -> Int

    /// Whether the output may use the memory of the first input if nothing else reads that.
    var worksInPlace: Bool { get }

    /// Whether ``backward(_:)`` overwrites gradients that hold nothing yet, according to the pass's targets; otherwise they are set to 0 first.
    var overwritesGradients: Bool { get }

    /// Which inputs and outputs of the forward rule ``backward(_:)`` reads, beyond their shapes.
    var gradientReading: GradientReading { get }

    /// The dimensions of an input along which what is made of one entry depends on others, or of which only some entries are taken: samples
    /// must not be along them.
    ///
    /// - Parameters:
    ///   - input: its place among the inputs.
    ///   - rank: the number of its dimensions.
    func joinedDimensions(ofInput input: Int, rank: Int) -> [Int]

    /// How the output's neurons follow from the inputs'.
    var neurons: NeuronRule { get }

    /// An operation that produces only some of the output's neurons.
    ///
    /// - Parameters:
    ///   - neurons: the neurons of the output, in the desired order; heads for attention patterns.
    ///   - parameters: the whole parameters.
    /// - Returns: nil if these neurons depend on the others, or cannot be produced by one operation.
    func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation?

    /// The operation on some consecutive positions of sequences; nil if it is made for all of them alone.
    ///
    /// - Parameters:
    ///   - positions: fewer than all, at least one.
    ///   - length: of the whole sequences.
    func part(_ positions: Range<Int>, of length: Int) -> PartialOperation?

    /// The operation on the positions that a batch asks about; nil if it is made for all of them alone, or needs to know which they are.
    ///
    /// - Parameters:
    ///   - asked: how many of each sequence, fewer than all.
    ///   - length: of the whole sequences.
    func part(asked: Int, of length: Int) -> PartialOperation?

    /// The only position of its input that the operation reads; nil if it reads others.
    var selectedPosition: Int? { get }

    /// Writes every element of the output.
    func forward(_ pass: ForwardPass)

    /// Adds the contribution of the output's gradient to the gradients of the inputs and parameters.
    func backward(_ pass: BackwardPass)
}

extension Operation {
    package func forwardScratch(inputs: [[Int]], output: [Int], team: Int) -> Int { 0 }
    package func backwardScratch(inputs: [[Int]], output: [Int], team: Int) -> Int { 0 }
    package func part(_ positions: Range<Int>, of length: Int) -> PartialOperation? { nil }
    package func part(asked: Int, of length: Int) -> PartialOperation? { nil }
    package var selectedPosition: Int? { nil }
    package var worksInPlace: Bool { false }
    package var overwritesGradients: Bool { false }
    package var gradientReading: GradientReading { [.inputs, .output] }
}

/// The values of a run that a backward rule needs; the memory of the others can be reused by nodes downstream.
package struct GradientReading: OptionSet, Sendable {
    package let rawValue: Int

    package init(rawValue: Int) { self.rawValue = rawValue }

    /// The inputs, whatever gradients are requested.
    package static let inputs = GradientReading(rawValue: 1)
    /// The inputs if gradients of parameters are requested.
    package static let inputsForParameters = GradientReading(rawValue: 2)
    package static let output = GradientReading(rawValue: 4)
}

/// Whether parameters that follow the data (batch norm's statistics) are used or measured.
package enum RunMode: Sendable {
    /// Stored statistics are used.
    case inference
    /// The batch's own statistics are used.
    case training
}

/// The shape and kind of a network's input, without the numbers.
package enum BatchShape: Sendable, Hashable {
    /// Numbers, [samples] + the shape of one.
    case values([Int])
    /// Token ids, [samples, length].
    case tokens(samples: Int, length: Int)

    /// The number of samples.
    package var samples: Int {
        switch self {
        case .values(let shape): shape.first ?? 1
        case .tokens(let samples, _): samples
        }
    }
}

/// The input of a network.
package enum Batch: Sendable {
    /// Numbers, [samples] + the shape of one.
    case values(Tensor)
    /// Token ids, [samples, length].
    case tokens(TokenBatch)

    package var shape: BatchShape {
        switch self {
        case .values(let tensor): .values(tensor.shape)
        case .tokens(let tokens): .tokens(samples: tokens.samples, length: tokens.length)
        }
    }

    /// The number of positions that are asked about in each sequence.
    package var askedCount: Int { if case .tokens(let tokens) = self { tokens.askedCount } else { 0 } }
}

/// Token ids of sequences of one length. They are checked against the vocabulary before a network sees them.
package struct TokenBatch: Sendable {
    /// [samples, length], row after row.
    package let ids: [Int32]
    package let samples: Int
    package let length: Int
    /// The positions that are asked about, as many in each sequence: [samples, count], row after row. Empty if nobody asks about some alone.
    package let asked: [Int32]

    package init(ids: [Int32], samples: Int, length: Int, asked: [Int32] = []) {
        precondition(ids.count == samples * length, "\(ids.count) tokens for \(samples) x \(length)")
        precondition(asked.isEmpty || samples > 0 && asked.count % samples == 0, "\(asked.count) positions for \(samples) samples")
        self.ids = ids
        self.samples = samples
        self.length = length
        self.asked = asked
    }

    /// The number of positions that are asked about in each sequence.
    package var askedCount: Int { samples > 0 ? asked.count / samples : 0 }
}

/// The arguments of a forward rule: it reads each ``Tensor`` and writes each ``MutableTensor``.
package struct ForwardPass: Sendable {
    package let inputs: [Tensor]
    package let parameters: [Tensor]
    /// Not initialised, or the first input's memory where the operation works in place.
    package let output: MutableTensor
    /// Not initialised.
    package let scratch: MutableTensor
    /// The tokens of the batch; nil in networks of numbers.
    package let tokens: TokenBatch?
    package let mode: RunMode
    package let team: Team

    package init(
        inputs: [Tensor], parameters: [Tensor], output: MutableTensor, scratch: MutableTensor, tokens: TokenBatch? = nil,
        mode: RunMode = .inference, team: Team
    ) {
        self.inputs = inputs
        self.parameters = parameters
        self.output = output
        self.scratch = scratch
        self.tokens = tokens
        self.mode = mode
        self.team = team
    }
}

/// The arguments of a backward rule: it reads each ``Tensor`` and writes each ``MutableTensor``.
package struct BackwardPass: Sendable {
    package let inputs: [Tensor]
    package let parameters: [Tensor]
    package let output: Tensor
    /// The gradient with respect to the output, in its shape.
    package let outputGradient: Tensor
    /// Where the inputs' gradients are added; nil if they are not needed.
    package let inputGradients: [MutableTensor?]
    /// Where the parameters' gradients are added; nil if they are not needed.
    package let parameterGradients: [MutableTensor?]
    /// Whether each input's and each parameter's gradient is added to or, holding nothing yet, overwritten.
    package let inputTargets: [Product.Target]
    package let parameterTargets: [Product.Target]
    /// Not initialised.
    package let scratch: MutableTensor
    package let tokens: TokenBatch?
    package let mode: RunMode
    package let team: Team

    package init(
        inputs: [Tensor], parameters: [Tensor], output: Tensor, outputGradient: Tensor, inputGradients: [MutableTensor?],
        parameterGradients: [MutableTensor?], inputTargets: [Product.Target]? = nil, parameterTargets: [Product.Target]? = nil,
        scratch: MutableTensor, tokens: TokenBatch? = nil, mode: RunMode = .inference, team: Team
    ) {
        self.inputs = inputs
        self.parameters = parameters
        self.output = output
        self.outputGradient = outputGradient
        self.inputGradients = inputGradients
        self.parameterGradients = parameterGradients
        self.inputTargets = inputTargets ?? inputs.map { _ in .add }
        self.parameterTargets = parameterTargets ?? parameters.map { _ in .add }
        self.scratch = scratch
        self.tokens = tokens
        self.mode = mode
        self.team = team
    }
}
