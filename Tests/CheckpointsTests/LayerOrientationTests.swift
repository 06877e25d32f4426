import Archives
import Testing
import Text

@testable import Checkpoints

@Suite struct LayerOrientationTests {
    private func sides(_ catalog: LayerCatalog, _ name: String) throws -> [Int] {
        let layer = try #require(catalog[name])
        return [layer.outNeurons, layer.inNeurons]
    }

    @Test func huggingFacesConv1DIsTransposed() throws {
        let gpt2 = try catalog([
            ("transformer.h.0.ln_1.weight", [4]), ("transformer.h.0.attn.c_attn.weight", [4, 12]),
            ("transformer.h.0.attn.c_proj.weight", [4, 4]), ("transformer.h.0.mlp.c_fc.weight", [4, 16]),
            ("transformer.h.0.mlp.c_proj.weight", [16, 4]), ("transformer.wte.weight", [10, 4]), ("lm_head.weight", [10, 4]),
        ])
        #expect(gpt2.family == .gpt2)
        #expect(try sides(gpt2, "transformer.h.0.mlp.c_fc.weight") == [16, 4])
        #expect(try sides(gpt2, "transformer.h.0.mlp.c_proj.weight") == [4, 16])
        #expect(try sides(gpt2, "transformer.wte.weight") == [4, 10])
        #expect(try sides(gpt2, "lm_head.weight") == [10, 4])
        // Square, so that only the model's other matrices show that [in, out] is transposed.
        let square = try #require(gpt2["transformer.h.0.attn.c_proj.weight"])
        #expect(rows(try square.weights())[0] == [0, 4, 8, 12])
    }

    @Test func nanoGPTsLinearLayersOfTheSameNamesAreNot() throws {
        let nano = try catalog([
            ("_orig_mod.transformer.h.0.ln_1.weight", [4]), ("_orig_mod.transformer.h.0.attn.c_attn.weight", [12, 4]),
            ("_orig_mod.transformer.h.0.attn.c_proj.weight", [4, 4]), ("_orig_mod.transformer.h.0.mlp.c_fc.weight", [16, 4]),
            ("_orig_mod.transformer.wte.weight", [10, 4]),
        ])
        #expect(nano.family == .gpt2)
        #expect(try sides(nano, "_orig_mod.transformer.h.0.mlp.c_fc.weight") == [16, 4])
        let square = try #require(nano["_orig_mod.transformer.h.0.attn.c_proj.weight"])
        #expect(rows(try square.weights())[0] == [0, 1, 2, 3])
        #expect(try nano.select([]).map(\.name) == ["_orig_mod.transformer.h.0.mlp.c_fc.weight"])
    }

    @Test func gptNeosLinearLayersAreNotTransposed() throws {
        let neo = try catalog([
            ("transformer.h.0.attn.attention.k_proj.weight", [4, 4]), ("transformer.h.0.ln_1.weight", [4]),
            ("transformer.h.0.mlp.c_fc.weight", [16, 4]), ("transformer.wte.weight", [10, 4]),
        ])
        #expect(neo.family == .gptNeo)
        #expect(try sides(neo, "transformer.h.0.mlp.c_fc.weight") == [16, 4])
    }

    @Test func grokkingMatricesAreReadAsTheCodeMultipliesThem() throws {
        let model = try catalog([
            ("embed.W_E", [4, 7]), ("pos_embed.W_pos", [3, 4]), ("blocks.0.attn.W_K", [2, 2, 4]), ("blocks.0.attn.W_O", [4, 4]),
            ("blocks.0.attn.mask", [3, 3]), ("blocks.0.mlp.W_in", [16, 4]), ("blocks.0.mlp.W_out", [4, 16]), ("unembed.W_U", [4, 6]),
        ])
        #expect(model.family == .grokking)
        #expect(try sides(model, "embed.W_E") == [4, 7])
        #expect(try sides(model, "pos_embed.W_pos") == [4, 3])
        #expect(try sides(model, "unembed.W_U") == [6, 4])
        #expect(try sides(model, "blocks.0.mlp.W_in") == [16, 4])
        // [head, d_head, d_model]: row head * d_head + i is the head's row i.
        let keys = try #require(model["blocks.0.attn.W_K"])
        #expect(rows(try keys.weights()) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11], [12, 13, 14, 15]])
        #expect(try model.select([]).map(\.name) == ["blocks.0.mlp.W_in"])
        #expect(!model.weightMatrices.contains { $0.name.hasSuffix("mask") })
    }

