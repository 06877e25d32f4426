extension ModelFamily {
    package static let gpt2 = ModelFamily(
        "gpt2", summary: "GPT-2, GPT-1 and nanoGPT", modelTypes: ["gpt2", "openai-gpt", "imagegpt"], prefixes: ["transformer."],
        mlpInputs: [.gpt2],
        isRecognized: { $0.hasBlocks(of: "c_attn") || $0.hasBlocks(of: "c_fc") && $0.has("ln_1") })

    /// The `model_type` of sparse circuit models as the Hub has them; those beside beeg_config.json do not say it.
    package static let sparseCircuit = "circuitgpt"

    package static let circuitSparsity = ModelFamily(
        "circuit_sparsity", summary: "OpenAI's sparse circuit models, GPT-2's names with linear layers", modelTypes: [sparseCircuit],
        prefixes: ["circuit_model.", "transformer."], mlpInputs: [.gpt2],
        layout: { name, shape in
            shape.count == 2 && ["c_attn", "c_proj", "c_fc"].contains(name.moduleName) ? .asStored(out: shape[0], in: shape[1]) : nil
        },
        isRecognized: { names in
            names.hasBlocks(of: "c_fc") && names.contains { $0.hasSuffix("attn_imp.sink_logit") || $0.hasSuffix(".ln_p1.weight") }
        })

    package static let gptBigCode = ModelFamily(
        "gpt_bigcode", summary: "StarCoder: GPT-2's names with linear layers", prefixes: ["transformer."], mlpInputs: [.gpt2])

    package static let gptNeo = ModelFamily(
        "gpt_neo", summary: "GPT-Neo", prefixes: ["transformer."], mlpInputs: [.gpt2],
        isRecognized: { names in names.hasBlocks(of: "c_fc") && names.contains { $0.contains(".attn.attention.") } })

    package static let gptj = ModelFamily(
        "gptj", summary: "GPT-J and CodeGen", modelTypes: ["gptj", "codegen"], prefixes: ["transformer."], mlpInputs: [.gptj],
        isRecognized: { $0.hasBlocks(of: "fc_in") })

    package static let gptNeox = ModelFamily(
        "gpt_neox", summary: "GPT-NeoX and Pythia", prefixes: ["gpt_neox."], mlpInputs: [.megatron],
        isRecognized: { names in
            names.hasBlocks(of: "dense_h_to_4h")
                && (names.has("embed_in") || names.has("attention") || names.contains { $0.contains("gpt_neox.") })
        })

    package static let llama = ModelFamily(
        "llama", summary: "Llama and the models that share its names", prefixes: ["model."], mlpInputs: [.gated, .numberedGated, .gateUp],
        isRecognized: hasGatedMLPs)

    package static let llama4 = ModelFamily(
        "llama4", summary: "Llama 4", modelTypes: ["llama4", "llama4_text"], prefixes: ["model.", "language_model."],
        mlpInputs: [.gated, .gateUp],
        isRecognized: { hasGatedMLPs($0) && $0.has("feed_forward") && $0.has("shared_expert") })

    package static let mistral = ModelFamily(
        "mistral", summary: "Mistral and Mixtral", modelTypes: ["mistral", "mixtral", "ministral", "mistral3"], prefixes: ["model."],
        mlpInputs: [.gated, .numberedGated, .gateUp])

    package static let qwen2 = ModelFamily(
        "qwen2", summary: "Qwen 2 and later", modelTypes: ["qwen2", "qwen2_moe", "qwen3", "qwen3_moe", "qwen2_vl"], prefixes: ["model."],
        mlpInputs: [.gated, .gateUp],
        isRecognized: { names in hasGatedMLPs(names) && names.contains { $0.hasSuffix("self_attn.q_proj.bias") } })

    package static let gemma = ModelFamily(
        "gemma", summary: "Gemma", modelTypes: ["gemma", "gemma2", "gemma3", "gemma3_text", "gemma3n"],
        prefixes: ["model.", "language_model."],
        mlpInputs: [.gated, .gateUp],
        isRecognized: { hasGatedMLPs($0) && $0.has("pre_feedforward_layernorm") })

    package static let opt = ModelFamily(
        "opt", summary: "OPT", prefixes: ["model."], mlpInputs: [.fc1],
        isRecognized: { $0.hasBlocks(of: "fc1") && $0.has("self_attn") })

    package static let phi = ModelFamily(
        "phi", summary: "Phi", modelTypes: ["phi", "phi3", "phimoe"], prefixes: ["model."], mlpInputs: [.fc1, .gateUp],
        isRecognized: { $0.hasBlocks(of: "fc1") && $0.has("self_attn") && $0.has("mlp") })

    package static let olmo2 = ModelFamily(
        "olmo2", summary: "OLMo 2 and 3", modelTypes: ["olmo2", "olmo3"], prefixes: ["model."], mlpInputs: [.gated])

    package static let bloom = ModelFamily("bloom", summary: "BLOOM", prefixes: ["transformer."], mlpInputs: [.megatron])

    package static let stablelm = ModelFamily("stablelm", summary: "StableLM", prefixes: ["model."], mlpInputs: [.gated])

    package static let starcoder2 = ModelFamily("starcoder2", summary: "StarCoder 2", prefixes: ["model."], mlpInputs: [.gpt2])

    package static let granite = ModelFamily("granite", summary: "Granite", prefixes: ["model."], mlpInputs: [.gated])

    package static let smollm3 = ModelFamily("smollm3", summary: "SmolLM 3", prefixes: ["model."], mlpInputs: [.gated])

    package static let gptOss = ModelFamily("gpt_oss", summary: "gpt-oss", prefixes: ["model."], mlpInputs: [.gateUp])

    package static let bert = ModelFamily(
        "bert", summary: "BERT and its descendants", modelTypes: ["bert", "albert", "deberta", "deberta-v2"], prefixes: ["bert."],
        mlpInputs: [.bert, .lin1], isRecognized: hasBertMLPs)

    package static let roberta = ModelFamily(
        "roberta", summary: "RoBERTa and the models that share its names", modelTypes: ["roberta", "xlm-roberta", "camembert"],
        prefixes: ["roberta."], mlpInputs: [.bert], isRecognized: { hasBertMLPs($0) && $0.has("roberta") })

    package static let distilbert = ModelFamily("distilbert", summary: "DistilBERT", prefixes: ["distilbert."], mlpInputs: [.lin1])

    package static let electra = ModelFamily(
        "electra", summary: "ELECTRA", prefixes: ["electra."], mlpInputs: [.bert],
        isRecognized: { hasBertMLPs($0) && $0.has("electra") })

    package static let vit = ModelFamily(
        "vit", summary: "vision transformers by transformers' names", modelTypes: ["vit", "beit"], prefixes: ["vit."], mlpInputs: [.bert],
        isRecognized: { hasBertMLPs($0) && $0.has("patch_embeddings") })

    package static let deit = ModelFamily(
        "deit", summary: "DeiT by transformers' names", prefixes: ["deit."], mlpInputs: [.bert],
        isRecognized: { hasBertMLPs($0) && $0.has("patch_embeddings") && $0.has("distillation_token") })

    private static func hasBertMLPs(_ names: TensorNames) -> Bool {
        names.containsInBlocks { $0.module.suffix(2).elementsEqual(["intermediate", "dense"]) }
    }

    package static let dinov2 = ModelFamily(
        "dinov2", summary: "DINOv2 by transformers' names", modelTypes: ["dinov2", "dinov2_with_registers"],
        prefixes: ["dinov2.", "dinov2_with_registers."],
        mlpInputs: [.fc1])

    package static let timmVision = ModelFamily(
        "timm_vit", summary: "vision transformers by timm's names", modelTypes: [], mlpInputs: [.fc1],
        isRecognized: { names in
            names.has("patch_embed") && names.has("pos_embed") && names.hasBlocks(of: "qkv") && names.hasBlocks(of: "fc1")
                && !names.has("rel_pos")
        })

    package static let torchvisionVision = ModelFamily(
        "torchvision_vit", summary: "vision transformers by torchvision's names", modelTypes: [],
        mlpInputs: MLPNames.others.filter { ["mlp.0", "linear_1"].contains($0.input) },
        isRecognized: { names in names.has("conv_proj") && names.has("class_token") && names.has("pos_embedding") })

    package static let convnext = ModelFamily(
        "convnext", summary: "ConvNeXt by transformers' names", prefixes: ["convnext."],
        mlpInputs: MLPNames.others.filter { $0.input == "pwconv1" })

    package static let convnextNames = ModelFamily(
        "convnext_names", summary: "ConvNeXt by timm's and torchvision's names", modelTypes: [],
        mlpInputs: [.fc1] + MLPNames.others.filter { $0.input == "block.3" },
        isRecognized: { names in
            names.has("conv_dw") && names.has("gamma") && names.hasBlocks(of: "fc1") && names.has("stem")
                || names.has("layer_scale") && names.has("block") && names.has("features")
        })

    package static let resnet = ModelFamily(
        "resnet", summary: "ResNet by transformers' names", prefixes: ["resnet."], defaultLayers: .all)

    package static let resnetNames = ModelFamily(
        "resnet_names", summary: "ResNet by torchvision's and timm's names", modelTypes: [], defaultLayers: .all,
        isRecognized: { names in
            names.contains { $0.hasSuffix("layer1.0.conv2.weight") }
                && names.contains { $0.hasSuffix("conv1.weight") && !$0.contains("layer") }
        })

    package static let vgg = ModelFamily(
        "vgg", summary: "VGG by torchvision's and timm's names", modelTypes: [], defaultLayers: .innerLayers,
        isRecognized: { names in
            names.contains { $0.hasSuffix("features.0.weight") }
                && (names.contains { $0.hasSuffix("classifier.6.weight") } || names.has("pre_logits"))
                && names.shape(named: "features.0.weight")?.suffix(2) == [3, 3]
        })

    /// The blocks of each stage of MobileNet 2, and of the small and the large MobileNet 3, by timm's names.
    package static let mobilenetBlocks = [[1, 2, 3, 4, 3, 3, 1], [1, 2, 3, 2, 3, 1], [1, 2, 3, 4, 2, 3, 1]]

    package static let mobilenet = ModelFamily(
        "mobilenet", summary: "MobileNet 2 and 3 by torchvision's and timm's names", modelTypes: [], defaultLayers: .all,
        isRecognized: { names in
            names.shape(named: "conv_stem.weight") != nil && mobilenetBlocks.contains(names.blockCounts)
                || names.contains { $0.hasSuffix("features.1.conv.0.0.weight") || $0.hasSuffix("features.1.block.0.0.weight") }
        })

    package static let transformer = ModelFamily(
        "transformer", summary: "other transformers whose MLP input matrices are known by name",
        modelTypes: [
            "falcon", "mpt", "t5", "mt5", "bart", "mbart", "whisper", "olmo", "deepseek_v2", "deepseek_v3", "cohere", "clip", "dbrx",
            "glm", "glm4", "chatglm", "modernbert", "convnextv2", "swin", "siglip", "rwkv",
        ],
        mlpInputs: [.linear1, .t5, .gatedT5, .fc1, .gpt2, .megatron, .gated, .gateUp] + MLPNames.others,
        isRecognized: { names in
            names.hasBlocks(of: "dense_h_to_4h") || names.hasBlocks(of: "c_fc") || names.has("DenseReluDense")
                || names.hasAttention && (["fc1", "lin1", "linear1"].contains { names.hasBlocks(of: $0) } || names.hasMLPs(allMLPs))
                || names.hasMLPs(mlpsWithoutAttention)
        })

    package static let gguf = ModelFamily(
        "gguf", summary: "llama.cpp files: blk.N.ffn_up.weight", modelTypes: [], mlpInputs: MLPNames.llamaCpp,
        isRecognized: { names in
            names.has("blk") && (names.hasBlocks(of: "ffn_up") || names.hasBlocks(of: "ffn_down") || names.has("token_embd"))
        })

    private static let allMLPs: [MLPNames] =
        [.gpt2, .gptj, .megatron, .gated, .numberedGated, .gateUp, .fc1, .bert, .lin1, .linear1, .t5, .gatedT5] + MLPNames.others

    /// MLPs of blocks that mix their places by something else than attention.
    private static let mlpsWithoutAttention =
        MLPNames.others.filter {
            ["pwconv1", "block.3", "mlp_tokens.fc1", "mlp_channels.fc1", "feed_forward.key", "ffn.key"].contains($0.input)
        } + [MLPNames("mlp.fc1", "mlp.fc2")]

    package static let chain = ModelFamily(
        "chain", summary: "plain chains of linear and convolution layers, each one's output the next one's input", modelTypes: [],
        defaultLayers: .innerLayers)

    package static let unknown = ModelFamily(
        "unknown", summary: "none of the others: all matrices are treated alike", modelTypes: [], defaultLayers: .all)

    /// Llama's MLPs: a gate, and the matrix that is multiplied with it.
    private static func hasGatedMLPs(_ names: TensorNames) -> Bool {
        names.hasBlocks(of: "up_proj") || names.hasBlocks(of: "gate_up_proj") || names.hasBlocks(of: "w3") && names.hasBlocks(of: "w1")
    }
}
