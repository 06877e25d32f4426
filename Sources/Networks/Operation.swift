import Tensors

/// One kind of node in a network: a function of tensors and parameters, its forward rule beside its backward rule.
///
/// Operations are values without memory. A backward rule gets what went into and came out of the forward rule and computes
/// again whatever else it needs.
public protocol Operation: Sendable {
    /// What it is called in listings, such as `linear`.
    var name: String { get }

    /// The shape of the output.
    ///
    /// - Parameters:
    ///   - inputs: the shapes of the inputs, the batch first.
    ///   - parameters: the shapes of the parameters.
    ///   - batch: what the network is given, for operations that have no inputs.
    /// - Throws: ``ShapeProblem`` where they do not go together.
    func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(ShapeProblem) -> [Int]

    /// The elements of scratch memory that ``forward(_:)`` needs.
    func forwardScratch(inputs: [[Int]], output: [Int], team: Int) -> Int

    /// The elements of scratch memory that ``backward(_:)`` needs.
    func backwardScratch(inputs: [[Int]], output: [Int], team: Int) -> Int

    /// Whether the output may take the memory of the first input where nobody else reads that.
    var worksInPlace: Bool { get }

    /// Whether ``backward(_:)`` writes the gradients that hold nothing yet, as the pass's targets say; otherwise those are set to 0 before.
    var overwritesGradients: Bool { get }

    /// What ``backward(_:)`` reads of what went into and came out of the forward rule, beyond the shapes.
    var gradientReading: GradientReading { get }

    /// Writes every element of the output.
    func forward(_ pass: ForwardPass)

    /// Adds to the gradients of the inputs and parameters what the output's gradient gives them.
    func backward(_ pass: BackwardPass)
}

extension Operation {
    public func forwardScratch(inputs: [[Int]], output: [Int], team: Int) -> Int { 0 }
    public func backwardScratch(inputs: [[Int]], output: [Int], team: Int) -> Int { 0 }
    public var worksInPlace: Bool { false }
    public var overwritesGradients: Bool { false }
    public var gradientReading: GradientReading { [.inputs, .output] }
}

/// The values of a run that a backward rule needs: the others' memory is free for the nodes downstream.
public struct GradientReading: OptionSet, Sendable {
    public let rawValue: Int

    public init(rawValue: Int) { self.rawValue = rawValue }

    /// The inputs, whatever gradients are asked for.
    public static let inputs = GradientReading(rawValue: 1)
    /// The inputs where gradients of parameters are asked for.
    public static let inputsForParameters = GradientReading(rawValue: 2)
    public static let output = GradientReading(rawValue: 4)
}

/// Whether parameters that follow the data (batch norm's statistics) are used or measured.
public enum RunMode: Sendable {
    /// Stored statistics are used.
    case inference
    /// The batch's own statistics are used.
    case training
}

/// What a network is given, without its numbers.
public enum BatchShape: Sendable, Hashable {
    /// Numbers, [samples] + the shape of one.
    case values([Int])
    /// Token ids, [samples, length].
    case tokens(samples: Int, length: Int)

    /// The number of samples.
    public var samples: Int {
        switch self {
        case .values(let shape): shape.first ?? 1
        case .tokens(let samples, _): samples
        }
    }
}

/// What a network is given.
public enum Batch: Sendable {
    /// Numbers, [samples] + the shape of one.
    case values(Tensor)
    /// Token ids, [samples, length].
    case tokens(TokenBatch)

    public var shape: BatchShape {
        switch self {
        case .values(let tensor): .values(tensor.shape)
        case .tokens(let tokens): .tokens(samples: tokens.samples, length: tokens.length)
        }
    }
}

/// Token ids of sequences of one length. They have been checked against the vocabulary by the time a network sees them.
public struct TokenBatch: Sendable {
    /// [samples, length], row after row.
    public let ids: [Int32]
    public let samples: Int
    public let length: Int

    public init(ids: [Int32], samples: Int, length: Int) {
        precondition(ids.count == samples * length, "\(ids.count) tokens for \(samples) x \(length)")
        self.ids = ids
        self.samples = samples
        self.length = length
    }
}

/// What a forward rule works on.
public struct ForwardPass: Sendable {
    public let inputs: [Tensor]
    public let parameters: [Tensor]
    /// Not initialised, or the first input's memory where the operation works in place.
    public let output: Tensor
    /// Not initialised.
    public let scratch: Tensor
    /// The tokens of the batch; nil in networks of numbers.
    public let tokens: TokenBatch?
    public let mode: RunMode
    public let team: Team

    public init(
        inputs: [Tensor], parameters: [Tensor], output: Tensor, scratch: Tensor, tokens: TokenBatch? = nil, mode: RunMode = .inference,
        team: Team
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

/// What a backward rule works on.
public struct BackwardPass: Sendable {
    public let inputs: [Tensor]
    public let parameters: [Tensor]
    public let output: Tensor
    /// The gradient with respect to the output, in its shape.
    public let outputGradient: Tensor
    /// Where the inputs' gradients are added; nil where nobody asks for them.
    public let inputGradients: [Tensor?]
    /// Where the parameters' gradients are added; nil where nobody asks for them.
    public let parameterGradients: [Tensor?]
    /// Whether each input's and each parameter's gradient is added to or, holding nothing yet, overwritten.
    public let inputTargets: [Product.Target]
    public let parameterTargets: [Product.Target]
    /// Not initialised.
    public let scratch: Tensor
    public let tokens: TokenBatch?
    public let mode: RunMode
    public let team: Team

    public init(
        inputs: [Tensor], parameters: [Tensor], output: Tensor, outputGradient: Tensor, inputGradients: [Tensor?],
        parameterGradients: [Tensor?], inputTargets: [Product.Target]? = nil, parameterTargets: [Product.Target]? = nil, scratch: Tensor,
        tokens: TokenBatch? = nil, mode: RunMode = .inference, team: Team
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
