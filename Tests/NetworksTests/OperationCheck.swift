import Checkpoints
import Tensors
import TestSupport
import Testing

@testable import Networks

/// One operation with its inputs, to be checked against finite differences and PyTorch's numbers.
struct OperationCheck {
    var operation: any Operation
    var inputs: [Tensor]
    var parameters: [Tensor] = []
    var tokens: TokenBatch?
    var mode = RunMode.inference
    /// Parameters without a gradient: running statistics.
    var constants: Set<Int> = []

    var batch: BatchShape {
        if let tokens { return .tokens(samples: tokens.samples, length: tokens.length) }
        return .values(inputs.first?.shape ?? [1])
    }

    func forward(threads: Int = 1) throws -> Tensor {
        let shape = try operation.outputShape(inputs: inputs.map(\.shape), parameters: parameters.map(\.shape), batch: batch)
        let output = MutableTensor(uninitialized: shape)
        // What an operation forgets to write stays visible.
        output.fill(.nan)
        let scratch = MutableTensor(uninitialized: [operation.forwardScratch(inputs: inputs.map(\.shape), output: shape, team: threads)])
        scratch.fill(.nan)
        if operation.worksInPlace, let first = inputs.first, first.count == output.count {
            // In place and beside each other are the same.
            let shared = first.copied().reshaped(shape)
            pass(shared.reshaped(first.shape), shared, scratch, threads)
            let apart = output.copied()
            pass(first, apart, scratch, threads)
            #expect(zip(shared.elements, apart.elements).allSatisfy { $0 == $1 || $0.isNaN && $1.isNaN })
            return apart
        }
        operation.forward(
            ForwardPass(
                inputs: inputs, parameters: parameters, output: output, scratch: scratch, tokens: tokens, mode: mode,
                team: Team(size: threads)))
        return output
    }

    private func pass(_ first: Tensor, _ output: MutableTensor, _ scratch: MutableTensor, _ threads: Int) {
        operation.forward(
            ForwardPass(
                inputs: [first] + inputs.dropFirst(), parameters: parameters, output: output, scratch: scratch, tokens: tokens, mode: mode,
                team: Team(size: threads)))
    }

    /// The gradients of inputs and parameters for a gradient of the output; they start at `start`, which rules must add to or
    /// overwrite. What the operation says that it does not read holds no numbers.
    func backward(
        _ outputGradient: Tensor, start: Float = 0, _ target: Product.Target = .add, threads: Int = 1, ofParameters: Bool = true
    ) throws -> (inputs: [Tensor], parameters: [Tensor]) {
        let reading = operation.gradientReading
        var output = try forward(threads: threads)
        var inputs = inputs
        let readsInputs = reading.contains(.inputs) || ofParameters && !parameters.isEmpty && reading.contains(.inputsForParameters)
        if !readsInputs { inputs = inputs.map { Tensor(shape: $0.shape, [Float](repeating: .nan, count: $0.count)) } }
        if !reading.contains(.output) { output = Tensor(shape: output.shape, [Float](repeating: .nan, count: output.count)) }
        let inputGradients = inputs.map { MutableTensor(shape: $0.shape, [Float](repeating: start, count: $0.count)) }
        let parameterGradients = parameters.map { MutableTensor(shape: $0.shape, [Float](repeating: start, count: $0.count)) }
        let scratch = MutableTensor(uninitialized: [
            operation.backwardScratch(inputs: inputs.map(\.shape), output: output.shape, team: threads)
        ])
        scratch.fill(.nan)
        operation.backward(
            BackwardPass(
                inputs: inputs, parameters: parameters, output: output, outputGradient: outputGradient, inputGradients: inputGradients,
                parameterGradients: parameters.indices.map { constants.contains($0) || !ofParameters ? nil : parameterGradients[$0] },
                inputTargets: inputs.map { _ in target }, parameterTargets: parameters.map { _ in target }, scratch: scratch,
                tokens: tokens,
                mode: mode, team: Team(size: threads)))
        return (inputGradients, parameterGradients)
    }

