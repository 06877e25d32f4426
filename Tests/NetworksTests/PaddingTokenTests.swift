import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing
import Text

@testable import Networks

/// The entry of a family's padding token gets the gradient that transformers gives it: none where it is looked up, that of the logits where the
/// table is the output matrix too.
struct PaddingTokenTests {
    static let cases =
        (try? FileManager.default.contentsOfDirectory(atPath: Fixtures.path("paddings/families")))
        .map { $0.filter { $0.hasSuffix(".json") }.map { String($0.dropLast(".json".count)) }.sorted() } ?? []

    private static func network(_ name: String, configuration: String? = nil) throws -> Network {
        let settings = try configuration ?? String(contentsOfFile: Fixtures.path("paddings/families/\(name).json"), encoding: .utf8)
        let folder = "transformers/" + name.prefix { $0 != "+" }
        return try #require(try FamilyFixture.network(folder, configuration: settings))
    }

    @Test func mostFamiliesAreThere() { #expect(Self.cases.count >= 33) }

    @Test(arguments: cases) func gradientsOfTablesAreThoseOfTransformers(name: String) throws {
        let network = try Self.network(name)
        let values = try Checkpoint.open(Fixtures.path("paddings/families/\(name).safetensors"))
        let stored = try #require(values["batch"])
        let tokens = TokenBatch(ids: stored.floats().map { Int32($0) }, samples: stored.shape[0], length: stored.shape[1])
        let expected = values.tensors.filter { $0.name.hasPrefix("gradient.") }
        var request = RunRequest(recorded: [network.output])
        let parameters = try expected.map { record in
            try #require(network.parameter(named: String(record.name.dropFirst("gradient.".count))), "\(record.name)")
        }
        request.gradients = GradientRequest(parameters: Set(parameters))
        let executor = try Executor(
            network, batch: .tokens(samples: tokens.samples, length: tokens.length), request: request, team: Team(size: 2))
        let output = try #require(executor.run(.tokens(tokens))[network.output])
        let gradients = Gradients(executor, seeds: [network.output])
        gradients.backward([network.output: Tensor(shape: output.shape, (0..<output.count).map { Float(cos(0.3 * Double($0))) })])
        for (record, parameter) in zip(expected, parameters) {
            let (found, wanted) = (try #require(gradients[parameter]).elements, record.floats())
            #expect(found.count == wanted.count)
            let largest = wanted.map(abs).max() ?? 0
            #expect(largest > 0)
            let worst = zip(found, wanted).map { abs($0 - $1) }.max() ?? 0
            #expect(worst <= 1e-4 * largest, "\(name): \(record.name) is off by \(worst) of \(largest)")
            // What gets nothing there gets nothing here, to the bit.
            #expect(zip(found, wanted).allSatisfy { $1 != 0 || $0 == 0 }, "\(name): \(record.name)")
        }
    }

    @Test func aTokenWithoutEntryIsNoneAndOtherSettingsAreAnError() throws {
        func settings(_ token: String) throws -> String {
            try String(contentsOfFile: Fixtures.path("paddings/families/llama-tied+3.json"), encoding: .utf8)
                .replacingOccurrences(of: "\"pad_token_id\": 3", with: "\"pad_token_id\": \(token)")
        }
        func padding(_ token: String) throws -> Int? {
            let network = try Self.network("llama-tied+3", configuration: settings(token))
            return network.nodes.lazy.compactMap { ($0.operation as? Embedding)?.padding }.first
        }
        #expect(try padding("3") == 3 && padding("-2") == 38 && padding("40") == nil && padding("-41") == nil && padding("null") == nil)
        for token in ["1.5", "\"<pad>\"", "1e12"] {
            let error = #expect(throws: Problem.self) { try padding(token) }
            #expect(error.map { "\($0)" }?.contains("'pad_token_id': cannot be used, expected a whole number") == true, "\(token)")
        }
    }
}