    @Test func transformerLensMatricesAreTurnedRound() throws {
        let model = try catalog([
            ("embed.W_E", [7, 4]), ("pos_embed.W_pos", [3, 4]), ("blocks.0.attn.W_Q", [2, 4, 3]), ("blocks.0.attn.W_O", [2, 3, 4]),
            ("blocks.0.attn.b_Q", [2, 3]), ("blocks.0.mlp.W_in", [4, 16]), ("blocks.0.mlp.W_out", [16, 4]), ("unembed.W_U", [4, 6]),
        ])
        #expect(model.family == .transformerLens)
        #expect(try sides(model, "embed.W_E") == [4, 7])
        #expect(try sides(model, "unembed.W_U") == [6, 4])
        #expect(try sides(model, "blocks.0.mlp.W_in") == [16, 4])
        // W_Q [head, d_model, d_head] holds 0...23: out-neuron (head 1, place 0) reads 12, 15, 18, 21.
        let queries = rows(try #require(model["blocks.0.attn.W_Q"]).weights())
        #expect(queries.count == 6)
        #expect(queries[0] == [0, 3, 6, 9])
        #expect(queries[3] == [12, 15, 18, 21])
        // W_O [head, d_head, d_model]: out-neuron j reads element j of every head's row.
        let outputs = rows(try #require(model["blocks.0.attn.W_O"]).weights())
        #expect(outputs.count == 4)
        #expect(outputs[1] == [1, 5, 9, 13, 17, 21])
        #expect(!model.weightMatrices.contains { $0.name.hasSuffix("b_Q") })
    }

    @Test func squareEmbeddingsAreToldApartByTheOutputMatrix() throws {
        let grokking = try catalog([("embed.W_E", [4, 4]), ("pos_embed.W_pos", [4, 4]), ("blocks.0.attn.W_O", [4, 4])])
        let lens = try catalog([("embed.W_E", [4, 4]), ("pos_embed.W_pos", [4, 4]), ("blocks.0.attn.W_O", [2, 2, 4])])
        #expect(grokking.family == .grokking)
        #expect(lens.family == .transformerLens)
    }

    @Test func aConvolutionIsTheNormOverItsKernel() throws {
        let tensors = [
            try record("conv.weight", [2, 1, 1, 2], [3, 4, -5, 12]), try record("depthwise.weight", [3, 1, 1, 1], [-1, 0, 2]),
            try record("tiny.weight", [1, 1, 2], [3e-30, 4e-30]),
        ]
        let model = LayerCatalog(tensors: tensors, keepsOrder: true)
        let conv = try #require(model["conv.weight"]).weights()
        guard case .double = conv else {
            Issue.record("a convolution in single precision")
            return
        }
        #expect(rows(conv) == [[5], [13]])
        #expect(rows(try #require(model["depthwise.weight"]).weights()) == [[1], [0], [2]])
        let tiny = try #require(model["tiny.weight"]).weights()[0, 0]
        #expect(abs(tiny - 5e-30) < 1e-36)
    }

    @Test func aLinearLayerNamedAsAnEmbeddingIsKnownByItsBias() throws {
        let model = try catalog([("embed.weight", [5, 3]), ("embed.bias", [5]), ("token_embedding.weight", [5, 3])])
        #expect(try sides(model, "embed.weight") == [5, 3])
        #expect(try sides(model, "token_embedding.weight") == [3, 5])
    }

    @Test func llamaCppsExpertsAreLayersEach() throws {
        let model = try catalog([
            ("blk.0.ffn_up_exps.weight", [2, 3, 4]), ("blk.0.ffn_up.weight", [3, 4]), ("token_embd.weight", [5, 4]),
            ("blk.0.ffn_gate_inp.weight", [2, 4]), ("blk.0.ffn_gate_exps.weight", [2, 3, 4]),
        ])
        #expect(model.family == .gguf)
        let experts = (0..<2).map { "blk.0.ffn_up_exps.weight[\($0)]" }
        #expect(Set(try model.select([]).map(\.name)) == Set(experts + ["blk.0.ffn_up.weight"]))
        #expect(try sides(model, experts[1]) == [3, 4])
    }

    @Test func aLinearLayerNamedAsAnEmbeddingIsKnownByTheChain() throws {
        let model = try catalog([
            ("bond_embedding.weight", [16, 8]), ("fc1.weight", [12, 16]), ("fc1.bias", [12]), ("fc2.weight", [4, 12]), ("fc2.bias", [4]),
        ])
        #expect(model.family == .chain)
        #expect(model.layers.map { [$0.inNeurons, $0.outNeurons] } == [[8, 16], [16, 12], [12, 4]])
        #expect(try model.select([]).map(\.name) == ["fc1.weight"])
        // A table that the chain reads as a table stays one.
        let table = try catalog([("embedding.weight", [16, 8]), ("fc1.weight", [12, 8]), ("fc2.weight", [4, 12])])
        #expect(table.layers.map { [$0.inNeurons, $0.outNeurons] } == [[16, 8], [8, 12], [12, 4]])
    }

    @Test func arraysWithoutPyTorchsNamesMayBeInOut() throws {
        let model = try catalog([("W1", [5, 8]), ("W2", [8, 6]), ("W3", [6, 3])])
        #expect(model.family == .chain)
        #expect(
            model.layers.map { [$0.name] + ["\($0.inNeurons)", "\($0.outNeurons)"] } == [
                ["W1", "5", "8"], ["W2", "8", "6"], ["W3", "6", "3"],
            ])
        let biased = try catalog([("W1", [5, 8]), ("b1", [8]), ("W2", [8, 6]), ("b2", [6]), ("x", [3, 9])])
        #expect(try sides(biased, "W1") == [8, 5])
    }

    @Test func sparseAutoencodersAreReadAsTheirBiasesSay() throws {
        let sae = try catalog([("W_dec", [16, 4]), ("W_enc", [4, 16]), ("b_dec", [4]), ("b_enc", [16])])
        #expect(try sides(sae, "W_enc") == [16, 4])
        #expect(try sides(sae, "W_dec") == [4, 16])
        // EleutherAI: a linear encoder, and W_dec [latents, d].
        let eleuther = try catalog([("W_dec", [16, 4]), ("b_dec", [4]), ("encoder.bias", [16]), ("encoder.weight", [16, 4])])
        #expect(try sides(eleuther, "encoder.weight") == [16, 4])
        #expect(try sides(eleuther, "W_dec") == [4, 16])
        // OpenAI: two linear layers.
        let openAI = try catalog([("encoder.weight", [16, 4]), ("decoder.weight", [4, 16]), ("latent_bias", [16]), ("pre_bias", [4])])
        #expect(try sides(openAI, "encoder.weight") == [16, 4])
        #expect(try sides(openAI, "decoder.weight") == [4, 16])
    }

    @Test func transposedConvolutionsAreKnownByTheirBias() throws {
        let model = try catalog([("up.weight", [3, 2, 2]), ("up.bias", [2]), ("a.weight", [9, 7])])
        #expect(try sides(model, "up.weight") == [2, 3])
        // Elements [in, out, kernel]: out 0 of in 1 is 4, 5.
        #expect(abs(try #require(model["up.weight"]).weights()[0, 1] - Double(41).squareRoot()) < 1e-9)
    }

    @Test(arguments: [
        MatrixLayout.transposed(blocks: 3, in: 130, out: 5), .asStored(out: 15, in: 130), .convolution(out: 15, in: 13, kernel: 10),
    ])
    func bandsOfRowsAreTheRowsOfTheWhole(layout: MatrixLayout) throws {
        let layer = Layer(tensor: try record("w", [15 * 130]), layout: layout)
        let whole = rows(try layer.weights())
        for range in [0..<1, 3..<8, 4..<5, 0..<15, 7..<15, 9..<9] {
            #expect(rows(try layer.weights(rows: range)) == Array(whole[range]))
        }
        if case .transposed = layout {
            // Block 1, column 2, input 7 is element 650 + 7 * 5 + 2.
            #expect(whole[7][7] == 687)
        }
    }

    @Test func aViewWithoutBoundIsRefusedBeforeItIsAllocated() throws {
        let storage = ByteRegion(copying: [UInt8](repeating: 0, count: 4))
        let tensor = try TensorRecord(name: "w", dtype: .f32, shape: [1 << 28, 1 << 28], strides: [0, 0], offset: 0, storage: storage)
        let layer = Layer(tensor: tensor, layout: .asStored(out: 1 << 28, in: 1 << 28))
        #expect(throws: Problem.self) { try layer.weights() }
        #expect(throws: Problem.self) { try layer.weights(rows: 0..<4) }
        #expect(NonFiniteCount(tensor) == NonFiniteCount(try record("v", [1])))
    }

    /// A matrix that is read the other way round is counted in its order in memory, a view with gaps only where it looks.
    @Test func whatIsNotFiniteIsCountedInAnyOrder() throws {
        var values = [Float](repeating: 1, count: 700 * 900)
        for place in [0, 5, 300_000, values.count - 1] { values[place] = .nan }
        values[7] = -.infinity
        let storage = ByteRegion(copying: values.withUnsafeBytes { Array($0) })
        func count(_ shape: [Int], _ strides: [Int], offset: Int = 0, threads: Int) throws -> [Int] {
            let tensor = try TensorRecord(name: "w", dtype: .f32, shape: shape, strides: strides, offset: offset, storage: storage)
            let count = NonFiniteCount(tensor, threads: threads)
            return [count.nan, count.infinite]
        }
        for threads in [1, 3] {
            #expect(try count([700, 900], [900, 1], threads: threads) == [4, 1])
            #expect(try count([900, 700], [1, 900], threads: threads) == [4, 1])
            #expect(try count([900, 1, 700], [1, 17, 900], threads: threads) == [4, 1])
            // Every second column, and the same row again and again.
            #expect(try count([700, 450], [900, 2], threads: threads) == [2, 0])
            #expect(try count([450, 700], [2, 900], offset: 1, threads: threads) == [2, 1])
            #expect(try count([2, 8], [0, 1], threads: threads) == [2, 1])
        }
    }

    @Test func aSideWithoutBoundIsNoLayers() throws {
        let storage = ByteRegion(copying: [UInt8](repeating: 0, count: 4))
        let tensor = try TensorRecord(name: "w", dtype: .f32, shape: [1 << 50, 1], strides: [0, 0], offset: 0, storage: storage)
        #expect(LayerCatalog(tensors: [tensor], keepsOrder: true).layers.isEmpty)
    }

    @Test func gptBigCodesLinearLayersAreKnownByTheirBiasesWhereNothingElseTells() throws {
        let model = try catalog([("h.0.mlp.c_fc.weight", [16, 4]), ("h.0.mlp.c_fc.bias", [16]), ("h.0.attn.c_attn.weight", [6, 4])])
        #expect(try sides(model, "h.0.mlp.c_fc.weight") == [16, 4])
        let turned = try catalog([("h.0.mlp.c_fc.weight", [4, 16]), ("h.0.mlp.c_fc.bias", [16]), ("h.0.attn.c_attn.weight", [4, 6])])
        #expect(try sides(turned, "h.0.mlp.c_fc.weight") == [16, 4])
    }
}
