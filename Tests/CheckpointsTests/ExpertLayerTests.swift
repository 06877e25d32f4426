import Testing
import Text

@testable import Checkpoints

/// Layers that share a tensor: the experts of a mixture; gate and input of a gated MLP.
@Suite struct ExpertLayerTests {
    private func names(_ layers: [Layer]) -> [String] { layers.map(\.name) }

    @Test func stacked_experts_are_layers_each_and_up_is_the_default() throws {
        let model = try catalog([
            ("model.layers.0.mlp.experts.down_proj", [2, 3, 4]), ("model.layers.0.mlp.experts.gate_up_proj", [2, 8, 3]),
            ("model.layers.0.mlp.experts.gate_up_proj_bias", [2, 8]), ("model.layers.0.mlp.gate.weight", [2, 3]),
            ("model.layers.0.self_attn.q_proj.weight", [3, 3]),
        ])
        let stack = "model.layers.0.mlp.experts.gate_up_proj"
        #expect(names(try model.select([])) == ["\(stack)[0][up]", "\(stack)[1][up]"])
        #expect(
            names(try model.select(["all"])) == [
                "model.layers.0.mlp.experts.down_proj[0]", "model.layers.0.mlp.experts.down_proj[1]", "\(stack)[0][gate]",
                "\(stack)[0][up]",
                "\(stack)[1][gate]", "\(stack)[1][up]", "model.layers.0.mlp.gate.weight", "model.layers.0.self_attn.q_proj.weight",
            ])
        let up = try #require(model["\(stack)[1][up]"])
        #expect([up.outNeurons, up.inNeurons] == [4, 3])
        // Expert 1 begins at 24, its second half at 36.
        #expect(rows(try up.weights()) == [[36, 37, 38], [39, 40, 41], [42, 43, 44], [45, 46, 47]])
        #expect(up.tensorName == stack)
        let down = try #require(model["model.layers.0.mlp.experts.down_proj[1]"])
        #expect(rows(try down.weights())[0] == [12, 13, 14, 15])
    }

    @Test func gptOssKeepsExpertsInOutWithAlternatingColumns() throws {
        let model = try catalog([
            ("model.layers.0.mlp.experts.gate_up_proj", [2, 3, 8]), ("model.layers.0.mlp.experts.gate_up_proj_bias", [2, 8]),
            ("model.layers.0.mlp.experts.down_proj", [2, 4, 3]), ("model.layers.0.mlp.experts.down_proj_bias", [2, 3]),
            ("model.layers.0.mlp.router.weight", [2, 3]),
        ])
        let up = try #require(model["model.layers.0.mlp.experts.gate_up_proj[1][up]"])
        // Out-neuron j of the input is column 2 j + 1.
        #expect(rows(try up.weights()) == [[25, 33, 41], [27, 35, 43], [29, 37, 45], [31, 39, 47]])
        let gate = try #require(model["model.layers.0.mlp.experts.gate_up_proj[0][gate]"])
        #expect(rows(try gate.weights())[1] == [2, 10, 18])
        let down = try #require(model["model.layers.0.mlp.experts.down_proj[0]"])
        #expect(rows(try down.weights()) == [[0, 3, 6, 9], [1, 4, 7, 10], [2, 5, 8, 11]])
    }

    @Test func llama4KeepsExpertsInOutOneHalfAfterTheOther() throws {
        let model = try catalog([
            ("model.layers.0.feed_forward.experts.gate_up_proj", [2, 3, 8]), ("model.layers.0.feed_forward.experts.down_proj", [2, 4, 3]),
            ("model.layers.0.feed_forward.router.weight", [2, 3]),
        ])
        let up = try #require(model["model.layers.0.feed_forward.experts.gate_up_proj[0][up]"])
        #expect(rows(try up.weights())[0] == [4, 12, 20])
    }

    /// MLX stacks the experts under one module, [experts, out, in]: neither a convolution nor a matrix.
    @Test(arguments: ["mlp.switch_mlp", "block_sparse_moe.switch_mlp", "feed_forward.switch_glu"])
    func mlxStacksExpertsBelowOneModule(_ module: String) throws {
        let front = "model.layers.0.\(module)."
        let model = try catalog([
            (front + "gate_proj.weight", [2, 4, 3]), (front + "up_proj.weight", [2, 4, 3]), (front + "down_proj.weight", [2, 3, 4]),
        ])
        #expect(names(try model.select([])) == ["\(front)up_proj.weight[0]", "\(front)up_proj.weight[1]"])
        let up = try #require(model["\(front)up_proj.weight[1]"])
        #expect([up.outNeurons, up.inNeurons] == [4, 3])
        #expect(rows(try up.weights()) == [[12, 13, 14], [15, 16, 17], [18, 19, 20], [21, 22, 23]])
    }

    @Test func dbrxKeepsAllExpertsRowsInOneMatrix() throws {
        let front = "transformer.blocks.0.ffn."
        let model = try catalog([
            (front + "experts.mlp.w1", [8, 3]), (front + "experts.mlp.v1", [8, 3]), (front + "experts.mlp.w2", [8, 3]),
            (front + "router.layer.weight", [2, 3]), ("transformer.blocks.0.norm_attn_norm.attn.Wqkv.weight", [9, 3]),
        ])
        #expect(names(try model.select([])) == [front + "experts.mlp.v1[0]", front + "experts.mlp.v1[1]"])
        #expect(
            rows(try #require(model[front + "experts.mlp.v1[1]"]).weights()) == [
                [12, 13, 14], [15, 16, 17], [18, 19, 20], [21, 22, 23],
            ])
        // x times w2: stored [in, out].
        #expect(rows(try #require(model[front + "experts.mlp.w2[1]"]).weights())[0] == [12, 15, 18, 21])
    }

    @Test func graniteAndJetMoeHaveLinearNames() throws {
        let model = try catalog([
            ("model.layers.0.block_sparse_moe.input_linear.weight", [2, 8, 3]),
            ("model.layers.0.block_sparse_moe.output_linear.weight", [2, 3, 4]),
            ("model.layers.0.block_sparse_moe.router.layer.weight", [2, 3]),
            ("model.layers.0.self_attention.experts.input_linear.weight", [2, 8, 3]), ("model.layers.0.self_attn.q_proj.weight", [3, 3]),
        ])
        #expect(
            names(try model.select([])) == (0..<2).map { "model.layers.0.block_sparse_moe.input_linear.weight[\($0)][up]" })
        #expect(model["model.layers.0.self_attention.experts.input_linear.weight[1]"] != nil)
    }

    @Test func denseGateAndInputAreTwoHalves() throws {
        let model = try catalog([
            ("model.layers.0.mlp.gate_up_proj.weight", [8, 3]), ("model.layers.0.mlp.down_proj.weight", [3, 4]),
            ("model.layers.0.self_attn.qkv_proj.weight", [9, 3]),
        ])
        #expect(names(try model.select([])) == ["model.layers.0.mlp.gate_up_proj.weight[up]"])
        #expect(rows(try model.select([])[0].weights()) == [[12, 13, 14], [15, 16, 17], [18, 19, 20], [21, 22, 23]])
        #expect(model["model.layers.0.self_attn.qkv_proj.weight"]?.outNeurons == 9)
        // ChatGLM; a Falcon of the same name is whole.
        let glm = try catalog([
            ("transformer.encoder.layers.0.mlp.dense_h_to_4h.weight", [8, 3]),
            ("transformer.encoder.layers.0.mlp.dense_4h_to_h.weight", [3, 4]),
        ])
        #expect(names(try glm.select([])) == ["transformer.encoder.layers.0.mlp.dense_h_to_4h.weight[up]"])
        let falcon = try catalog([
            ("transformer.h.0.mlp.dense_h_to_4h.weight", [8, 3]), ("transformer.h.0.mlp.dense_4h_to_h.weight", [3, 8]),
        ])
        #expect(names(try falcon.select([])) == ["transformer.h.0.mlp.dense_h_to_4h.weight"])
    }

    @Test func namesOfPartsArePatterns() throws {
        let model = try catalog([
            ("model.layers.0.mlp.experts.gate_up_proj", [2, 8, 3]), ("model.layers.0.mlp.experts.down_proj", [2, 3, 4]),
            ("model.layers.0.mlp.gate.weight", [2, 3]),
        ])
        let stack = "model.layers.0.mlp.experts.gate_up_proj"
        for (pattern, found) in [
            ("\(stack)[1][up]", ["\(stack)[1][up]"]), ("layers.0.mlp.experts.gate_up_proj[0][gate]", ["\(stack)[0][gate]"]),
            ("*[*][up]", ["\(stack)[0][up]", "\(stack)[1][up]"]), ("experts.gate_up_proj[1][gate]", ["\(stack)[1][gate]"]),
            ("*.gate_up_proj", ["[0][gate]", "[0][up]", "[1][gate]", "[1][up]"].map { stack + $0 }),
            ("experts.gate_up_proj", ["[0][gate]", "[0][up]", "[1][gate]", "[1][up]"].map { stack + $0 }),
        ] {
            #expect(names(try model.select([pattern])) == found, "\(pattern)")
        }
    }

    /// Why the default choice fails, and why a layer that is named does.
    private func problems(_ tensors: [(String, [Int])], named pattern: String) throws -> [String] {
        let model = try catalog(tensors + [("model.layers.0.self_attn.q_proj.weight", [6, 6])])
        #expect(try model.select(["all"]).map(\.name) == ["model.layers.0.self_attn.q_proj.weight"])
        return [[], [pattern]].map { patterns in
            do {
                return "\(try model.select(patterns).map(\.name))"
            } catch {
                return "\(error)"
            }
        }
    }

    @Test(arguments: [([3, 9, 6], [3, 6, 4], 4, 9), ([3, 8, 6], [3, 5, 7], 7, 8), ([3, 8, 6], [3, 6, 8], 8, 8)])
    func gateAndInputThatDoNotFitTheOutputMatrixAreNoLayers(input: [Int], output: [Int], columns: Int, outputs: Int) throws {
        let front = "model.layers.0.mlp.experts."
        let found = try problems([(front + "gate_up_proj", input), (front + "down_proj", output)], named: "*.down_proj")
        #expect(
            found == [
                "tensor '\(front)gate_up_proj': does not fit 'down_proj', expected twice its \(columns) in-neurons as out-neurons, found \(outputs)",
                "tensor '\(front)down_proj': does not fit 'gate_up_proj', expected half of its \(outputs) out-neurons as in-neurons, found \(columns)",
            ])
    }

    @Test func aMatrixOfGateAndInputMustFitToo() throws {
        let front = "model.layers.0.mlp."
        let found = try problems(
            [(front + "gate_up_proj.weight", [9, 6]), (front + "down_proj.weight", [6, 4])], named: "*.gate_up_proj.weight")
        #expect(
            found
                == [String](
                    repeating:
                        "tensor '\(front)gate_up_proj.weight': does not fit 'down_proj', expected twice its 4 in-neurons as out-neurons, found 9",
                    count: 2))
    }

    @Test func stacksOfDifferentNumbersOfExpertsAreNoLayers() throws {
        let front = "model.layers.0.mlp.experts."
        let found = try problems([(front + "gate_up_proj", [3, 8, 6]), (front + "down_proj", [2, 6, 4])], named: "*.gate_up_proj")
        let text = "tensor '\(front)gate_up_proj': holds another number of experts than 'down_proj', expected 2, found 3"
        #expect(found == [text, text])
        let gguf = try catalog([("blk.0.ffn_up_exps.weight", [3, 4, 6]), ("blk.0.ffn_gate_exps.weight", [2, 4, 6])])
        #expect(gguf.layers.isEmpty)
        #expect(gguf.misfits.count == 2)
    }

    @Test func expertsOfSeveralShapesAreNoLayers() throws {
        let front = "model.layers.0.mlp.experts."
        let model = try catalog([
            (front + "0.up_proj.weight", [4, 6]), (front + "0.down_proj.weight", [6, 4]), (front + "1.up_proj.weight", [5, 6]),
            (front + "1.down_proj.weight", [6, 5]), ("model.layers.1.mlp.experts.0.up_proj.weight", [7, 6]),
            ("model.layers.1.mlp.experts.0.down_proj.weight", [6, 7]),
        ])
        #expect(model.misfits.map(\.name) == [front + "1.down_proj.weight", front + "1.up_proj.weight"])
        #expect(model.layers.allSatisfy { !$0.name.hasPrefix(front + "1") })
        #expect(
            throws: Problem(
                "is not of the shape of the other experts", subject: "tensor '\(front)1.up_proj.weight'",
                expected: "[4, 6] of '\(front)0.up_proj.weight'", found: "[5, 6]")
        ) { try model.select([]) }
    }

    @Test func aStackOfTooManyExpertsIsNotTakenApart() throws {
        let storage = try record("w", [1]).bytes
        let tensor = try TensorRecord(
            name: "layers.0.mlp.experts.up_proj", dtype: .f32, shape: [1 << 40, 2, 2], strides: [0, 0, 0], offset: 0, storage: storage)
        #expect(LayerCatalog(tensors: [tensor], keepsOrder: true).layers.count <= 1)
    }

    /// Experts are numbered from 0 and the router has a row for each.
    @Test(arguments: [
        ([0, 2], 3, "'layers.0.mlp.experts' lacks expert 1 of 3"), ([0, 1], 4, "'layers.0.mlp.experts' lacks experts 2, 3 of 4"),
        ([0, 1, 2], 3, nil), ([1], 1, "'layers.0.mlp.experts' lacks expert 0 of 2"),
    ])
    func missingExpertsAreSaid(present: [Int], routed: Int, note: String?) throws {
        let experts = present.flatMap { expert in ["w1", "w2"].map { ("layers.0.mlp.experts.\(expert).\($0).weight", [4, 4]) } }
        let tensors = try (experts + [("layers.0.mlp.gate.weight", [routed, 4])]).map { try record($0.0, $0.1) }
        #expect(MissingExperts.note(tensors, unreadable: []) == note)
        // A second layer that lacks some is counted.
        let other = try [0, 5].map { try record("layers.1.mlp.experts.\($0).w1.weight", [4, 4]) }
        if let note { #expect(MissingExperts.note(tensors + other, unreadable: []) == note + "; likewise 1 other mixture") }
    }
}
