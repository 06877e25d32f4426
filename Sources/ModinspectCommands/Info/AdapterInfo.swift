import Checkpoints
import Text

/// The description of an adapter, from its settings and its tensors.
struct AdapterInfo: Encodable {
    /// PEFT's name of the method.
    let type: String
    /// The rank that the settings give; modules can have others.
    let rank: Int?
    /// The alpha that the settings give.
    let alpha: Double?
    /// The ranks of the changes, each once.
    let ranks: [Int]
    /// The factors of the changes, each once.
    let scales: [Double]
    /// Whether the changed weights are scaled to stored lengths, as DoRA does.
    let dora: Bool
    /// What chose the modules.
    let targets: [String]
    /// The number of weights that are changed.
    let changes: Int
    /// The parameters that are kept whole, by the base model's names.
    let whole: [String]
    /// The model that the adapter was trained on, in its maker's words.
    let baseModel: String?
    /// Why the changes are not known; nil if they are.
    let problem: String?

    init(_ adapter: Adapter, _ checkpoint: Checkpoint) {
        let configuration = adapter.configuration
        type = adapter.type
        rank = configuration?.rank
        alpha = configuration?.alpha
        ranks = adapter.ranks
        scales = adapter.scales.map(Double.init)
        dora = configuration?.isDirectional ?? false
        targets = (configuration?.targetModules ?? []) + (configuration?.targetParameters ?? [])
        changes = adapter.changeCount
        whole = adapter.wholeNames
        baseModel = configuration?.baseModel
        var refusal = checkpoint.refusal
        refusal?.path = nil
        problem = refusal?.summary
    }

    /// The adapter in a line: `LoRA of rank 4, alpha 8: 14 weights of q_proj, up_proj`.
    var text: String {
        var text = type == "LORA" ? (dora ? "DoRA" : "LoRA") : type
        if let rank { text += " of rank \(rank)" }
        if let alpha { text += ", alpha " + (Int(exactly: alpha).map(String.init) ?? ByteText.rounded(alpha)) }
        if ranks.count > 1 { text += ", ranks " + ranks.map(String.init).listed() }
        if changes > 0 { text += ": " + ByteText.counted(changes, "changed weight") }
        if !targets.isEmpty { text += " of " + targets.listed() }
        if !whole.isEmpty { text += "; kept whole: " + whole.listed() }
        return text
    }
}
