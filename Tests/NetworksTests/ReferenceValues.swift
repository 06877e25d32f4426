import Checkpoints
import Networks
import Tensors
import Testing

/// Files of values that other libraries computed: what a network reads, and what must come out of it.
enum ReferenceValues {
    /// The samples of a file: `tokens` or `input`.
    static func batch(_ values: Checkpoint) throws -> Batch {
        if let tokens = values["tokens"] {
            return .tokens(TokenBatch(ids: tokens.doubles().map { Int32($0) }, samples: tokens.shape[0], length: tokens.shape[1]))
        }
        let input = try #require(values["input"])
        return .values(Tensor(shape: input.shape, input.floats()))
    }

    /// Expects numbers that differ by no more than a part of the largest, which is taken for 1 if it is smaller.
    static func close(_ found: [Float], _ expected: [Float], within tolerance: Float, _ what: String) {
        let scale = max(1, expected.map(abs).max() ?? 1)
        let worst = zip(found, expected).map { abs($0 - $1) }.max() ?? 0
        #expect(found.count == expected.count && worst <= tolerance * scale, "\(what): off by \(worst) of \(scale)")
    }

    /// What a checkpoint's network computes of the stored batch.
    static func output(of checkpoint: Checkpoint, _ values: Checkpoint) throws -> [Float] {
        let network = try LoadedModel(checkpoint).network
        let batch = try batch(values)
        let executor = try Executor(network, batch: batch.shape, request: RunRequest(recorded: [network.output]), team: Team(size: 1))
        return try #require(executor.run(batch)[network.output]).elements
    }

    /// Expects what a network computes of the stored batch to be `output`, and the gradients of its parameters, those of the output being
    /// `weights`, to be `gradient.NAME`.
    static func expectOutputAndGradients(of network: Network, _ values: Checkpoint, threads: Int, _ what: String) throws {
        let batch = try batch(values)
        let compared = values.tensors.filter { $0.name.hasPrefix("gradient.") }
        let named = compared.map { ($0, String($0.name.dropFirst("gradient.".count))) }
        let parameters = try named.map { try #require(network.parameter(named: $0.1), "\($0.1)") }
        var request = RunRequest(recorded: [network.output])
        request.gradients = GradientRequest(parameters: Set(parameters))
        let executor = try Executor(network, batch: batch.shape, request: request, team: Team(size: threads))
        let gradients = Gradients(executor, seeds: [network.output])
        let output = try #require(executor.run(batch)[network.output])
        let expected = try #require(values["output"])
        #expect(output.shape == expected.shape)
        close(output.elements, expected.floats(), within: 1e-5, what)
        let weights = try #require(values["weights"])
        gradients.clearParameters()
        gradients.backward([network.output: Tensor(shape: weights.shape, weights.floats())])
        for (parameter, (tensor, name)) in zip(parameters, named) {
            close(try #require(gradients[parameter]).elements, tensor.floats(), within: 1e-5, name)
        }
    }
}
