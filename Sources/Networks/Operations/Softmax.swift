import Tensors

/// y = e^x / sum e^x over the last dimension; minus infinity becomes exactly 0.
public struct Softmax: Operation {
    public init() {}
    public var name: String { "softmax" }
    public var gradientReading: GradientReading { .output }
    public var worksInPlace: Bool { true }

    public func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(ShapeProblem) -> [Int] { inputs[0] }

    public func forward(_ pass: ForwardPass) { RowSoftmax.apply(to: pass.inputs[0], into: pass.output, team: pass.team) }

    /// dx += y (dy - sum y dy).
    public func backward(_ pass: BackwardPass) {
        guard let gradient = pass.inputGradients[0] else { return }
        RowSoftmax.addGradient(of: pass.output, outputGradient: pass.outputGradient, to: gradient, team: pass.team)
    }
}