    /// Compares every derivative of sum(output * weights) with a central difference of step `step`.
    func expectDifferencesAgree(step: Float = 1e-2, tolerance: Double = 5e-3, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let shape = try forward().shape
        var generator = SeededGenerator(seed: 7)
        let weights = Tensor(shape: shape, (0..<shape.reduce(1, *)).map { _ in Float(generator.normal()) })
        func objective(_ check: OperationCheck) throws -> Double {
            zip(try check.forward().elements, weights.elements).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        }
        let gradients = try backward(weights)
        let added = try backward(weights, start: 1)
        let alone = try backward(weights, ofParameters: false)
        #expect(alone.inputs.map(\.elements) == gradients.inputs.map(\.elements), "\(operation.name)", sourceLocation: sourceLocation)
        if operation.overwritesGradients {
            let written = try backward(weights, start: .nan, .overwrite)
            #expect(written.inputs.map(\.elements) == gradients.inputs.map(\.elements), "\(operation.name)", sourceLocation: sourceLocation)
            for index in parameters.indices where !constants.contains(index) {
                #expect(
                    written.parameters[index].elements == gradients.parameters[index].elements, "\(operation.name)",
                    sourceLocation: sourceLocation)
            }
        }
        for (name, tensors, found, shifted) in [
            ("input", inputs, gradients.inputs, added.inputs), ("parameter", parameters, gradients.parameters, added.parameters),
        ] {
            for (index, tensor) in tensors.enumerated() where !(name == "parameter" && constants.contains(index)) {
                let scale = Double(found[index].elements.map(abs).max() ?? 0) + 1e-3
                // The tensor's copy takes its place and is moved.
                let moved = tensor.copied()
                var check = self
                if name == "input" { check.inputs[index] = moved } else { check.parameters[index] = moved }
                for place in 0..<tensor.count {
                    let old = tensor.elements[place]
                    moved.withMutableElements { $0[place] = old + step }
                    let above = try objective(check)
                    moved.withMutableElements { $0[place] = old - step }
                    let below = try objective(check)
                    moved.withMutableElements { $0[place] = old }
                    let difference = (above - below) / (2 * Double(step))
                    let gradient = Double(found[index].elements[place])
                    #expect(
                        abs(difference - gradient) <= tolerance * scale,
                        "\(operation.name) \(name) \(index)[\(place)]: \(difference) \(gradient)",
                        sourceLocation: sourceLocation)
                    #expect(
                        abs(Double(shifted[index].elements[place]) - 1 - gradient) <= 1e-4 * (scale + 1), "the rule overwrites",
                        sourceLocation: sourceLocation)
                }
            }
        }
    }

    /// The same bits for any number of threads.
    func expectThreadsAgree(sourceLocation: SourceLocation = #_sourceLocation) throws {
        let one = try forward(threads: 1)
        #expect(try forward(threads: 3).elements == one.elements, sourceLocation: sourceLocation)
        let gradient = Tensor(shape: one.shape, one.elements.map { $0 * 0.5 + 0.25 })
        let first = try backward(gradient, threads: 1)
        let second = try backward(gradient, threads: 3)
        #expect(
            zip(first.inputs + first.parameters, second.inputs + second.parameters).allSatisfy { $0.elements == $1.elements },
            sourceLocation: sourceLocation)
    }

    /// Compares output and gradients with those that PyTorch wrote under `name` in a safetensors file of fixtures/operations:
    /// `NAME.input0`, `NAME.parameter0`, `NAME.output`, `NAME.output_gradient`, `NAME.input_gradient0`, `NAME.parameter_gradient0`.
    static func expectMatchesPyTorch(
        _ operation: any Operation, file: String, _ name: String, mode: RunMode = .inference, tolerance: Float = 2e-5,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let checkpoint = try Checkpoint.open(Fixtures.path("operations/\(file)"))
        func tensor(_ part: String) -> Tensor? {
            checkpoint["\(name).\(part)"].map { Tensor(shape: $0.shape, $0.floats()) }
        }
        func series(_ part: String) -> [Tensor] {
            var tensors: [Tensor] = []
            while let next = tensor("\(part)\(tensors.count)") { tensors.append(next) }
            return tensors
        }
        var check = OperationCheck(operation: operation, inputs: series("input"), parameters: series("parameter"), mode: mode)
        if let ids = checkpoint["\(name).tokens"] {
            check.tokens = TokenBatch(ids: ids.doubles().map { Int32($0) }, samples: ids.shape[0], length: ids.shape[1])
        }
        let expected = try #require(tensor("output"), "no '\(name)' in \(file)", sourceLocation: sourceLocation)
        let output = try check.forward()
        #expect(output.shape == expected.shape, sourceLocation: sourceLocation)
        close(output, expected, tolerance, "\(name) output", sourceLocation)
        guard let outputGradient = tensor("output_gradient") else { return }
        for place in check.parameters.indices where checkpoint["\(name).parameter_gradient\(place)"] == nil {
            check.constants.insert(place)
        }
        let gradients = try check.backward(outputGradient)
        for (place, gradient) in gradients.inputs.enumerated() {
            let value = try #require(tensor("input_gradient\(place)"), sourceLocation: sourceLocation)
            close(gradient, value, tolerance, "\(name) input gradient \(place)", sourceLocation)
        }
        for (place, gradient) in gradients.parameters.enumerated() where !check.constants.contains(place) {
            let value = try #require(tensor("parameter_gradient\(place)"), sourceLocation: sourceLocation)
            close(gradient, value, tolerance, "\(name) parameter gradient \(place)", sourceLocation)
        }
    }

    private static func close(_ found: Tensor, _ expected: Tensor, _ tolerance: Float, _ what: String, _ location: SourceLocation) {
        let scale = max(1, expected.elements.filter(\.isFinite).map(abs).max() ?? 1)
        var worst: Float = 0
        for (a, b) in zip(found.elements, expected.elements) where a != b { worst = max(worst, abs(a - b).isNaN ? .infinity : abs(a - b)) }
        #expect(
            found.count == expected.count && worst <= tolerance * scale, "\(what): off by \(worst) of \(scale)", sourceLocation: location)
    }

    /// Seeded normal random numbers.
    static func random(_ shape: [Int], seed: UInt64, scale: Double = 1) -> MutableTensor {
        var generator = SeededGenerator(seed: seed)
        return MutableTensor(shape: shape, (0..<shape.reduce(1, *)).map { _ in Float(generator.normal() * scale) })
    }
}
