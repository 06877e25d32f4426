import Tensors

/// y = f(x), element by element.
public struct Activation: Operation {
    public typealias Function = ActivationFunction

    public let function: Function

    public init(_ function: Function) { self.function = function }

    public var name: String { function.rawValue }
    public var gradientReading: GradientReading { .inputs }
    public var worksInPlace: Bool { true }
    public var overwritesGradients: Bool { true }

    public func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(ShapeProblem) -> [Int] { inputs[0] }

    public func forward(_ pass: ForwardPass) { function.apply(to: pass.inputs[0], into: pass.output, team: pass.team) }

    /// dx += f'(x) dy.
    public func backward(_ pass: BackwardPass) {
        guard let gradient = pass.inputGradients[0] else { return }
        function.addGradient(at: pass.inputs[0], outputGradient: pass.outputGradient, to: gradient, pass.inputTargets[0], team: pass.team)
    }
}
