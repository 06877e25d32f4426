import Tensors

/// What passes its input on: layers without effect, and dropout, which is switched off.
public struct Identity: Operation {
    public let name: String
    public init(name: String) { self.name = name }
    public var gradientReading: GradientReading { [] }
    public var worksInPlace: Bool { true }

    public func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(ShapeProblem) -> [Int] { inputs[0] }

    public func forward(_ pass: ForwardPass) { pass.output.copy(from: pass.inputs[0]) }

    /// dx += dy.
    public func backward(_ pass: BackwardPass) {
        if let gradient = pass.inputGradients[0] { Elementwise.add(pass.outputGradient, to: gradient, team: pass.team) }
    }
}
