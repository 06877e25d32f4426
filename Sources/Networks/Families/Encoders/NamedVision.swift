import Checkpoints
import Text

/// Vision transformers by timm's and torchvision's names, whose tensors say everything but the number of heads: that follows from the
/// width in the standard models, or stands in a config.json.
///
/// Source: timm's `vision_transformer.py`, torchvision's `vision_transformer.py`.
enum NamedVision {
    static let timm = RunnableFamily(
        .timmVision, modelTypes: [],
        assumption: { source, network throws(Problem) in
            try StandardModels.vision(
                source, network, reading: readsPatches(source.names) ? "the patches' mean" : "the class token's state")
        }
    ) { source throws(Problem) in
        try StandardModels.checkArchitecture(source)
        let names = source.names
        let tokens = ["cls_token", "dist_token"].filter(names.has)
        let positions = try EncoderBuilder(source).shape(of: "pos_embed", rank: 3)
        let registers = names.has("reg_token") ? ["reg_token"] : []
        let isOfPatches = isSquare(positions[1])
        let isScaled = names.has("blocks.0.ls1.gamma")
        let head: VisionTransformer.Head =
            if !names.has("head.weight") {
                .none(pooler: nil)
            } else if names.has("head_dist.weight") {
                .twoTokens("head", "head_dist")
            } else if readsPatches(names) {
                .patches("head", norm: names.has("fc_norm.weight") ? "fc_norm" : nil)
            } else {
                .token("head")
            }
        let blocks = try description(
            source, prefix: "blocks.", count: names.blocks("blocks"), width: positions[2],
            norms: ("norm1", "norm2"),
            projection: LinearTensors(module: "attn.qkv", hasBias: names.has("blocks.0.attn.qkv.bias")),
            output: LinearTensors(module: "attn.proj", hasBias: true), mlp: ("mlp.fc1", "mlp.fc2"),
            scales: isScaled ? ("ls1.gamma", "ls2.gamma") : nil)
        return try complete(
            VisionTransformer(
                blocks: blocks, patches: "patch_embed.proj", tokens: tokens, registers: registers, positions: "pos_embed",
                positioned: isOfPatches ? .patches : .tokensAndPatches, norm: names.has("norm.weight") ? "norm" : nil, head: head), source)
    }

    /// Whether the head reads the mean of the patches.
    private static func readsPatches(_ names: CheckpointNames) -> Bool { !names.has("cls_token") || names.has("fc_norm.weight") }

    static let torchvision = RunnableFamily(
        .torchvisionVision, modelTypes: [],
        assumption: { source, network throws(Problem) in
            try StandardModels.vision(source, network, reading: "the class token's state")
        }
    ) { source throws(Problem) in
        let names = source.names
        let positions = try EncoderBuilder(source).shape(of: "encoder.pos_embedding", rank: 3)
        let prefix = "encoder.layers.encoder_layer_"
        var count = 0
        while names.has("\(prefix)\(count).ln_1.weight") { count += 1 }
        let isOld = names.has("\(prefix)0.mlp.linear_1.weight")
        let blocks = try description(
            source, prefix: prefix, count: count, width: positions[2], norms: ("ln_1", "ln_2"),
            projection: LinearTensors(weight: "self_attention.in_proj_weight", bias: "self_attention.in_proj_bias"),
            output: LinearTensors(module: "self_attention.out_proj", hasBias: true),
            mlp: isOld ? ("mlp.linear_1", "mlp.linear_2") : ("mlp.0", "mlp.3"), scales: nil)
        return try complete(
            VisionTransformer(
                blocks: blocks, patches: "conv_proj", tokens: ["class_token"], positions: "encoder.pos_embedding", norm: "encoder.ln",
                head: names.has("heads.head.weight") ? .token("heads.head") : .none(pooler: nil)), source)
    }

    private static func isSquare(_ number: Int) -> Bool {
        let root = Int(Double(max(number, 0)).squareRoot().rounded())
        return number > 0 && root * root == number
    }

    /// The network; nothing that a model of these names has may be left over, since names alone say what it computes.
    private static func complete(_ model: VisionTransformer, _ source: FamilySource) throws(Problem) -> Network {
        let network = try model.network(source, size: nil) { $0.hasSuffix("mask_token") }
        if let other = network.unusedTensors.first {
            throw Problem(
                "is no part of a vision transformer that can be run", subject: "tensor '\(other)'",
                expected: "\(source.checkpoint.tensors.count - network.unusedTensors.count) tensors of known names")
        }
        return network
    }

    private static func description(
        _ source: FamilySource, prefix: String, count: Int, width: Int, norms: (attention: String, mlp: String),
        projection: LinearTensors, output: LinearTensors, mlp: (input: String, output: String),
        scales: (attention: String, mlp: String)?
    ) throws(Problem) -> EncoderDescription {
        guard count > 0 else { throw Problem("has no blocks", subject: "a vision transformer", expected: "tensors of '\(prefix)0'") }
        let heads = try heads(source, width: width)
        return EncoderDescription(
            width: width, blocks: count, blockPrefix: prefix, heads: heads, order: .before, epsilon: 1e-6, activation: .gelu,
            mlpWidth: try EncoderBuilder(source).rows(of: "\(prefix)0.\(mlp.input).weight", width: width),
            attentionNorm: NormTensors(module: norms.attention, hasBias: true), projections: .fused(projection), attentionOutput: output,
            mlpNorm: NormTensors(module: norms.mlp, hasBias: true), mlpInput: LinearTensors(module: mlp.input, hasBias: true),
            mlpOutput: LinearTensors(module: mlp.output, hasBias: true), scales: scales)
    }

    /// The heads of the standard models by their width.
    private static let standardHeads = [
        192: 3, 384: 6, 512: 8, 640: 10, 768: 12, 896: 14, 1024: 16, 1152: 16, 1280: 16, 1408: 16, 1536: 24, 1664: 16,
    ]

    private static func heads(_ source: FamilySource, width: Int) throws(Problem) -> Int {
        let settings = try source.checkpoint.configuration.map { bytes throws(Problem) in try Configuration(bytes) }
        if let settings, let stated = try settings.size("num_heads", "num_attention_heads") {
            return width / (try HeadSizes.dimension(settings, width: width, heads: stated, names: ("num_heads", "width")))
        }
        guard let standard = standardHeads[width] else {
            throw Problem(
                "the number of heads cannot be seen from the tensors", subject: "config.json: 'num_heads'",
                expected: "the setting, or a standard width (\(standardHeads.keys.sorted().map(String.init).joined(separator: ", ")))",
                found: "a width of \(width)")
        }
        return standard
    }
}
