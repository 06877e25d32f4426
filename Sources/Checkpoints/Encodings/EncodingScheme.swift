import Text

/// A way in which libraries store weights as codes with scales.
struct EncodingScheme: Sendable {
    /// What users call it.
    let name: String
    /// The names of the method in `config.json`.
    let methods: Set<String>
    /// The members that show that a module's weight is stored so.
    let codes: @Sendable (EncodedModule) -> [String]
    /// Whether the tensors are sufficient, or `config.json` must give the rest.
    let isSelfContained: Bool
    /// Assembles the weight of a member of ``codes``.
    let decode: @Sendable (EncodedModule, String) throws(Problem) -> DecodedWeight
    /// The settings that follow from the shapes of the parts if no file gives any; nil for a scheme whose settings cannot be inferred.
    var assumed: (@Sendable (EncodedModule) throws(Problem) -> EncodingSettings)?

    /// Every scheme that is decoded, those with the more particular members first.
    static let all: [EncodingScheme] = [.gptq, .awq, .compressedIntegers, .fp4, .mxfp4, .bitsAndBytes4, .bitsAndBytes8, .mlx, .scaled]

    /// Methods of `config.json` that are not decoded, by their names there and as users know them.
    static let refusedMethods: [String: String] = [
        "torchao": "torchao", "hqq": "HQQ", "eetq": "EETQ", "aqlm": "AQLM", "quip": "QuIP#", "quip#": "QuIP#", "spqr": "SpQR",
        "vptq": "VPTQ", "fp_quant": "FP-Quant", "fpquant": "FP-Quant", "quark": "Quark", "quanto": "Quanto", "bitnet": "BitNet",
        "higgs": "HIGGS", "sinq": "SINQ", "metal": "Metal", "four_over_six": "Four Over Six", "auto-round": "AutoRound",
        "intel/auto-round": "AutoRound", "marlin": "Marlin", "squeezellm": "SqueezeLLM", "exl2": "EXL2", "exl3": "EXL3",
    ]

    /// Members that show a scheme that is not decoded where `config.json` is silent.
    static let refusedMembers: [String: String] = [
        "W_q": "HQQ", "codebooks": "AQLM", "Qidxs": "QuIP#", "weight_scales": "EETQ", "centroids": "VPTQ", "dense_weights": "SpQR",
        "weight._data": "Quanto", "q_weight": "EXL2", "trellis": "EXL3", "weight_qdata": "torchao",
    ]
}
