import Checkpoints
import Text

/// A family that can be run: how its checkpoints are recognised, and how their network is built. One entry of ``TransformerFamilies``.
package struct RunnableFamily: Sendable {
    /// The names, prefixes and layers of the family's checkpoints.
    package let family: ModelFamily
    /// The values of `model_type` that run, some or all of the family's; empty for a family that is described by its tensors alone.
    package let modelTypes: [String]
    /// The setting that must change when MLPs are narrowed; nil if no setting gives their width.
    let mlpWidth: MLPWidthSetting?
    /// The ends of the names of `architectures` in `config.json` that run; the part of them that describes a head.
    let architectures: [String]
    /// The initial weights of a model by its configuration, or nil for a family whose models cannot be initialised.
    private(set) var blueprint: (@Sendable (Configuration) throws(Problem) -> Blueprint)?
    /// What is assumed of a model that is described by names and shapes alone; nil if nothing is.
    private let assumption: (@Sendable (FamilySource, Network) throws(Problem) -> String?)?
    /// Whether networks of the family may rest on something that no tensor shows.
    var mayAssume: Bool { assumption != nil }
    private let build: @Sendable (FamilySource) throws(Problem) -> Network

    /// The architectures of models that predict the next token.
    package static let languageModels = ["LMHeadModel", "ForCausalLM", "Model"]

    /// A family that builds its networks itself.
    ///
    /// - Parameter assumption: what of a network follows neither from tensors nor from settings, in words.
    package init(
        _ family: ModelFamily, modelTypes: [String], mlpWidth: MLPWidthSetting? = nil,
        architectures: [String] = RunnableFamily.languageModels,
        assumption: (@Sendable (FamilySource, Network) throws(Problem) -> String?)? = nil,
        network: @escaping @Sendable (FamilySource) throws(Problem) -> Network
    ) {
        self.family = family
        self.modelTypes = modelTypes
        self.mlpWidth = mlpWidth
        self.architectures = architectures
        self.assumption = assumption
        build = network
    }

    /// A family whose networks are described as data.
    init(
        _ family: ModelFamily, modelTypes: [String], mlpWidth: MLPWidthSetting? = nil,
        blueprint: (@Sendable (Configuration) throws(Problem) -> Blueprint)? = nil,
        description: @escaping @Sendable (FamilySource) throws(Problem) -> TransformerDescription
    ) {
        self.init(family, modelTypes: modelTypes, mlpWidth: mlpWidth) { source throws(Problem) in
            let description = try description(source)
            try source.settings.checkUnread()
            let stored = source.names.blocks(description.blockName)
            guard description.blocks <= stored else {
                throw Problem(
                    "the configuration has more blocks than the checkpoint", subject: source.settings.file,
                    expected: "at most \(stored)", found: "\(description.blocks)")
            }
            return try TransformerBuilder.network(of: description, source)
        }
        self.blueprint = blueprint
    }

    /// The network of a checkpoint of the family.
    ///
    /// - Throws: ``Problem`` for settings that are missing, out of range or cannot be run, and tensors that are missing or have
    ///   another shape.
    func network(_ source: FamilySource) throws(Problem) -> Network {
        var network = try build(source)
        if let assumption { network.anatomy.assumption = try assumption(source, network) }
        if case .tokens(let vocabulary, _) = network.input, let stated = try source.settings.size("vocab_size"), stated != vocabulary {
            throw source.settings.problem("contradicts the tensors", "vocab_size", expected: "\(vocabulary), the rows of the embedding")
        }
        return network
    }
}

/// The input from which a family builds a network.
package struct FamilySource: Sendable {
    /// The settings of `config.json`; none for a family that is described by its tensors alone.
    let settings: Configuration
    /// The `model_type` by which the family was found; empty for a family that is described by its tensors alone.
    let modelType: String
    let names: CheckpointNames
    package let checkpoint: Checkpoint
    package let catalog: LayerCatalog
}

/// The setting that gives the width of a family's MLPs.
package struct MLPWidthSetting: Sendable {
    let key: String
    /// The setting of blocks that have an MLP in place of experts, and that of the MLP beside experts; nil for the same as of the experts.
    private(set) var plain: String?
    private(set) var shared: String?
    /// The width if the setting is missing, as a multiple of the model's width; nil if the setting is required.
    private(set) var standard: (multiple: Int, of: [String])?
    /// The multiple of the model's width that is meant if the setting, which is one, is missing; nil for a setting that is the width itself.
    private(set) var ratio: (standard: Int, of: [String])?

    package init(_ key: String) { self.key = key }

    /// The settings of a mixture of experts.
    init(_ key: String, plain: String, shared: String? = nil) {
        self.key = key
        self.plain = plain
        self.shared = shared
    }

    /// A setting that is a multiple of the model's width.
    init(ratio key: String, standard: Int, of width: [String]) {
        self.key = key
        ratio = (standard, width)
    }

    /// - Parameters:
    ///   - multiple: of the model's width, where the setting is not written down.
    ///   - width: the settings that may hold the model's width.
    package init(_ key: String, standard multiple: Int, of width: [String]) {
        self.key = key
        standard = (multiple, width)
    }
}
