extension ModelFamily {
    package static let grokking = ModelFamily(
        "grokking", summary: "the Grokking repository's transformers, known by their names", mlpInputs: [.hooked],
        layout: { name, shape in
            // W_E is [d_model, vocab], heads are [head, d_head, d_model], W_O, W_in and W_out are [out, in].
            switch (name.last, shape.count) {
            case ("W_pos", 2), ("W_U", 2): .transposed(blocks: 1, in: shape[0], out: shape[1])
            case ("W_K", 3), ("W_Q", 3), ("W_V", 3): .asStored(out: shape[0] * shape[1], in: shape[2])
            default: nil
            }
        },
        isRecognized: { hasHookNames($0) && keepsOutIn($0) })

    package static let transformerLens = ModelFamily(
        "transformer_lens", summary: "TransformerLens state dicts", mlpInputs: [.hooked],
        layout: { name, shape in
            // All weights are [in, out], of heads [head, d_model, d_head], W_O [head, d_head, d_model].
            switch (name.last, shape.count) {
            case ("W_E", 2), ("W_pos", 2), ("W_U", 2), ("W_in", 2), ("W_gate", 2), ("W_out", 2), ("W_E_pos", 2):
                .transposed(blocks: 1, in: shape[0], out: shape[1])
            case ("W_Q", 3), ("W_K", 3), ("W_V", 3), ("_W_K", 3), ("_W_V", 3):
                .transposed(blocks: shape[0], in: shape[1], out: shape[2])
            case ("W_O", 3): .transposed(blocks: 1, in: shape[0] * shape[1], out: shape[2])
            default: nil
            }
        },
        isRecognized: hasHookNames)

    private static func hasHookNames(_ names: TensorNames) -> Bool { ["W_E", "W_U", "W_Q"].contains { names.has($0) } }

    /// Tells the Grokking repository's models from TransformerLens's, which share names: the former keep W_O as a
    /// matrix and W_E as [d_model, vocab], where W_pos is [n_ctx, d_model] in both.
    private static func keepsOutIn(_ names: TensorNames) -> Bool {
        if let output = names.shape(of: "W_O") { return output.count == 2 }
        if let embedding = names.shape(of: "W_E"), embedding.count == 2, embedding[0] != embedding[1],
            let width = names.shape(of: "W_pos")?.last, embedding.contains(width)
        {
            return embedding[0] == width
        }
        if let input = names.shape(of: "W_in"), let bias = names.shape(of: "b_in"), input.count == 2, input[0] != input[1] {
            return input[0] == bias.last
        }
        return false
    }
}
