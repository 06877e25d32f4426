import Archives
import Text

/// The settings of a model's MLPs.
package struct MLPSizes: Sendable, Equatable {
    /// The setting that holds the width.
    package let key: String
    package let width: Int
    package let blocks: Int

    /// - Throws: ``Problem`` for settings that do not say it.
    package init(_ configuration: ByteRegion, families: TransformerFamilies = .standard) throws(Problem) {
        let settings = try Configuration(configuration)
        blocks = try settings.requiredSize("n_layer", "n_layers", "num_hidden_layers", "num_layers")
        let modelType = try settings.text("model_type")
        let family = families.families.first { family in modelType.map(family.modelTypes.contains) ?? false }
        let setting = family?.mlpWidth ?? MLPWidthSetting("intermediate_size")
        key = setting.key
        if let standard = setting.standard, try settings.size(key) == nil {
            width = standard.multiple * (try settings.requiredSize(standard.of))
        } else {
            width = try settings.requiredSize(key)
        }
    }
}
