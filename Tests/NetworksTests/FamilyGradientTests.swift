import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

@testable import Networks

/// The gradients of every parameter of a whole model against those of PyTorch's autograd.
struct FamilyGradientTests {
    /// Those whose gradients the library's script wrote down.
    static let models = FamilyFixture.models.filter { name in
        // A file that cannot be read is not passed over: its test fails.
        let expected = try? Checkpoint.open(Fixtures.path("transformers/expected/\(name).safetensors"))
        return expected?.tensors.contains { $0.name.hasPrefix("gradient.") } ?? true
    }

    /// The places of a part of a tensor in the whole.
    private static func places(_ slices: [TensorRecord.Slice], in shape: [Int]) -> [Int] {
        var found = [0]
        for (axis, length) in shape.enumerated() {
            let chosen: [Int] =
                switch axis < slices.count ? slices[axis] : .all {
                case .all: Array(0..<length)
                case .place(let place): [place]
                case .places(let first, let step, let count): (0..<count).map { first + $0 * step }
                }
            found = found.flatMap { before in chosen.map { before * length + $0 } }
        }
        return found
    }

    @Test func mostFamiliesHaveGradients() { #expect(Self.models.count >= 27) }

    @Test(arguments: models) func gradientsAreThoseOfPyTorch(name: String) throws {
        let fixture = try FamilyFixture(name)
        let (network, tokens) = (fixture.network, try fixture.tokens("batch"))
        let parameters = network.parameters.indices.map(ParameterID.init)
        let checkpoint = try Checkpoint.open(Fixtures.path("transformers/\(name)"))
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
            let whole = try #require(checkpoint[described.tensorName]).shape
            let places = Self.places(described.slices, in: described.slices.isEmpty ? [gradient.count] : whole)
            try #require(places.count == gradient.count)
            let sum = zip(places, gradient).reduce(0) { $0 + Double($1.1) * cos(0.7 * Double($1.0)) }
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
