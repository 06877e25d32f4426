import Archives
import Text

/// The settings of a model's MLPs.
package struct MLPSizes: Sendable, Equatable {
    /// The setting that holds the width; in a mixture of experts, that of an expert.
    package let key: String
    /// The setting of blocks with an MLP in place of experts, and that of an MLP beside experts; nil for the same.
    package let plainKey: String?
    package let sharedKey: String?
    /// The model's width if the setting is a multiple of it.
    package let unit: Int?
    package let width: Int
    package let blocks: Int
    /// The section of the settings; nil for those outside any.
    package let section: String?

    /// - Throws: ``Problem`` for settings that do not say it, and for families whose MLPs have a width that no setting changes.
    package init(_ configuration: ByteRegion, families: TransformerFamilies = .standard) throws(Problem) {
        let outer = try Configuration(configuration)
        let inner = try outer.textModel()
        let settings = inner ?? outer
        section = inner == nil ? nil : "text_config"
        let modelType = try outer.text("model_type")
        let family = families.families.first { family in modelType.map(family.modelTypes.contains) ?? false }
        if let family, family.mlpWidth == nil {
            throw outer.problem("no setting of these models gives the width of their MLPs", "model_type", expected: "a family that has one")
        }
        blocks = try settings.requiredSize("n_layer", "n_layers", "num_hidden_layers", "num_layers")
        let setting = family?.mlpWidth ?? Self.setting(of: settings, isNamed: modelType != nil)
        key = setting.key
        (plainKey, sharedKey) = (setting.plain, setting.shared)
        if let ratio = setting.ratio {
            let size = try settings.requiredSize(ratio.of)
            (unit, width) = (size, size * (try settings.size(key) ?? ratio.standard))
            return
        }
        unit = nil
        if let standard = setting.standard, try settings.size(key) == nil {
            width = standard.multiple * (try settings.requiredSize(standard.of))
        } else {
            width = try settings.requiredSize(key)
        }
    }

    /// The setting of models of an unknown family.
    ///
    /// - Parameter isNamed: whether they have a `model_type`, unlike those of TransformerLens and those beside beeg_config.json.
    private static func setting(of settings: Configuration, isNamed: Bool) -> MLPWidthSetting {
        if isNamed { return MLPWidthSetting("intermediate_size") }
        if settings.hasValue("n_mlp") { return MLPWidthSetting("n_mlp") }
        if settings.hasValue("d_mlp") { return MLPWidthSetting("d_mlp") }
        return settings.hasValue("block_size")
            ? MLPWidthSetting("d_mlp", standard: 4, of: ["d_model"]) : MLPWidthSetting("intermediate_size")
    }
}
