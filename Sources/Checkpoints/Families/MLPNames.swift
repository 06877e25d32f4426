/// The names of an MLP's modules, as the last parts of their dotted names: one entry for each kind of MLP.
///
/// The *input* is the matrix that is selected by default: in a gated MLP, the one whose output is multiplied by the gate.
package struct MLPNames: Sendable, Hashable {
    /// The order of the two halves of a matrix that holds gate and input.
    package enum Halves: Sendable, Hashable {
        /// The rows of the gate, whose products pass through the activation, then those of the input.
        case gateFirst
        /// The rows of the input, then those of the gate.
        case inputFirst
        /// Even rows are the gate's, odd ones the input's.
        case alternating
    }

    /// What must exist next to an input for its name to mean an MLP.
    package enum Evidence: Sendable, Hashable {
        /// Nothing: the name is sufficient.
        case none
        /// The output matrix, whose columns are the input's rows or half of them.
        case output
        /// A module of this name in the place of the input's.
        case sibling(String)
        /// No module of this name in the place of the input's.
        case without(String)
    }

    package let input: String
    /// The part that replaces `input` in the name of the output matrix.
    package let output: String?
    package let evidence: Evidence
    package let halves: Halves
    /// Whether the matrix holds gate and input if there is no output matrix; if there is one, it does if it has twice as many rows as that has
    /// columns.
    package let isFused: Bool

    init(
        _ input: String, _ output: String?, evidence: Evidence = .none, halves: Halves = .gateFirst, isFused: Bool = false
    ) {
        self.input = input
        self.output = output
        self.evidence = evidence
        self.halves = halves
        self.isFused = isFused
    }
}

/// A name alone.
extension MLPNames: ExpressibleByStringLiteral {
    package init(stringLiteral input: String) { self.init(input, nil) }
}

extension MLPNames {
    /// GPT-2, with Conv1D or linear layers.
    static let gpt2 = MLPNames("c_fc", "c_proj")
    static let gptj = MLPNames("fc_in", "fc_out")
    /// Fused in ChatGLM.
    static let megatron = MLPNames("dense_h_to_4h", "dense_4h_to_h")
    static let gated = MLPNames("up_proj", "down_proj")
    /// Gate and input in one: Phi-3, GLM, and experts in one tensor.
    static let gateUp = MLPNames("gate_up_proj", "down_proj", isFused: true)
    /// Meta's names, and Mixtral's experts.
    static let numberedGated = MLPNames("w3", "w2", evidence: .without("w12"))
    /// OPT, Phi, CLIP, Whisper and timm; fused in Moshi and where timm packs SwiGLU.
    static let fc1 = MLPNames("fc1", "fc2")
    /// BERT and its descendants.
    static let bert = MLPNames("intermediate.dense", "output.dense")
    static let lin1 = MLPNames("lin1", "lin2")
    /// `nn.TransformerEncoderLayer`.
    static let linear1 = MLPNames("linear1", "linear2")
    static let t5 = MLPNames("wi", "wo")
    static let gatedT5 = MLPNames("wi_1", "wo")
    /// TransformerLens, and the Grokking repository.
    static let hooked = MLPNames("W_in", "W_out")
    /// llama.cpp; fused if the architecture has no separate gate.
    static let llamaCpp: [MLPNames] = [
        MLPNames("ffn_up", "ffn_down"), MLPNames("ffn_up_exps", "ffn_down_exps"), MLPNames("ffn_up_shexp", "ffn_down_shexp"),
        MLPNames("ffn_gate_up_exps", "ffn_down_exps", isFused: true),
    ]

    /// What other models call them.
    static let others: [MLPNames] = [
        MLPNames("w1", "c_proj", evidence: .output),  // Qwen 1: w2 is the gate
        MLPNames("v1", "w2", evidence: .sibling("w1")),  // DBRX
        MLPNames("w12", "w3", isFused: true),  // DINOv2's hub
        MLPNames("weights_in", "weights_out", isFused: true),  // DINOv2 in transformers 4
        MLPNames("c_fc_1", "c_proj"),  // EXAONE 3: c_fc_0 is the gate
        MLPNames("fc1_x", "fc2"),  // timm's SwiGLU: fc1_g is the gate
        MLPNames("fc11", "fc2"),  // Nomic's own BERT: fc12 is the gate
        MLPNames("mlp_channels.fc1", "mlp_channels.fc2", halves: .inputFirst),  // MLP-Mixer; fused in gMixer
        MLPNames("mlp_tokens.fc1", "mlp_tokens.fc2", halves: .inputFirst),
        MLPNames("Wi", "Wo"),  // ModernBERT, fused
        MLPNames("intermediate_dense", "output_dense"),  // wav2vec 2
        MLPNames("intermediate.conv1d", "output.conv1d"),  // SqueezeBERT
        MLPNames("input_linear", "output_linear", isFused: true),  // Granite's and JetMoe's mixtures
        MLPNames("mlp1_weight", "mlp2_weight", halves: .alternating, isFused: true),  // gpt-oss as released
        MLPNames("w13_weight", "w2_weight", isFused: true),  // vLLM
        MLPNames("ff_proj", "ff_out", halves: .inputFirst),  // OLMo's own, fused
        MLPNames("ffn", "ffn_output", evidence: .output),  // ALBERT
        MLPNames("layer_1", "layer_2", evidence: .output),  // XLNet
        MLPNames("dense1", "dense2", evidence: .output),  // PVT
        MLPNames("pwconv1", "pwconv2", evidence: .output),  // ConvNeXt
        MLPNames("linear_1", "linear_2", evidence: .output),  // funnel transformers, older torchvision
        MLPNames("conv_1", "conv_2", evidence: .output),  // VITS
        MLPNames("w_1", "w_2", evidence: .output),  // ESPnet
        MLPNames("fc_2", "proj", evidence: .sibling("fc_1")),  // LitGPT: fc_1 is the gate
        MLPNames("mlp.fc", "mlp.proj", evidence: .output),  // LitGPT
        MLPNames("feed_forward.key", "feed_forward.value", evidence: .output),  // RWKV
        MLPNames("ffn.key", "ffn.value", evidence: .output),
        MLPNames("mlp.0", "mlp.3", evidence: .output),  // torchvision's vision transformers
        MLPNames("mlp.0", "mlp.2", evidence: .output),  // OpenAI's Whisper
        MLPNames("ffn.0", "ffn.2", evidence: .output),  // CTRL
        MLPNames("block.3", "block.5", evidence: .output),  // torchvision's ConvNeXt
        MLPNames("net.0.proj", "net.2", evidence: .output, halves: .inputFirst),  // diffusers, fused with GEGLU
        MLPNames("net.1", "net.4", evidence: .output),  // vit-pytorch
    ]
}
