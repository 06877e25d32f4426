import Checkpoints
import Text

/// ViT, DeiT and DINOv2 by transformers' names, those of version 4 and of version 5.
///
/// Source: transformers' `models/vit`, `models/deit`, `models/dinov2`, `models/dinov2_with_registers`.
enum HuggingFaceVision {
    static let vit = RunnableFamily(.vit, modelTypes: ["vit"], architectures: ["Model", "ForImageClassification"]) {
        source throws(Problem) in
        let head: VisionTransformer.Head =
            isBare(source, "classifier.weight") ? .none(pooler: try pooler(source.settings)) : .token("classifier")
        return try network(source, tokens: ["embeddings.cls_token"], norms: ("layernorm_before", "layernorm_after"), head: head)
    }

    static let deit = RunnableFamily(
        .deit, modelTypes: ["deit"], architectures: ["Model", "ForImageClassification", "ForImageClassificationWithTeacher"]
    ) { source throws(Problem) in
        let head: VisionTransformer.Head =
            if source.names.has("cls_classifier.weight") {
                .twoTokens("cls_classifier", "distillation_classifier")
            } else if isBare(source, "classifier.weight") {
                .none(pooler: try pooler(source.settings))
            } else {
                .token("classifier")
            }
        return try network(
            source, tokens: ["embeddings.cls_token", "embeddings.distillation_token"], norms: ("layernorm_before", "layernorm_after"),
            head: head)
    }

    static let dinov2 = RunnableFamily(
        .dinov2, modelTypes: ["dinov2", "dinov2_with_registers"],
        mlpWidth: MLPWidthSetting(ratio: "mlp_ratio", standard: 4, of: ["hidden_size"]),
        architectures: ["Model", "ForImageClassification"]
    ) { source throws(Problem) in
        if try source.settings.flag("use_swiglu_ffn") ?? false {
            throw source.settings.problem("gated MLPs of DINOv2 cannot be run", "use_swiglu_ffn", expected: "false")
        }
        return try network(
            source, tokens: ["embeddings.cls_token"],
            registers: source.names.has("embeddings.register_tokens") ? ["embeddings.register_tokens"] : [], norms: ("norm1", "norm2"),
            scales: ("layer_scale1.lambda1", "layer_scale2.lambda1"), standardEpsilon: 1e-6,
            head: isBare(source, "classifier.weight") ? .none(pooler: nil) : .tokenAndPatches("classifier"))
    }

    /// Whether there is no head, according to the configuration or else the tensors.
    private static func isBare(_ source: FamilySource, _ head: String) -> Bool {
        guard let architecture = (try? source.settings.texts("architectures"))??.first else { return !source.names.has(head) }
        return architecture.hasSuffix("Model")
    }

    private static func pooler(_ settings: Configuration) throws(Problem) -> (module: String, activation: Activation.Function) {
        ("pooler.dense", try Activation.Function(settings, "pooler_act", standard: "tanh"))
    }

    private static func network(
        _ source: FamilySource, tokens: [String], registers: [String] = [], norms: (attention: String, mlp: String),
        scales: (attention: String, mlp: String)? = nil, standardEpsilon: Double = 1e-12, head: VisionTransformer.Head
    ) throws(Problem) -> Network {
        let settings = source.settings
        let width = try settings.requiredSize("hidden_size")
        let heads = try settings.requiredSize("num_attention_heads")
        _ = try HeadSizes.dimension(settings, width: width, heads: heads, names: ("num_attention_heads", "hidden_size"))
        for (setting, tensor) in [("num_channels", 1), ("patch_size", 2)] {
            let name = "embeddings.patch_embeddings.projection.weight"
            guard let stated = try settings.size(setting), let shape = source.checkpoint[try source.names.fullName(name)]?.shape,
                shape.count == 4, shape[tensor] != stated
            else { continue }
            throw settings.problem("contradicts the tensors", setting, expected: "\(shape[tensor]), as '\(name)' has")
        }
        let prefix = ["encoder.layer.", "layers."].first { source.names.has("\($0)0.\(norms.attention).weight") } ?? "encoder.layer."
        /// The module among several that the first block has.
        func module(_ names: String...) -> String { names.first { source.names.has("\(prefix)0.\($0).weight") } ?? names[0] }
        func linear(_ module: String, hasBias: Bool = true) -> LinearTensors { LinearTensors(module: module, hasBias: hasBias) }
        let hasBias = try settings.flag("qkv_bias") ?? true
        let input = module("intermediate.dense", "mlp.fc1")
        let inner = try settings.hasValue("mlp_ratio") ? nil : settings.size("intermediate_size")
        let mlpWidth: Int
        if let inner {
            mlpWidth = inner
        } else {
            mlpWidth = try EncoderBuilder(source).rows(of: "\(prefix)0.\(input).weight", width: width)
        }
        let blocks = EncoderDescription(
            width: width, blocks: try settings.requiredSize("num_hidden_layers"), blockPrefix: prefix, heads: heads, order: .before,
            epsilon: Float(try settings.number("layer_norm_eps") ?? standardEpsilon),
            activation: try Activation.Function(settings, "hidden_act", standard: "gelu"), mlpWidth: mlpWidth,
            attentionNorm: NormTensors(module: norms.attention, hasBias: true),
            projections: .separate(
                query: linear(module("attention.attention.query", "attention.q_proj"), hasBias: hasBias),
                key: linear(module("attention.attention.key", "attention.k_proj"), hasBias: hasBias),
                value: linear(module("attention.attention.value", "attention.v_proj"), hasBias: hasBias)),
            attentionOutput: linear(module("attention.output.dense", "attention.o_proj")),
            mlpNorm: NormTensors(module: norms.mlp, hasBias: true), mlpInput: linear(input),
            mlpOutput: linear(module("output.dense", "mlp.fc2")), scales: scales)
        return try VisionTransformer(
            blocks: blocks, patches: "embeddings.patch_embeddings.projection", tokens: tokens, registers: registers,
            positions: "embeddings.position_embeddings", norm: "layernorm", head: head
        ).network(source, size: try settings.size("image_size")) { $0.hasSuffix("mask_token") }
    }
}
