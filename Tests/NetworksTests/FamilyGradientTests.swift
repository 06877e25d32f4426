import Foundation
import Tensors
import TestSupport
import Testing

@testable import Networks

/// The gradients of every parameter of a whole model against those of PyTorch's autograd.
struct FamilyGradientTests {
    static let models = [
        "qwen3", "qwen3-yarn", "gemma2", "gemma3_text", "olmo2", "olmo3", "phi", "phi-normed", "phi3", "gpt_neo", "gptj", "opt",
        "opt-unbiased", "bloom", "stablelm", "stablelm-parallel", "starcoder2", "granite", "smollm3", "mixtral", "qwen2_moe", "qwen3_moe",
        "llama-dynamic", "llama-longrope",
        "llama-yarn",
    ]

    @Test(arguments: models) func gradientsAreThoseOfPyTorch(name: String) throws {
        let fixture = try FamilyFixture(name)
        let (network, tokens) = (fixture.network, try fixture.tokens("batch"))
        let parameters = network.parameters.indices.map(ParameterID.init)
        var request = RunRequest(recorded: [network.output])
        request.gradients = GradientRequest(parameters: Set(parameters))
        let executor = try Executor(
            network, batch: .tokens(samples: tokens.samples, length: tokens.length), request: request, team: Team(size: 2))
        let logits = try #require(executor.run(.tokens(tokens))[network.output])
        let gradients = Gradients(executor, seeds: [network.output])
        gradients.backward([network.output: Tensor(shape: logits.shape, (0..<logits.count).map { Float(cos(0.3 * Double($0))) })])

        // A tensor may hold several parameters.
        var stored: [String: (sum: Double, square: Double)] = [:]
        for parameter in parameters {
            let described = network.parameters[parameter.index]
            let gradient = try #require(gradients[parameter]).elements
            // Halves of a matrix, one after the other.
            var first = 0
            if case .places(let row, 1, _)? = described.slices.first { first = row * (described.shape.last ?? 1) }
            let sum = gradient.enumerated().reduce(0) { $0 + Double($1.element) * cos(0.7 * Double($1.offset + first)) }
            let square = gradient.reduce(0) { $0 + Double($1) * Double($1) }
            stored[described.tensorName, default: (0, 0)].sum += sum
            stored[described.tensorName, default: (0, 0)].square += square
        }
        let expected = fixture.expected.tensors.filter { $0.name.hasPrefix("gradient.") }
        #expect(expected.count == stored.count && expected.count > 5)
        let largest = expected.map { Double($0.floats()[1]) }.max() ?? 0
        #expect(largest > 0.1)
        for record in expected {
            let found = try #require(stored[String(record.name.dropFirst("gradient.".count))], "\(record.name)")
            let (sum, norm) = (Double(record.floats()[0]), Double(record.floats()[1]))
            let tolerance = 2e-4 * norm + 2e-5 * largest
            #expect(abs(found.sum - sum) <= tolerance, "\(record.name): \(found.sum) for \(sum), length \(norm)")
            #expect(abs(found.square.squareRoot() - norm) <= tolerance, "\(record.name): length \(found.square.squareRoot()) for \(norm)")
        }
    }
}
