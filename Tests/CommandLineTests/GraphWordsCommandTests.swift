import Checkpoints
import Foundation
import TestSupport
import Testing

/// Networks in words through the commands that keep, print and write them.
struct GraphWordsCommandTests {
    private static func path(_ name: String) -> String { Fixtures.path("graphs/" + name) }

    private static let words = [
        "residual":
            "conv1(padding=1),bn1,x=relu,conv2(padding=1),relu,y=conv3(padding=1),x,shortcut,add(y),z=relu,conv4(padding=1),add(z),relu,"
            + "globalavgpool,flatten,fc",
        "normed":
            "conv1(padding=1),gn1(groups=3),relu,conv2(padding=1),own(groups=4,eps=0.001),silu,conv3,instancenorm,tanh,conv4,groupnorm(2),"
            + "whole(groups=1,eps=0.01),relu,max(2,3),fc1,rows(groups=2),fc2",
        "attending":
            "embed,x=add(places),ln1,qkv,attention(heads=2),proj,y=add(x),layernorm,up,gelu,down,z=add(y),attn(heads=4),add(z),mean(1),head",
    ]

    private func scores(_ arguments: [String], _ folder: String) throws -> [Float] {
        let result = try BuiltCommand.run(["eval", "--quiet", "--logits", folder + "/s.npy"] + arguments)
        try #require(result.status == 0, "\(result.errors)")
        return try #require(try Checkpoint.open(folder + "/s.npy").tensors.first).floats()
    }

    private func expectNear(_ found: [Float], _ expected: [Float], _ what: String) {
        #expect(found.count == expected.count && zip(found, expected).allSatisfy { abs($0 - $1) <= 1e-5 * max(1, abs($1)) }, "\(what)")
    }

    @Test(arguments: ["residual", "attending", "normed"]) func aStepOfTrainingIsPyTorchsAndTheWordsAreKept(name: String) throws {
        let expected = try Checkpoint.open(Self.path(name + ".expected.safetensors"))
        let (words, data) = (Self.words[name] ?? "", ["--data", Self.path(name + ".npz")])
        try TemporaryFolder.with { folder in
            let out = folder + "/out.tar"
            let training = ["--lambda", "0", "--optimizer", "sgd", "--lr", "0.1", "--steps", "1", "--batch", "10"]
            let result = try BuiltCommand.run(
                ["finetune", "--quiet", Self.path(name + ".safetensors"), "--arch", words, "-o", out] + training + data)
            try #require(result.status == 0, "\(result.errors)")
            let trained = try Checkpoint.open(out)
            for tensor in expected.tensors where tensor.name.hasPrefix("after.") {
                let found = try #require(trained[String(tensor.name.dropFirst(6))], "\(tensor.name)")
                expectNear(found.floats(), tensor.floats(), tensor.name)
            }
            // The words are in the archive, and need not be given again.
            #expect(try BuiltCommand.run("info", out, "--arch").text == words + "\n")
            #expect(try BuiltCommand.run("info", "--arch", out).text == words + "\n")
            let own = try scores([out] + data, folder)
            #expect(try BuiltCommand.run("convert", out, "-o", folder + "/m.onnx", "--quiet").status == 0)
            expectNear(try scores([folder + "/m.onnx"] + data, folder), own, "the ONNX file")
        }
    }

