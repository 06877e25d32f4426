import Tensors
import Text

/// The gated MLP of one expert at the positions that choose it, 0 at the others: ``RoutedLinear`` three times with what is between them, without
/// making the numbers of the positions that do not choose it.
///
/// Inputs: x [samples, length, in], the weights of the experts [samples, length, experts]. Parameters: those of the gate, of the input and of
/// the output, each the weight and maybe a bias.
struct RoutedMLP: Operation {
    let expert: Int
    /// The number of neurons.
    let width: Int
    let layout: Linear.Layout
    /// What the gate's product goes through, and the input's if anything.
    let activation: Activation
    let factor: Activation?
    /// Whether each layer has a bias.
    let hasBias: Bool

    var name: String { "routed MLP" }
    var gradientReading: GradientReading { .inputs }
    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [rank - 1] }
    var neurons: NeuronRule { .fixed }

    func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? { nil }

    private var routed: RoutedLinear { RoutedLinear(layout: layout, expert: expert) }
    private var linear: Linear { Linear(layout: layout) }
    private var step: Int { hasBias ? 2 : 1 }

    /// What one layer has of a value for each parameter: 0 the gate, 1 the input, 2 the output.
    private func part<Value>(_ values: [Value], of layer: Int) -> [Value] { Array(values[layer * step..<(layer + 1) * step]) }

    func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        let gate = try routed.outputShape(inputs: inputs, parameters: part(parameters, of: 0), batch: batch)
        let input = try routed.outputShape(inputs: inputs, parameters: part(parameters, of: 1), batch: batch)
        guard gate == input else { throw Problem("factors of different shapes", expected: words(gate), found: words(input)) }
        return try routed.outputShape(inputs: [gate, inputs[1]], parameters: part(parameters, of: 2), batch: batch)
    }

    func forwardScratch(inputs: [[Int]], output: [Int], team: Int) -> Int {
        output.dropLast().reduce(1, *) * ((inputs[0].last ?? 0) + 2 * width + (output.last ?? 0))
    }

    func backwardScratch(inputs: [[Int]], output: [Int], team: Int) -> Int {
        output.dropLast().reduce(1, *) * (2 * (inputs[0].last ?? 0) + 10 * width + (output.last ?? 0))
    }

    /// Matrices of the chosen positions, one after the other in scratch memory.
    private struct Rows {
        let scratch: MutableTensor
        let count: Int
        var used = 0

        mutating func next(_ width: Int) -> MutableTensor {
            defer { used += count * width }
            return scratch.view(at: used, shape: [count, width])
        }

        mutating func zeros(_ width: Int) -> MutableTensor {
            let made = next(width)
            made.fill(0)
            return made
        }
    }

    /// The products before and after the functions, at the chosen positions.
    private struct Neurons {
        let rows: MutableTensor
        let gate: MutableTensor
        let input: MutableTensor
        /// After the function; the same memory as the product's where that is not needed any more.
        let gated: MutableTensor
        let factor: MutableTensor
    }

    private func computed(
        _ chosen: [Int], _ inputs: [Tensor], _ parameters: [Tensor], in memory: inout Rows, keepsProducts: Bool, team: Team
    ) -> Neurons {
        let rows = memory.next(inputs[0].width)
        TableRows.gather(inputs[0].reshaped([inputs[0].rows, inputs[0].width]), .rows, into: rows, team: team) { chosen[$0] }
        let gate = memory.next(width)
        let input = memory.next(width)
        run(linear, [rows], part(parameters, of: 0), gate, team)
        run(linear, [rows], part(parameters, of: 1), input, team)
        let gated = keepsProducts ? memory.next(width) : gate
        run(activation, [gate], [], gated, team)
        let scaled = keepsProducts && factor != nil ? memory.next(width) : input
        if let factor { run(factor, [input], [], scaled, team) }
        return Neurons(rows: rows, gate: gate, input: input, gated: gated, factor: scaled)
    }

    private func run(_ operation: some Operation, _ inputs: [Tensor], _ parameters: [Tensor], _ output: MutableTensor, _ team: Team) {
        operation.forward(
            ForwardPass(inputs: inputs, parameters: parameters, output: output, scratch: MutableTensor(uninitialized: [0]), team: team))
    }

    func forward(_ pass: ForwardPass) {
        let chosen = routed.positions(pass.inputs[1])
        pass.output.fill(0)
        guard !chosen.isEmpty else { return }
        var memory = Rows(scratch: pass.scratch, count: chosen.count)
        let made = computed(chosen, pass.inputs, pass.parameters, in: &memory, keepsProducts: false, team: pass.team)
        run(GatedProduct(), [made.gated, made.factor], [], made.gated, pass.team)
        let written = memory.next(pass.output.width)
        run(linear, [made.gated], part(pass.parameters, of: 2), written, pass.team)
        TableRows.scatterAdd(
            written, toEntriesOf: pass.output.reshaped([pass.output.rows, written.width]), .rows, team: pass.team
        ) { chosen[$0] }
    }

    /// Back through the output's layer, the product, the functions and the two layers, whose neurons are computed again.
    func backward(_ pass: BackwardPass) {
        let chosen = routed.positions(pass.inputs[1])
        guard !chosen.isEmpty else { return }
        let team = pass.team
        var memory = Rows(scratch: pass.scratch, count: chosen.count)
        let made = computed(chosen, pass.inputs, pass.parameters, in: &memory, keepsProducts: true, team: team)
        let post = memory.next(width)
        run(GatedProduct(), [made.gated, made.factor], [], post, team)
        let change = memory.next(pass.outputGradient.width)
        let gradient = pass.outputGradient.reshaped([pass.outputGradient.rows, change.width])
        TableRows.gather(gradient, .rows, into: change, team: team) { chosen[$0] }
        func back(
            _ operation: some Operation, _ inputs: [Tensor], _ parameters: [Tensor], output: Tensor, _ outputGradient: Tensor,
            to gradients: [MutableTensor?], _ parameterGradients: [MutableTensor?] = []
        ) {
            operation.backward(
                BackwardPass(
                    inputs: inputs, parameters: parameters, output: output, outputGradient: outputGradient, inputGradients: gradients,
                    parameterGradients: parameterGradients, scratch: MutableTensor(uninitialized: [0]), team: team))
        }
        let postChange = memory.zeros(width)
        back(
            linear, [post], part(pass.parameters, of: 2), output: change, change, to: [postChange], part(pass.parameterGradients, of: 2))
        let gatedChange = memory.zeros(width)
        let factorChange = memory.zeros(width)
        back(GatedProduct(), [made.gated, made.factor], [], output: post, postChange, to: [gatedChange, factorChange])
        let gateChange = memory.zeros(width)
        back(activation, [made.gate], [], output: made.gated, gatedChange, to: [gateChange])
        var inputChange = factorChange
        if let factor {
            inputChange = memory.zeros(width)
            back(factor, [made.input], [], output: made.factor, factorChange, to: [inputChange])
        }
        let rowChange = pass.inputGradients[0] == nil ? nil : memory.zeros(made.rows.width)
        for (layer, own) in [(0, gateChange), (1, inputChange)] {
            back(
                linear, [made.rows], part(pass.parameters, of: layer), output: own, own, to: [rowChange],
                part(pass.parameterGradients, of: layer))
        }
        if let target = pass.inputGradients[0], let rowChange {
            TableRows.scatterAdd(rowChange, toEntriesOf: target.reshaped([target.rows, rowChange.width]), .rows, team: team) { chosen[$0] }
        }
    }
}

extension RoutedMLP: PositionwiseOperation {}
