import Archives
import Testing
import Text

@testable import Checkpoints

@Suite struct LayerSelectionTests {
    private let mlp: [(String, [Int])] = [
        ("fc1.weight", [8, 5]), ("fc1.bias", [8]), ("fc2.weight", [6, 8]), ("fc3.weight", [4, 6]), ("fc4.weight", [3, 4]),
    ]

    @Test func aChainLeavesOutItsFirstAndLastWeight() throws {
        let model = try catalog(mlp)
        #expect(model.family == .chain)
        #expect(try model.select([]).map(\.name) == ["fc2.weight", "fc3.weight"])
    }

    @Test func whereThatLeavesNoneAllAreTaken() throws {
        #expect(try catalog([("a.weight", [4, 3]), ("b.weight", [2, 4])]).select([]).map(\.name) == ["a.weight", "b.weight"])
        #expect(try catalog([("a.weight", [4, 3])]).select([]).map(\.name) == ["a.weight"])
    }

    @Test func aNaturalOrderThatIsNoChainIsCorrectedByTheShapes() throws {
        let model = try catalog([
            ("hidden1.weight", [7, 8]), ("hidden2.weight", [6, 7]), ("input.weight", [8, 5]), ("output.weight", [3, 6]),
        ])
        #expect(model.family == .chain)
        #expect(try model.select([]).map(\.name) == ["hidden1.weight", "hidden2.weight"])
    }

    @Test func equalLayersInTheMiddleKeepTheirNaturalOrder() throws {
        let model = try catalog([("h1.weight", [8, 8]), ("h2.weight", [8, 8]), ("in.weight", [8, 5]), ("out.weight", [3, 8])])
        #expect(model.layers.map(\.name) == ["in.weight", "h1.weight", "h2.weight", "out.weight"])
    }

    @Test func theFilesOrderStaysWhereItIsTheModels() throws {
        let model = try catalog([("z.weight", [8, 5]), ("m.weight", [6, 8]), ("a.weight", [3, 6])], keepsOrder: true)
        #expect(try model.select([]).map(\.name) == ["m.weight"])
    }

    @Test func aFlatteningBelongsToTheChain() throws {
        let model = try catalog([
            ("conv1.weight", [8, 3, 3, 3]), ("conv2.weight", [16, 8, 3, 3]), ("fc1.weight", [32, 64]), ("fc2.weight", [10, 32]),
        ])
        #expect(model.family == .chain)
        #expect(try model.select([]).map(\.name) == ["conv2.weight", "fc1.weight"])
    }

    @Test func layersThatDoNotFollowEachOtherAreAllTaken() throws {
        let model = try catalog([("a.weight", [4, 3]), ("b.weight", [5, 7]), ("c.weight", [2, 9])])
        #expect(model.family == .unknown)
        #expect(try model.select([]).count == 3)
    }

    @Test func hardChainsAreGivenUpInBoundedTime() throws {
        // Many layers that all fit each other, and one that fits nowhere: there is no chain.
        let squares = (0..<60).map { ("h\($0).weight", [8, 8]) }
        #expect(try catalog(squares + [("odd.weight", [5, 3])]).family == .unknown)
    }

    @Test(arguments: [
        ("gpt_neox.layers.%.mlp.dense_h_to_4h.weight", ModelFamily.gptNeox), ("model.layers.%.mlp.up_proj.weight", .llama),
        ("transformer.h.%.mlp.fc_in.weight", .gptj), ("bert.encoder.layer.%.intermediate.dense.weight", .bert),
        ("blk.%.ffn_up.weight", .gguf), ("model.decoder.layers.%.fc1.weight", .opt), ("model.layers.%.mlp.fc1.weight", .phi),
        ("layers.%.feed_forward.w3.weight", .llama),
    ])
    func theMLPInputOfEveryBlockIsTheDefault(pattern: String, family: ModelFamily) throws {
        func name(_ block: Int) -> String { pattern.split(separator: "%", omittingEmptySubsequences: false).joined(separator: "\(block)") }
        let blocks = [0, 1, 2, 10]
        var tensors: [(String, [Int])] = blocks.map { (name($0), [12, 4]) }
        tensors += [
            ("model.decoder.layers.0.self_attn.q_proj.weight", [4, 4]), ("lm_head.weight", [9, 4]),
            ("layers.0.feed_forward.w1.weight", [12, 4]),
        ]
        if pattern.contains("gpt_neox") { tensors += [("gpt_neox.embed_in.weight", [9, 4])] }
        let model = try catalog(tensors)
        #expect(model.family == family)
        #expect(try model.select([]).map(\.name) == blocks.map(name))
    }

    @Test func theConfigurationNamesTheFamily() throws {
        let tensors = [("model.layers.0.mlp.up_proj.weight", [12, 4])]
        #expect(try catalog(tensors, configuration: #"{"model_type": "mistral"}"#).family == .mistral)
        #expect(try catalog(tensors, configuration: #"{"model_type": "gemma3_text"}"#).family == .gemma)
        #expect(try catalog(tensors, configuration: #"{"model_type": "never heard of"}"#).family == .llama)
        #expect(try catalog(tensors, configuration: "[[[").family == .llama)
    }

