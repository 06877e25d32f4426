import Archives
import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing
import Text

@testable import Networks

/// State dicts of TransformerLens and a checkpoint of nanoGPT against the libraries' own numbers (fixtures/make_transformer_lens.py).
struct TransformerLensTests {
    private static let kinds = ["norms", "folded", "plain", "rotary", "parallel", "attention"]

    private static func settings(_ name: String) throws -> [String: Any] {
        let file = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("transformer-lens/\(name).json")))
        return try #require(try JSONSerialization.jsonObject(with: file) as? [String: Any])
    }

    private static func checkpoint(_ name: String, _ settings: [String: Any]?) throws -> Checkpoint {
        let checkpoint = try Checkpoint.open(Fixtures.path("transformer-lens/\(name).pt"))
        guard let settings else { return checkpoint }
        return checkpoint.with(configuration: ByteRegion(copying: Array(try JSONSerialization.data(withJSONObject: settings))))
    }

    private static func expected() throws -> Checkpoint { try Checkpoint.open(Fixtures.path("transformer-lens/expected.safetensors")) }

    @Test(arguments: kinds) func logitsAndGradientsAreTheLibrarys(_ name: String) throws {
        let expected = try Self.expected()
        let network = try #require(try FamilyFixture.network(of: Self.checkpoint(name, Self.settings(name))))
        let parameters = network.parameters.indices.map(ParameterID.init)
        let (executor, logits) = try storedRun(network, name, expected, tolerance: 1e-4, gradients: parameters)
        let gradients = Gradients(executor, seeds: [network.output])
        gradients.backward([network.output: Tensor(shape: logits.shape, (0..<logits.count).map { Float(cos(0.3 * Double($0))) })])
        let all = expected.tensors.filter { $0.name.hasPrefix("\(name).gradient.") }
        #expect(all.count == parameters.count)
        for parameter in parameters {
            let described = network.parameters[parameter.index]
            let read = try #require(gradients[parameter])
            // In the order in which the file has them.
            let gradient = (described.stored?.storing(read) ?? read).elements
            let wanted = try #require(expected["\(name).gradient.\(described.name)"], "\(described.name)").floats()
            let sum = gradient.enumerated().reduce(0) { $0 + Double($1.element) * cos(0.7 * Double($1.offset)) }
            let length = gradient.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
            let tolerance = 2e-4 * Double(wanted[1]) + 1e-4
            #expect(abs(sum - Double(wanted[0])) < tolerance, "\(described.name): \(sum) for \(wanted[0])")
            #expect(abs(length - Double(wanted[1])) < tolerance, "\(described.name): \(length) for \(wanted[1])")
        }
    }

    @Test func whatNoTensorShowsIsMissingByName() throws {
        func answer(_ name: String, without key: String) throws -> String? {
            var settings = try Self.settings(name)
            settings[key] = nil
            return problem { _ = try FamilyFixture.network(of: Self.checkpoint(name, settings)) }
        }
        #expect(
            try answer("norms", without: "act_fn")
                == "config.json: 'act_fn': is missing, expected the activation, such as relu or gelu_new, which no tensor shows; the settings can be given"
        )
        #expect(try answer("norms", without: "eps")?.hasPrefix("config.json: 'eps': is missing") == true)
        #expect(try answer("folded", without: "normalization_type")?.hasPrefix("config.json: 'normalization_type': is missing") == true)
        #expect(try answer("rotary", without: "positional_embedding_type")?.contains("standard or rotary") == true)
        // The norms' tensors say which they are, a table is a table, and a model of attention alone has no activation.
        #expect(try answer("norms", without: "normalization_type") == nil)
        #expect(try answer("norms", without: "positional_embedding_type") == nil)
        #expect(try answer("attention", without: "act_fn") == nil)
    }

    @Test func settingsThatContradictTheTensorsOrAreNotFollowedAreRefused() throws {
        for (name, key, value, expected) in [
            ("norms", "n_heads", 4 as Any, "'n_heads': contradicts the tensors, expected 3, found 4"),
            ("norms", "normalization_type", "LNPre", "'normalization_type': contradicts the tensors, expected LN, found 'LNPre'"),
            ("norms", "use_local_attn", true, "'use_local_attn': a model with this setting cannot be run, expected false, found true"),
            ("norms", "attention_dir", "bidirectional", "'attention_dir': a model with this setting cannot be run"),
            ("norms", "num_experts", 4, "'num_experts': a model with this setting cannot be run"),
            ("norms", "positional_embedding_type", "shortformer", "positions of this kind cannot be run"),
            ("rotary", "rotary_dim", 5, "'rotary_dim': does not fit a head, expected an even number up to 6, found 5"),
            ("norms", "act_fn", "solu_ln", "'act_fn': is not known"),
        ] {
            var settings = try Self.settings(name)
            settings[key] = value
            let found = problem { _ = try FamilyFixture.network(of: Self.checkpoint(name, settings)) }
            #expect(found?.contains(expected) == true, "\(key): \(found ?? "runs")")
        }
    }

    @Test func storedOrdersAreThoseOfTheFile() {
        // [2, 3, 2] read as [2, 2, 3].
        let stored = Parameter.StoredOrder(shape: [2, 3, 2], order: [0, 2, 1])
        let read = Tensor(shape: [4, 3], [0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11])
        #expect(stored.storing(read).elements == (0..<12).map { Float($0) })
        #expect(stored.storing(read).shape == [2, 3, 2])
    }

    @Test func aCheckpointOfNanoGPTRunsByItsArguments() throws {
        let checkpoint = try Checkpoint.open(Fixtures.path("transformer-lens/nanogpt.pt"))
        let network = try #require(try FamilyFixture.network(of: checkpoint))
        _ = try storedRun(network, "nanogpt", Self.expected(), tolerance: 1e-4)
        #expect(checkpoint.training?.step == 7)
        #expect(checkpoint.assumptions == ["the activation is not in model_args: gelu is assumed, which nanoGPT's models have"])
    }
}
