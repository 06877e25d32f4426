import Tensors
import Text

/// A function of one number with its derivative, over whole tensors.
private protocol ElementFunction: Sendable {
    /// target = f(source), element by element; both may be the same memory.
    func apply(to source: Tensor, into target: MutableTensor, team: Team)
    /// gradient = or += f'(source) * outputGradient, element by element.
    func addGradient(at source: Tensor, outputGradient: Tensor, to gradient: MutableTensor, _ target: Product.Target, team: Team)
}

extension ActivationFunction: ElementFunction {}
extension ScalarCurve: ElementFunction {}

/// y = f(x), element by element.
package struct Activation: LayerOperation {
    package typealias Function = ActivationFunction

    package let name: String
    private let function: any ElementFunction
    /// The function that kernels compute; nil for one with settings.
    let kernel: Function?
    /// The function with settings; nil for one that kernels compute.
    let curve: ScalarCurve?
    /// The layer's rule in another precision; nil if it has none.
    private let rule: LayerRule?

    /// A function that kernels compute.
    package init(_ function: Function) {
        name = function.rawValue
        self.function = function
        kernel = function
        curve = nil
        rule = .activation(function)
    }

    /// A function with settings.
    package init(_ curve: ScalarCurve, name: String) {
        self.name = name
        function = curve
        kernel = nil
        self.curve = curve
        rule = nil
    }

    package var gradientReading: GradientReading { .inputs }
    package var worksInPlace: Bool { true }
    package var overwritesGradients: Bool { true }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [] }
    package var neurons: NeuronRule { .elementwise }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? {
        RestrictedOperation(operation: self, parameters: parameters, reading: .same)
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] { inputs[0] }

    package func forward(_ pass: ForwardPass) { function.apply(to: pass.inputs[0], into: pass.output, team: pass.team) }

    package var kind: LayerPart.Kind { .activation }

    package func rule(input: [Int], parameters: [Tensor]) -> LayerRule? { rule }

    /// dx += f'(x) dy.
    package func backward(_ pass: BackwardPass) {
        guard let gradient = pass.inputGradients[0] else { return }
        function.addGradient(at: pass.inputs[0], outputGradient: pass.outputGradient, to: gradient, pass.inputTargets[0], team: pass.team)
    }
}
