import Archives
import TestSupport
import Testing

@testable import Checkpoints

/// Which tensors are not layers by default, and why.
@Suite struct LeftOutTests {
    private func reason(_ name: String, beside others: [(String, [Int])] = [], _ shape: [Int]) throws -> LeftOut? {
        let model = try catalog([(name, shape)] + others)
        return model.leftOut(try record(name, shape), chosen: Set(try model.select([]).map(\.tensorName)), isDefault: true)
    }

    private let chain: [(String, [Int])] = [("fc1.weight", [6, 5]), ("fc2.weight", [7, 6]), ("other.weight", [9, 4])]

    @Test(arguments: [
        ("wte.weight", [20, 6], LeftOut.embedding), ("embed_positions.weight", [20, 6], .positions), ("pos_embed", [1, 17, 6], .positions),
        ("layers.0.relative_position_bias_table", [169, 3], .relativePositions), ("layer.router.weight", [4, 6], .router),
        ("conv.weight", [6, 1, 3, 3], .oneNeuron), ("head.weight", [1, 6], .oneNeuron), ("gate.weight", [6, 1], .oneNeuron),
        ("norm.weight", [4, 6], .norm), ("encoder.ln1.weight", [1, 64], .norm), ("cls_token", [1, 1, 6], .token),
        ("layer_scale", [6, 1, 1], .vector), ("mixer.A_log", [6, 16], .scale), ("mel_filters", [80, 201], .basis),
        ("attn.bias", [1, 1, 8, 8], .bias), ("causal_mask", [8, 8], .mask), ("rotary.cos_cached", [8, 8], .table),
        ("conv.weight_v", [6, 5, 3], .factor), ("experts.gate_up_proj_bias", [4, 6], .bias), ("fc.bias", [6], .vector),
        ("e.weight", [0, 6], .empty),
    ])
    func what_is_no_layer_says_why(name: String, shape: [Int], expected: LeftOut) throws {
        #expect(try reason(name, beside: chain, shape) == expected)
    }

    /// A convolution of one channel is depthwise beside one that reads the images, or beside others like it; alone it reads the images.
    @Test func depthwiseConvolutionsReadWhatOthersMake() throws {
        let stem: [(String, [Int])] = [("stem.weight", [6, 3, 3, 3])]
        #expect(try reason("conv.weight", beside: chain + stem, [6, 1, 3, 3]) == .depthwise)
        #expect(try reason("conv.weight", beside: chain + [("next.weight", [6, 1, 3, 3])], [6, 1, 3, 3]) == .depthwise)
        #expect(try reason("conv.weight", beside: chain + [("next.weight", [9, 6, 3, 3])], [6, 1, 3, 3]) == .oneNeuron)
    }

    /// A table of embeddings by any name is told by what reads it: a module, or a graph.
    @Test(arguments: ["program-chosen.pt2", "traced-chosen.pt", "scripted-chosen.pt"]) func aTableIsToldByWhatReadsIt(name: String) throws {
        let checkpoint = try Checkpoint.open(Fixtures.path("graphs/" + name))
        let catalog = LayerCatalog(checkpoint)
        let chosen = Set(try catalog.select([]).map(\.tensorName))
        let table = try #require(checkpoint["e.weight"])
        #expect(!chosen.contains("e.weight") && chosen.contains("up.weight"))
        #expect(catalog.leftOut(table, chosen: chosen, isDefault: true) == .embedding)
        let layer = try #require(catalog.layers.first { $0.name == "e.weight" })
        #expect(layer.layout.rows == 8 && layer.layout.columns == 11)
    }

    @Test func recurrentWeightsAndConvolutionsOfPatchesAreLayers() throws {
        #expect(try reason("rnn.weight_ih_l0", beside: chain, [24, 5]) == nil)
        #expect(try reason("patch_embedding.weight", beside: chain, [24, 3, 4, 4]) == nil)
        #expect(try reason("ln1.weight", beside: chain + [("ln1.bias", [8])], [8, 3]) == nil)
    }

    @Test func aNormIsToldByItsBiasWhateverItsName() throws {
        #expect(try reason("a.weight", beside: chain + [("a.bias", [3, 8, 8])], [3, 8, 8]) == .norm)
    }

    @Test func theDefaultChoiceCountsWhatItLeavesOut() throws {
        let model = try catalog(chain + [("head.weight", [1, 6]), ("tok.embedding.weight", [30, 6]), ("gate.weight", [6, 1])])
        #expect(model.defaultChoice.layers.map(\.name) == ["fc1.weight", "fc2.weight", "other.weight"])
        #expect(model.defaultChoice.leftOut.map { $0.reason.counted($0.count) } == ["1 embedding", "2 matrices of one row or column"])
        #expect(try model.select(["all"]).count == 6)
        // They are selected if there is nothing else.
        #expect(try catalog([("head.weight", [1, 6])]).select([]).count == 1)
    }

    @Test func theOthersAreNoMLPInputsOrEndsOfAChain() throws {
        #expect(try reason("fc0.weight", beside: [("fc1.weight", [6, 8]), ("fc2.weight", [7, 6])], [8, 5]) == .chainEnd)
        #expect(try reason("h.0.attn.c_attn.weight", beside: [("h.0.mlp.c_fc.weight", [6, 24])], [6, 18]) == .notMLPInput)
    }

    @Test func everyReasonHasItsOwnWords() {
        let words = LeftOut.allCases.flatMap { [$0.counted(1), $0.counted(2)] }
        #expect(Set(words).count == words.count)
    }
}
