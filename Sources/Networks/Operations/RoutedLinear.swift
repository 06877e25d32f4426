import Tensors
import Text

/// y = x W^T + b at the positions that choose an expert, 0 at the others, which are not computed.
///
/// Inputs: x [samples, length, in], the weights of the experts [samples, length, experts]. Parameters: as ``Linear``.
package struct RoutedLinear: Operation {
    package let layout: Linear.Layout
    package let expert: Int

    package init(layout: Linear.Layout = .outIn, expert: Int) {
        self.layout = layout
        self.expert = expert
    }

    package var name: String { "routed linear" }
    package var gradientReading: GradientReading { .inputs }

    private var linear: Linear { Linear(layout: layout) }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [rank - 1] }
    package var neurons: NeuronRule { linear.neurons }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? {
        linear.restricted(to: neurons, parameters: parameters).map {
            RestrictedOperation(operation: RoutedLinear(expert: expert), parameters: $0.parameters, reading: .all)
        }
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        guard inputs.count == 2, inputs[0].dropLast() == inputs[1].dropLast(), expert >= 0, expert < inputs[1].last ?? 0 else {
            throw Problem("the experts' weights do not fit the positions", expected: words(inputs[0]), found: inputs.last.map(words))
        }
        return try linear.outputShape(inputs: [inputs[0]], parameters: parameters, batch: batch)
    }

    /// The positions that choose the expert, in order.
    func positions(_ weights: Tensor) -> [Int] {
        let experts = weights.width
        return weights.withElements { elements in (0..<weights.rows).filter { elements[$0 * experts + expert] != 0 } }
    }

    package func forwardScratch(inputs: [[Int]], output: [Int], team: Int) -> Int {
        output.dropLast().reduce(1, *) * ((inputs[0].last ?? 0) + (output.last ?? 0))
    }

    package func forward(_ pass: ForwardPass) {
        let chosen = positions(pass.inputs[1])
        pass.output.fill(0)
        guard !chosen.isEmpty else { return }
        let (width, outputs) = (pass.inputs[0].width, pass.output.width)
        let rows = pass.scratch.view(at: 0, shape: [chosen.count, width])
        let made = pass.scratch.view(at: chosen.count * width, shape: [chosen.count, outputs])
        TableRows.gather(flat(pass.inputs[0]), .rows, into: rows, team: pass.team) { chosen[$0] }
        linear.forward(
            ForwardPass(
                inputs: [rows], parameters: pass.parameters, output: made, scratch: pass.scratch.view(at: 0, shape: [0]), team: pass.team))
        TableRows.scatterAdd(made, toEntriesOf: pass.output.reshaped([pass.output.rows, outputs]), .rows, team: pass.team) { chosen[$0] }
    }

    package func backwardScratch(inputs: [[Int]], output: [Int], team: Int) -> Int {
        output.dropLast().reduce(1, *) * (2 * (inputs[0].last ?? 0) + (output.last ?? 0))
    }

    /// As ``Linear``'s, at the chosen positions; the weights of the experts are multiplied later and have no gradient here.
    package func backward(_ pass: BackwardPass) {
        let chosen = positions(pass.inputs[1])
        guard !chosen.isEmpty else { return }
        let (width, outputs) = (pass.inputs[0].width, pass.outputGradient.width)
        let rows = pass.scratch.view(at: 0, shape: [chosen.count, width])
        let change = pass.scratch.view(at: chosen.count * width, shape: [chosen.count, outputs])
        let gradient = pass.scratch.view(at: chosen.count * (width + outputs), shape: [chosen.count, width])
        TableRows.gather(flat(pass.inputs[0]), .rows, into: rows, team: pass.team) { chosen[$0] }
        TableRows.gather(flat(pass.outputGradient), .rows, into: change, team: pass.team) { chosen[$0] }
        gradient.fill(0)
        linear.backward(
            BackwardPass(
                inputs: [rows], parameters: pass.parameters, output: change, outputGradient: change,
                inputGradients: [pass.inputGradients[0] == nil ? nil : gradient], parameterGradients: pass.parameterGradients,
                scratch: pass.scratch.view(at: 0, shape: [0]), team: pass.team))
        if let target = pass.inputGradients[0] {
            TableRows.scatterAdd(gradient, toEntriesOf: target.reshaped([target.rows, width]), .rows, team: pass.team) { chosen[$0] }
        }
    }

    private func flat(_ tensor: Tensor) -> Tensor { tensor.reshaped([tensor.rows, tensor.width]) }
}
