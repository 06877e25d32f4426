import Networks
import Tensors
import Text

/// Operations of one input each, one after the other, as one: what stands between a stream and the layers of a part.
///
/// The backward rule computes again what is between them. None of them reads the batch's tokens.
struct StepSequence: Networks.Operation {
    private let steps: [UnitStep]

    init(_ steps: [UnitStep]) { self.steps = steps }

    var name: String { steps.map(\.operation.name).joined(separator: ", ") }
    var gradientReading: GradientReading { .inputs }

    func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] {
        Set(steps.flatMap { $0.operation.joinedDimensions(ofInput: 0, rank: rank) }).sorted()
    }

    var neurons: NeuronRule { .fixed }
    func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? { nil }

    func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        var shape = inputs[0]
        for step in steps {
            shape = try step.operation.outputShape(inputs: [shape], parameters: step.parameters.map(\.shape), batch: batch)
        }
        return shape
    }

    /// The input of each step and the output of the last.
    private func values(_ input: Tensor, team: Team) -> [Tensor] {
        steps.reduce(into: [input]) { values, step in values.append(step.apply([values[values.count - 1]], team: team)) }
    }

    func forward(_ pass: ForwardPass) {
        guard let last = values(pass.inputs[0], team: pass.team).last else { return }
        pass.output.copy(from: last.reshaped(pass.output.shape))
    }

    func backward(_ pass: BackwardPass) {
        guard let target = pass.inputGradients[0] else { return }
        let values = values(pass.inputs[0], team: pass.team)
        var gradient = pass.outputGradient
        for (place, step) in steps.enumerated().reversed() {
            let next = place == 0 ? target : MutableTensor.zeros(values[place].shape)
            step.operation.addGradient(
                gradient, at: values[place], output: values[place + 1], step.parameters, to: next, team: pass.team)
            gradient = next
        }
    }
}
