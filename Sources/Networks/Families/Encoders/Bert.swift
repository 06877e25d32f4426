import Checkpoints
import Text

/// BERT and the encoders that share its names: RoBERTa and ELECTRA.
///
/// Source: transformers' `models/bert`, `models/roberta`, `models/electra`. A text alone has the first token type throughout.
enum Bert {
    static let family = RunnableFamily(
        .bert, modelTypes: ["bert"], architectures: ["Model", "ForMaskedLM", "ForPreTraining", "ForSequenceClassification"]
    ) { source throws(Problem) in
        let activation = try activation(source.settings)
        let head: TextEncoder.Head =
            switch try Heads.kind(source, masked: "cls.predictions.transform.dense.weight", classes: "classifier.weight") {
            case .bare: .none(pooler: "pooler.dense")
            case .masked:
                .masked(
                    dense: "cls.predictions.transform.dense", activation, norm: "cls.predictions.transform.LayerNorm",
                    matrix: "cls.predictions.decoder.weight", biases: ["cls.predictions.decoder.bias", "cls.predictions.bias"])
            case .classes: .classes(dense: "pooler.dense", .tanh, output: "classifier")
            }
        return try encoder(source.settings, head).network(source)
    }

    /// The encoder of settings with BERT's names.
    ///
    /// - Parameters:
    ///   - embeddingWidth: nil for the blocks' width.
    ///   - padding: the padding token, if positions begin behind it.
    static func encoder(
        _ settings: Configuration, _ head: TextEncoder.Head, embeddingWidth: Int? = nil, padding: Int? = nil
    ) throws(Problem) -> TextEncoder {
        try refuseOtherFunctions(settings)
        let width = try settings.requiredSize("hidden_size")
        let heads = try settings.requiredSize("num_attention_heads")
        _ = try HeadSizes.dimension(settings, width: width, heads: heads, names: ("num_attention_heads", "hidden_size"))
        func linear(_ module: String) -> LinearTensors { LinearTensors(module: module, hasBias: true) }
        let blocks = EncoderDescription(
            width: width, blocks: try settings.requiredSize("num_hidden_layers"), blockPrefix: "encoder.layer.", heads: heads,
            order: .after,
            epsilon: Float(try settings.number("layer_norm_eps") ?? 1e-12), activation: try activation(settings),
            mlpWidth: try settings.requiredSize("intermediate_size"),
            attentionNorm: NormTensors(module: "attention.output.LayerNorm", hasBias: true),
            projections: .separate(
                query: linear("attention.self.query"), key: linear("attention.self.key"), value: linear("attention.self.value")),
            attentionOutput: linear("attention.output.dense"), mlpNorm: NormTensors(module: "output.LayerNorm", hasBias: true),
            mlpInput: linear("intermediate.dense"), mlpOutput: linear("output.dense"))
        let inner = embeddingWidth ?? width
        return TextEncoder(
            blocks: blocks, embeddingWidth: inner, projection: inner == width ? nil : "embeddings_project",
            positions: .init(
                table: "embeddings.position_embeddings.weight", count: try settings.size("max_position_embeddings") ?? 512,
                padding: padding),
            types: ("embeddings.token_type_embeddings.weight", try settings.size("type_vocab_size") ?? 2),
            isTied: try settings.flag("tie_word_embeddings") ?? true, head: head)
    }

    static func activation(_ settings: Configuration) throws(Problem) -> Activation.Function {
        try Activation.Function(settings, "hidden_act", standard: "gelu")
    }

    /// Refuses what makes another function of the same tensors.
    static func refuseOtherFunctions(_ settings: Configuration) throws(Problem) {
        for name in ["is_decoder", "add_cross_attention"] where try settings.flag(name) ?? false {
            throw settings.problem("a decoder of BERT's kind cannot be run", name, expected: "false")
        }
        if let kind = try settings.text("position_embedding_type"), kind != "absolute" {
            throw settings.problem("is not supported", "position_embedding_type", expected: "'absolute'")
        }
        if try settings.section("pruned_heads") != nil {
            throw settings.problem("heads without tensors are not supported", "pruned_heads", expected: "none")
        }
    }
}