    @Test func patternsMatchNamesWithoutTheirWrappersPrefixes() throws {
        let model = try catalog([("module._orig_mod.model.fc1.weight", [8, 5]), ("module._orig_mod.model.fc2.weight", [6, 8])])
        for pattern in ["fc1.weight", "model.fc1.*", "module.*.fc1.weight", "fc?.weigh[t]", "*1*"] {
            #expect(try model.select([pattern]).first?.name == "module._orig_mod.model.fc1.weight", "\(pattern)")
        }
    }

    @Test func aNameIsFoundByItsUniqueEnding() throws {
        let model = try catalog([("net.a.fc1.weight", [8, 5]), ("net.b.fc1.weight", [5, 8]), ("net.b.fc2.weight", [6, 5])])
        #expect(try model.select(["fc2.weight"]).map(\.name) == ["net.b.fc2.weight"])
        #expect(try model.select(["all", "!a.fc1.weight"]).map(\.name) == ["net.b.fc1.weight", "net.b.fc2.weight"])
        #expect { try model.select(["fc1.weight"]) } throws: {
            "\($0)"
                == "'fc1.weight' matches the end of 2 layer names; '*.fc1.weight' selects all, the first are 'net.a.fc1.weight', 'net.b.fc1.weight'"
        }
        // Part of a module's name is not an ending, and a name that all weights share says nothing.
        for pattern in ["c2.weight", "weight"] { #expect(throws: Problem.self) { try model.select([pattern]) } }
    }

    @Test func anExclamationMarkTakesLayersAway() throws {
        let model = try catalog(mlp)
        #expect(try model.select(["all", "!fc[12].*"]).map(\.name) == ["fc3.weight", "fc4.weight"])
        #expect(try model.select(["!fc1.weight"]).map(\.name) == ["fc2.weight", "fc3.weight", "fc4.weight"])
        #expect(throws: Problem.self) { try model.select(["fc1.weight", "!all"]) }
    }

    @Test func aPatternWithoutMatchNamesTheNearestLayers() throws {
        let model = try catalog(mlp)
        #expect {
            try model.select(["fc2.wieght"])
        } throws: { "\($0)".hasPrefix("no layer matches 'fc2.wieght'; the nearest are 'fc2.weight', 'fc1.weight'") }
        #expect { try model.select(["fc1.bias"]) } throws: { "\($0)" == "tensor 'fc1.bias' is not a weight matrix" }
    }

    @Test func tiedTensorsAreTheSameBytes() throws {
        let storage = ByteRegion(copying: [UInt8](repeating: 0, count: 16))
        let tensors = try ["wte.weight", "lm_head.weight"].map { try TensorRecord(name: $0, dtype: .f32, shape: [2, 2], bytes: storage) }
        let other = try record("fc.weight", [2, 2])
        #expect((tensors + [other]).tied == [["wte.weight", "lm_head.weight"]])
    }

    @Test func valuesThatAreNotFiniteAreCounted() throws {
        let tensor = try record("w", [6], [1, .nan, -.infinity, .infinity, 0, -.nan])
        #expect(NonFiniteCount(tensor).nan == 2)
        #expect(NonFiniteCount(tensor).infinite == 2)
        // The same as a view that is not row-major: every second element of the storage.
        let view = try TensorRecord(name: "v", dtype: .f32, shape: [3], strides: [2], offset: 0, storage: tensor.bytes)
        #expect(NonFiniteCount(view).nan == 0)
        #expect(NonFiniteCount(view).infinite == 1)
        // Half precision: 0x7C00 is infinity, 0x7E00 NaN.
        let half = try TensorRecord(name: "h", dtype: .f16, shape: [3], bytes: ByteRegion(copying: [0, 0x7C, 0, 0x7E, 0, 0x3C]))
        #expect(NonFiniteCount(half).nan == 1)
        #expect(NonFiniteCount(half).infinite == 1)
    }

    @Test func parametersAreWhatTheModelHasLearned() throws {
        let shapes: [(String, [Int])] = [
            ("conv.weight", [4, 3, 3, 3]), ("bn.weight", [4]), ("bn.bias", [4]), ("bn.running_mean", [4]), ("bn.running_var", [4]),
            ("h.0.attn.bias", [1, 1, 8, 8]), ("h.0.attn.c_attn.bias", [12]), ("rotary.inv_freq", [4]), ("blocks.0.attn.b_Q", [2, 4]),
            ("blocks.0.attn.mask", [8, 8]),
        ]
        let found = try catalog(shapes)
        let parameters = try shapes.filter { found.isParameter(try record($0.0, $0.1)) }.map(\.0)
        #expect(parameters == ["conv.weight", "bn.weight", "bn.bias", "h.0.attn.c_attn.bias", "blocks.0.attn.b_Q"])
    }
}
