import Text

extension GPT2 {
    /// The initial weights, as transformers makes them.
    ///
    /// Matrices and tables are normal with deviation `initializer_range` (0.02), those that write into the residual stream with that over
    /// sqrt(2 n_layer); norms are 1 and 0, biases 0. The output matrix is the embedding's unless the settings deny it.
    @Sendable static func blueprint(_ settings: Configuration) throws(Problem) -> Blueprint {
        let width = try settings.requiredSize("n_embd", "hidden_size")
        let heads = try settings.requiredSize("n_head", "num_attention_heads")
        _ = try HeadSizes.dimension(settings, width: width, heads: heads, names: ("n_head", "n_embd"))
        let blocks = try settings.requiredSize("n_layer", "num_hidden_layers")
        guard blocks <= 10_000 else { throw settings.problem("is too large", "n_layer", expected: "at most 10000") }
        let tokens = try settings.requiredSize("vocab_size")
        let positions = try settings.requiredSize("n_positions", "max_position_embeddings")
        let inner = try settings.size("n_inner") ?? 4 * width
        let range = try settings.number("initializer_range") ?? 0.02
        let matrix = InitialDistribution.normal(deviation: range)
        let residual = InitialDistribution.normal(deviation: range / Double(2 * blocks).squareRoot())

        var blueprint = Blueprint()
        func norm(_ name: String) throws(Problem) {
            try blueprint.add(name + ".weight", [width], .constant(1))
            try blueprint.add(name + ".bias", [width], .constant(0))
        }
        func linear(_ name: String, _ input: Int, _ output: Int, _ weights: InitialDistribution) throws(Problem) {
            try blueprint.add(name + ".weight", [input, output], weights)
            try blueprint.add(name + ".bias", [output], .constant(0))
        }
        try blueprint.add("transformer.wte.weight", [tokens, width], matrix)
        try blueprint.add("transformer.wpe.weight", [positions, width], matrix)
        for block in 0..<blocks {
            let name = "transformer.h.\(block)."
            try norm(name + "ln_1")
            try linear(name + "attn.c_attn", width, 3 * width, matrix)
            try linear(name + "attn.c_proj", width, width, residual)
            try norm(name + "ln_2")
            try linear(name + "mlp.c_fc", width, inner, matrix)
            try linear(name + "mlp.c_proj", inner, width, residual)
        }
        try norm("transformer.ln_f")
        if try settings.flag("tie_word_embeddings") == false { try blueprint.add("lm_head.weight", [tokens, width], matrix) }
        return blueprint
    }
}