/// RoBERTa, XLM-RoBERTa and CamemBERT: positions that begin behind the padding token, and heads of their own.
enum Roberta {
    static let family = RunnableFamily(
        .roberta, modelTypes: ["roberta", "xlm-roberta", "camembert"],
        architectures: ["Model", "ForMaskedLM", "ForSequenceClassification"]
    ) { source throws(Problem) in
        let head: TextEncoder.Head =
            switch try Heads.kind(source, masked: "lm_head.dense.weight", classes: "classifier.out_proj.weight") {
            case .bare: .none(pooler: "pooler.dense")
            case .masked:
                .masked(
                    dense: "lm_head.dense", .gelu, norm: "lm_head.layer_norm", matrix: "lm_head.decoder.weight",
                    biases: ["lm_head.decoder.bias", "lm_head.bias"])
            case .classes: .classes(dense: "classifier.dense", .tanh, output: "classifier.out_proj")
            }
        let padding = try source.settings.number("pad_token_id") ?? 1
        guard let token = Int(exactly: padding) else {
            throw source.settings.problem("cannot be used", "pad_token_id", expected: "a token")
        }
        return try Bert.encoder(source.settings, head, padding: token).network(source)
    }
}

/// ELECTRA: embeddings of a smaller width, and a discriminator that scores each token.
enum Electra {
    static let family = RunnableFamily(
        .electra, modelTypes: ["electra"], architectures: ["Model", "ForMaskedLM", "ForPreTraining", "ForSequenceClassification"]
    ) { source throws(Problem) in
        let activation = try Bert.activation(source.settings)
        let isDiscriminator = source.names.has("discriminator_predictions.dense.weight")
        let head: TextEncoder.Head =
            switch try Heads.kind(source, masked: "generator_predictions.dense.weight", classes: "classifier.out_proj.weight") {
            case .bare: .none(pooler: nil)
            case .masked where isDiscriminator && !source.names.has("generator_predictions.dense.weight"):
                .each(
                    dense: "discriminator_predictions.dense", activation, output: "discriminator_predictions.dense_prediction")
            case .masked:
                .masked(
                    dense: "generator_predictions.dense", .gelu, norm: "generator_predictions.LayerNorm",
                    matrix: "generator_lm_head.weight", biases: ["generator_lm_head.bias"])
            case .classes: .classes(dense: "classifier.dense", .gelu, output: "classifier.out_proj")
            }
        let settings = source.settings
        return try Bert.encoder(settings, head, embeddingWidth: try settings.size("embedding_size") ?? 128).network(source)
    }
}

/// DistilBERT: BERT's blocks under other names, without token types and pooler. The names of its blocks begin with `transformer.`, which
/// is a prefix of other families' models and left out as theirs.
///
/// Source: transformers' `models/distilbert`.
enum DistilBert {
    static let family = RunnableFamily(
        .distilbert, modelTypes: ["distilbert"], mlpWidth: MLPWidthSetting("hidden_dim", standard: 4, of: ["dim", "hidden_size"]),
        architectures: ["Model", "ForMaskedLM", "ForSequenceClassification"]
    ) { source throws(Problem) in
        let settings = source.settings
        let activation = try Activation.Function(settings, "activation", standard: "gelu")
        let head: TextEncoder.Head =
            switch try Heads.kind(source, masked: "vocab_transform.weight", classes: "pre_classifier.weight") {
            case .bare: .none(pooler: nil)
            case .masked:
                .masked(
                    dense: "vocab_transform", activation, norm: "vocab_layer_norm", matrix: "vocab_projector.weight",
                    biases: ["vocab_projector.bias"])
            case .classes: .classes(dense: "pre_classifier", .relu, output: "classifier")
            }
        try Bert.refuseOtherFunctions(settings)
        let width = try settings.requiredSize("dim", "hidden_size")
        let heads = try settings.requiredSize("n_heads", "num_attention_heads")
        _ = try HeadSizes.dimension(settings, width: width, heads: heads, names: ("n_heads", "dim"))
        func linear(_ module: String) -> LinearTensors { LinearTensors(module: module, hasBias: true) }
        let blocks = EncoderDescription(
            width: width, blocks: try settings.requiredSize("n_layers", "num_hidden_layers"), blockPrefix: "layer.",
            heads: heads, order: .after, epsilon: 1e-12, activation: activation, mlpWidth: try settings.size("hidden_dim") ?? 4 * width,
            attentionNorm: NormTensors(module: "sa_layer_norm", hasBias: true),
            projections: .separate(query: linear("attention.q_lin"), key: linear("attention.k_lin"), value: linear("attention.v_lin")),
            attentionOutput: linear("attention.out_lin"), mlpNorm: NormTensors(module: "output_layer_norm", hasBias: true),
            mlpInput: linear("ffn.lin1"), mlpOutput: linear("ffn.lin2"))
        return try TextEncoder(
            blocks: blocks, embeddingWidth: width,
            positions: .init(
                table: "embeddings.position_embeddings.weight", count: try settings.size("max_position_embeddings") ?? 512, padding: nil),
            types: nil, isTied: try settings.flag("tie_word_embeddings") ?? true, head: head
        ).network(source)
    }
}