    /// What PyTorch computes where hooks put one head's output, or what one reader reads, of one prompt into the run on the other
    /// (fixtures/make_graphs.py, `Tokens`).
    @Test func headsAndEdgesOfWordsAreThoseOfPyTorchHooks() throws {
        let words = "embedding(embed),x=positions(places),ln1,qkv,attention(heads=2,causal=true),proj,add(x),unembed"
        try TemporaryFolder.with { folder in
            let pairs = folder + "/pairs.json"
            try Data(
                """
                {"prompts": [{"clean": [1, 2, 3, 4, 5], "corrupt": [1, 2, 9, 4, 5], "answers": [7], "wrong_answers": [8]},
                {"clean": [5, 6, 7, 8, 2], "corrupt": [5, 10, 7, 8, 2], "answers": [3], "wrong_answers": [1]}]}
                """.utf8
            ).write(to: URL(fileURLWithPath: pairs))
            let model = [Self.path("tokens.safetensors"), "--arch", words, "--data", pairs, "--quiet", "--format", "json"]
            let patch = try BuiltCommand.run(["patch", "--sites", "heads"] + model)
            try #require(patch.status == 0, "\(patch.errors)")
            #expect(patch.text.contains("\"effect\": 0.087715") && patch.text.contains("\"effect\": 0.00784"), "\(patch.text)")
            let circuit = try BuiltCommand.run(["circuit", "--method", "exact"] + model)
            try #require(circuit.status == 0, "\(circuit.errors)")
            let json = try JSONSerialization.jsonObject(with: Data(circuit.text.utf8)) as? [String: Any]
            let edges = try #require(json?["scores"] as? [[String: Any]])
            let expected = [
                "input a0.h0<q>": 0, "input a0.h0<k>": 0.001_414_984, "input a0.h0<v>": -0.066_563_34, "input a0.h1<q>": 0,
                "input a0.h1<k>": -0.001_483_709, "input a0.h1<v>": -0.007_769_451, "input logits": 0, "a0.h0 logits": -0.087_715_88,
                "a0.h1 logits": -0.007_849_321,
            ]
            #expect(edges.count == expected.count)
            for edge in edges {
                let name = "\(edge["source"] ?? "") \(edge["target"] ?? "")"
                let score = try #require(edge["score"] as? Double)
                #expect(abs(score - (expected[name] ?? .nan)) < 1e-6, "\(name): \(score)")
            }
        }
    }

    /// Words whose operators CurvedActivationTests compares with PyTorch, beside the ONNX files that they are written to.
    @Test(arguments: [
        "relu", "gelu", "silu", "tanh", "sigmoid", "leakyrelu(0.25)", "elu(0.5)", "celu(0.5)", "selu", "relu6", "hardsigmoid", "hardswish",
        "mish", "softsign", "logsigmoid", "softplus", "softplus(threshold=0.5)", "softplus(beta=2,threshold=0.5)", "softplus(beta=0.5)",
        "hardtanh(min=-0.5,max=2)", "neg", "abs", "exp", "erf", "sin", "cos", "pow(3)", "add(2)", "mul(2)", "sub(2)", "div(2)",
    ])
    func anActivationIsTheSameInONNXAndHasWordsThere(element: String) throws {
        let words = try #require(Self.words["residual"]).replacing("x=relu", with: "x=" + element)
        try TemporaryFolder.with { folder in
            let (model, data, written) = (Self.path("residual.safetensors"), ["--data", Self.path("residual.npz")], folder + "/m.onnx")
            let expected = try scores([model, "--arch", words] + data, folder)
            let result = try BuiltCommand.run("convert", "--quiet", model, "--arch", words, "-o", written)
            try #require(result.status == 0, "\(result.errors)")
            expectNear(try scores([written] + data, folder), expected, "the ONNX file")
            let printed = try BuiltCommand.run("info", "--arch", written)
            try #require(printed.status == 0, "\(printed.errors)")
            let again = printed.text.trimmingCharacters(in: .whitespacesAndNewlines)
            expectNear(try scores([model, "--arch", again] + data, folder), expected, again)
            // Where ONNX has the same operator, the same words come back.
            if ["selu", "leakyrelu(0.25)", "hardsigmoid", "mish"].contains(element) { #expect(again.contains("x=" + element + ",")) }
        }
    }

    @Test func whatHasNoWordsIsALine() throws {
        let result = try BuiltCommand.run("info", "--print-arch", Fixtures.path("llama-tiny"))
        #expect(result.status == 1 && result.text.isEmpty)
        #expect(result.errors.contains("has no words") && result.errors.split(separator: "\n").count == 1, "\(result.errors)")
        #expect(try BuiltCommand.run("info", "--print-arch", "--format", "json", Fixtures.path("gpt2-tiny")).status == 64)
        #expect(try BuiltCommand.run("info", "--print-arch", Fixtures.path("mlp.safetensors")).text == "fc1,relu,fc2,relu,fc3,relu,fc4\n")
    }
}
