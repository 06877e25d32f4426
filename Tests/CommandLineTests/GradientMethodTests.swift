import Foundation
import TestSupport
import Testing

@Suite struct GradientMethodTests {
    private static let planted = "\"$1/gradients/planted.safetensors\" --quiet --method gradient --data \"$1/gradients/planted.npz\" "
    private static let digits = "\"$1/models/mnist-mlp.pt\" --quiet --method gradient --data \"$1/models/mnist-mlp.npz\" "

    private func shell(_ line: String) throws -> CommandResult { try BuiltCommand.shell(line, Fixtures.folder) }

    /// The architecture is that of the file; names may differ.
    @Test(arguments: ["", "-k auto", "--batch 16", "--batch 5", "--batch 96", "--chain"]) func plantedModulesAreFound(options: String)
        throws
    {
        let truth = try shell("cat \"$1/gradients/planted.clusters.tsv\"").rows
        let result = try shell("\"$M\" cluster \(Self.planted) --layers fc1.weight,fc2.weight " + options)
        #expect(result.status == 0 && result.errors.isEmpty && result.rows.count == truth.count, "\(result.errors)")
        for layer in ["fc1.weight", "fc2.weight"] {
            var names: [String: Set<String>] = [:]
            for (found, planted) in zip(result.rows, truth) where found[0] == layer && found[3] != "-1" {
                #expect(found.prefix(3) == planted.prefix(3))
                names[planted[3], default: []].insert(found[3])
            }
            #expect(names.count == 4 && names.values.allSatisfy { $0.count == 1 } && Set(names.values).count == 4, "\(layer): \(names)")
        }
        let none = result.rows.filter { $0[3] == "-1" }.map { $0.prefix(3).joined(separator: " ") }
        #expect(none == ["fc2.weight out 17"])
    }

