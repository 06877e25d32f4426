import Checkpoints
import Text

/// Phi 1 and 2: attention and MLP side by side behind one layer norm, rotary positions on a part of each head, biases everywhere.
///
/// Source: transformers' `models/phi`.
enum Phi {
    static let family = RunnableFamily(.phi, modelTypes: ["phi"], mlpWidth: MLPWidthSetting("intermediate_size")) {
        source throws(Problem) in
        try description(source.settings)
    }

    private static func description(_ settings: Configuration) throws(Problem) -> TransformerDescription {
        let width = try settings.requiredSize("hidden_size")
        let heads = try settings.requiredSize("num_attention_heads")
        let keyHeads = try HeadSizes.keyHeads(try settings.size("num_key_value_heads") ?? heads, heads: heads)
        let dimension = try HeadSizes.statedDimension(settings, width: width, heads: heads)
        let epsilon = Float(try settings.number("layer_norm_eps") ?? 1e-5)
        let rotary = try RotaryDescription(
            settings, headDimension: dimension,
            names: RotaryNames(turned: .evenPart(["partial_rotary_factor"], standard: 0.5)))
        var headNorms: HeadNormsDescription?
        if try settings.flag("qk_layernorm") ?? false {
            headNorms = HeadNormsDescription(
                kind: .layer, epsilon: epsilon, query: NormTensors(module: "self_attn.q_layernorm", hasBias: true),
                key: NormTensors(module: "self_attn.k_layernorm", hasBias: true))
        }
        func linear(_ module: String) -> LinearTensors { LinearTensors(module: module, hasBias: true) }

        return TransformerDescription(
            width: width, blocks: try settings.requiredSize("num_hidden_layers"), blockName: "layers", residual: .parallelSharingNorm,
            norm: .layer(epsilon: epsilon), positions: .rotary(rotary),
            attention: AttentionDescription(
                heads: heads, keyHeads: keyHeads, headDimension: dimension, scale: .constant(Float(1 / Double(dimension).squareRoot())),
                norm: NormTensors(module: "input_layernorm", hasBias: true),
                projections: .separate(
                    query: linear("self_attn.q_proj"), key: linear("self_attn.k_proj"), value: linear("self_attn.v_proj")),
                headNorms: headNorms, output: linear("self_attn.dense")),
            mlp: MLPDescription(
                width: try settings.requiredSize("intermediate_size"),
                activation: try Activation.Function(settings, "hidden_act", standard: "gelu_new"), input: linear("mlp.fc1"),
                output: linear("mlp.fc2")),
            embedding: TableTensor(name: "embed_tokens.weight"), finalNorm: NormTensors(module: "final_layernorm", hasBias: true),
            output: OutputDescription(
                names: ["lm_head.weight"], tie: try settings.flag("tie_word_embeddings") ?? false ? .embedding : .none,
                bias: "lm_head.bias"))
    }
}
