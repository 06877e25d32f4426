import Foundation
import TestSupport
import Testing

/// Texts with labels, masked tokens and numbers as data, against PyTorch and transformers (fixtures/make_texts.py).
@Suite struct TextDataCommandTests {
    private struct Expected: Decodable {
        struct Outcome: Decodable {
            let loss: Double
            let correct: Int
        }
        let classifier: Outcome
        let masked: Outcome
        let regression: [Double]
        let reconstruction: [Double]
    }

    private static func path(_ name: String) -> String { Fixtures.path("texts/" + name) }

    private static func expected() throws -> Expected {
        try JSONDecoder().decode(Expected.self, from: Data(contentsOf: URL(fileURLWithPath: path("expected.json"))))
    }

    private static func evaluated(_ arguments: String...) throws -> [String: Any] {
        let result = try BuiltCommand.run(["eval", "--format", "json"] + arguments)
        let document = try #require(try JSONSerialization.jsonObject(with: result.output) as? [String: Any], "\(result.errors)")
        return try #require((document["checkpoints"] as? [[String: Any]])?.first)
    }

    @Test(arguments: ["sentences.jsonl", "sentences.csv", "sentences.tsv"])
    func aClassifierOfTextsHasTransformersLoss(_ name: String) throws {
        let expected = try Self.expected().classifier
        let found = try Self.evaluated(Self.path("classifier"), "--data", Self.path(name))
        #expect(abs(try #require(found["loss"] as? Double) - expected.loss) < 1e-5)
        #expect(found["correct"] as? Int == expected.correct && found["task"] as? String == "classify" && found["answers"] as? Int == 7)
    }

    @Test func givenMasksHaveTransformersLoss() throws {
        let expected = try Self.expected().masked
        let found = try Self.evaluated(Self.path("masked"), "--data", Self.path("filled.jsonl"))
        #expect(abs(try #require(found["loss"] as? Double) - expected.loss) < 1e-5)
        #expect(found["correct"] as? Int == expected.correct && found["task"] as? String == "masked" && found["answers"] as? Int == 4)
    }

    @Test func tokensAreMaskedForAMaskedModel() throws {
        let found = try Self.evaluated(Self.path("masked"), "--data", Self.path("sentences.jsonl"), "--task", "masked", "--seed", "3")
        let again = try Self.evaluated(Self.path("masked"), "--data", Self.path("sentences.jsonl"), "--task", "masked", "--seed", "3")
        #expect(found["task"] as? String == "masked" && found["loss"] as? Double == again["loss"] as? Double)
    }

    @Test(arguments: [("regression", "regression"), ("autoencoder", "reconstruction")])
    func numbersAreComparedByTheirSquaredError(_ model: String, _ task: String) throws {
        let expected = try Self.expected()
        let losses = task == "regression" ? expected.regression : expected.reconstruction
        let arguments = [Self.path(model + ".safetensors"), "--data", Self.path("regression.npz"), "--task", task]
        let found = try Self.evaluated(arguments[0], arguments[1], arguments[2], arguments[3], arguments[4])
        #expect(abs(try #require(found["loss"] as? Double) - losses[0]) < 1e-6)
        #expect(found["accuracy"] is NSNull && found["task"] as? String == task)
        try TemporaryFolder.with { folder in
            let run = try BuiltCommand.run(
                ["finetune"] + arguments + [
                    "-o", folder + "/out.tar", "--log", folder + "/log.jsonl", "--lambda", "0", "--optimizer", "sgd", "--momentum", "0",
                    "--lr", "0.05",
                    "--schedule", "constant", "--steps", "20", "--batch", "12", "--weight-decay", "0", "--quiet",
                ])
            #expect(run.status == 0, "\(run.errors)")
            let steps = try String(contentsOfFile: folder + "/log.jsonl", encoding: .utf8).split(separator: "\n").dropFirst().map {
                try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
            }
            #expect(steps.count == 20)
            for (step, loss) in zip(steps, losses) { #expect(abs(try #require(step["crossEntropy"] as? Double) - loss) < 1e-5) }
            let after = try Self.evaluated(folder + "/out.tar", arguments[1], arguments[2], arguments[3], arguments[4])
            #expect(abs(try #require(after["loss"] as? Double) - losses[20]) < 1e-5)
        }
    }

    /// A model of 64 outputs does not score ten classes, unless somebody says so.
    @Test func labelsOfOtherClassesAreRefused() throws {
        try TemporaryFolder.with { folder in
            let made = try BuiltCommand.run("init", "mlp:784-64", "-o", folder + "/m.tar")
            #expect(made.status == 0, "\(made.errors)")
            let data = Fixtures.path("models/mnist-mlp.npz")
            let refused = try BuiltCommand.run("eval", folder + "/m.tar", "--data", data)
            #expect(refused.status == 1 && refused.output.isEmpty)
            #expect(refused.errors.contains("64 outputs, labels up to 9; --task classify says that it is"), "\(refused.errors)")
            #expect(try BuiltCommand.run("eval", folder + "/m.tar", "--data", data, "--task", "classify", "--limit", "5").status == 0)
            let few = try BuiltCommand.run("eval", folder + "/m.tar", "--data", data, "--limit", "5")
            #expect(few.errors.contains("labels up to 9"), "\(few.errors)")
        }
    }

    @Test func ablationAndFinetuningReadTexts() throws {
        try TemporaryFolder.with { folder in
            let clusters = folder + "/c.tsv"
            let model = Self.path("classifier")
            #expect(try BuiltCommand.run("cluster", model, "-k", "2", "-o", clusters, "--format", "tsv").status == 0)
            let ablated = try BuiltCommand.run(
                "ablate", model, "--clusters", clusters, "--data", Self.path("sentences.jsonl"), "--format", "json")
            #expect(ablated.status == 0, "\(ablated.errors)")
            let tuned = try BuiltCommand.run(
                "finetune", model, "--data", Self.path("sentences.csv"), "-o", folder + "/out.tar", "--steps", "2", "--clusters", clusters)
            #expect(tuned.status == 0, "\(tuned.errors)")
        }
    }
}