    @Test func neuronsWithoutGradientsAreSaid() throws {
        let result = try shell("\"$M\" score \(Self.planted)".replacingOccurrences(of: "--quiet", with: ""))
        #expect(
            result.errors.split(separator: "\n").last
                == "modinspect: note: \(Fixtures.path("gradients/planted.safetensors")): tensor 'fc2.weight': 1 out-neurons and 0 in-neurons have no gradient on the data and are in no cluster"
        )
    }

    @Test(arguments: ["--threads 1", "--threads 2", "--threads 3"]) func sameBytes(options: String) throws {
        for command in ["cluster", "score --null 3 -k 2-4"] {
            let line = "\"$M\" \(command) \(Self.digits) --format json "
            let result = try shell("cmp <(\(line)) <(\(line + options))")
            #expect(result.status == 0 && result.text.isEmpty, "\(result.text) \(result.errors)")
        }
    }

    @Test func theBatchSizeAndTheDataMatterAndAreReported() throws {
        let results = try ["", "--batch 8", "--limit 100"].map { try shell("\"$M\" cluster \(Self.digits) --format json " + $0) }
        let documents = try results.map { try #require(try JSONSerialization.jsonObject(with: $0.output) as? [String: Any]) }
        #expect(documents.map { $0["batch"] as? Int } == [64, 8, 64])
        #expect(
            documents.allSatisfy { $0["data"] as? String == Fixtures.path("models/mnist-mlp.npz") && $0["method"] as? String == "gradient" }
        )
        let labels = documents.map { (($0["layers"] as? [[String: Any]])?.first?["out"] as? [Int]) ?? [] }
        #expect(labels[0].count == 32 && labels[0] != labels[1] && labels[0] != labels[2])
    }

    /// Neurons without a gradient, as in PyTorch (`make_gradients.py`), in a network with convolutions and in one of tokens.
    @Test func convolutionsAndTransformersHaveGradients() throws {
        let arch = "conv1(padding=1),bn1,relu,maxpool(2),conv2(padding=1,stride=2),relu,maxpool(2),flatten,fc1,relu,fc2,relu,fc3"
        let images = try shell(
            "\"$M\" cluster \"$1/models/cifar-cnn.pt\" --method gradient --data \"$1/models/cifar-cnn.npz\" --arch '\(arch)' --layers conv2.weight,fc1.weight --batch 16"
        )
        #expect(images.status == 0 && images.rows.count == 1 + 16 + 8 + 32 + 256, "\(images.errors)")
        let dead = images.rows.filter { $0[3] == "-1" }.map { "\($0[0]) \($0[1]) \($0[2])" }
        #expect(dead == [3, 4, 5, 8, 9, 10, 14, 15, 18, 24, 26, 27, 29, 30].map { "fc1.weight out \($0)" })
        let pairs = try shell(
            "\"$M\" cluster \"$1/transformers/grokking\" --method gradient --data modadd:10 --layers blocks.0.mlp.W_in --batch 30")
        #expect(pairs.rows.filter { $0[3] == "-1" }.map { "\($0[1]) \($0[2])" } == [8, 15, 16, 23, 28, 30, 32, 35].map { "out \($0)" })
        let words = try shell("\"$M\" score \"$1/gpt2-tiny\" --method gradient --data modadd:5 --layers all --format tsv")
        #expect(words.status == 0 && words.rows.count > 8, "\(words.errors)")
    }

    @Test(arguments: [
        ("cluster", "--method gradient", "--method gradient needs --data"),
        ("score", "--method gradient", "--method gradient needs --data"),
        ("cluster", "--data x", "--data requires --method gradient"),
        ("score", "--batch 4", "--batch requires --method gradient"),
        ("score", "--method bsgc --labels y", "--labels requires --method gradient"),
        ("cluster", "--arch fc1", "--arch requires --method gradient"),
        ("score", "--method gradient --data x --batch 0", "--batch must be at least 1"),
        ("score", "--clusters c --method gradient --data x", "--clusters cannot be combined with -k, --method, --no-align or --chain"),
        ("score", "--clusters c --data x", "--data requires --method gradient"),
        ("cluster", "--method gradient --data - --labels -", "standard input can be read only once"),
        ("cluster", "--method contiguous --no-align", "--no-align requires --method bsgc, gradient or activations"),
        ("compare", "m --method gradient", "--method gradient is for cluster and score"),
    ])
    func wrongUsageIsStatus64(command: String, options: String, message: String) throws {
        let result = try BuiltCommand.shell("$M \(command) m " + options)
        #expect(result.status == 64 && result.output.isEmpty)
        #expect(result.errors.hasPrefix("modinspect: \(command): ") && result.errors.contains(message), "\(result.errors)")
    }

    @Test(arguments: [
        ("--data x", "m.safetensors: x: has no answers, which gradients need"), ("--data missing", "missing: no such file or directory"),
        (
            "--data pictures --labels y",
            "m.safetensors: pictures: the samples do not fit the model, expected samples of 3, found samples of 8x8"
        ),
        ("--data modadd:5", "m.safetensors: modadd:5: the model reads numbers, expected samples of 3, found token ids"),
    ])
    func oneLineSaysWhatIsWrong(options: String, line: String) throws {
        let result = try HandWorkedModel.shell("$M score m.safetensors --quiet --method gradient " + options)
        #expect(result.status == 1 && result.errors == "modinspect: \(line)\n" && result.output.isEmpty, "\(result.errors)")
    }

    /// A network of part of a checkpoint has no gradients for the rest.
    @Test func aLayerThatTheNetworkDoesNotReadIsNamed() throws {
        let result = try shell("\"$M\" cluster \(Self.digits) --arch fc1,relu,fc2 --layers fc3.weight")
        #expect(result.status == 1 && result.output.isEmpty && result.errors.split(separator: "\n").count == 1)
        #expect(result.errors.contains("fc3"), "\(result.errors)")
    }
}
