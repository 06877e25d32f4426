import Archives
import Text

extension Blueprint {
    /// The initial weights of a language model of the sizes that a `config.json` states, as its family begins them.
    ///
    /// - Throws: ``Problem`` for settings that are missing or absurd, and for families whose models cannot be initialised.
    package static func languageModel(
        _ configuration: ByteRegion, families: TransformerFamilies = .standard
    ) throws(Problem) -> Blueprint {
        let settings = try Configuration(configuration)
        let type = try settings.text("model_type")
        let known = families.families.filter { $0.blueprint != nil }
        guard let make = known.first(where: { family in type.map(family.modelTypes.contains) ?? false })?.blueprint else {
            throw Problem(
                "cannot be initialised", subject: "config.json: 'model_type'", expected: Hint.list(known.flatMap(\.modelTypes)),
                found: type.map { "'\($0)'" } ?? "nothing")
        }
        var blueprint = try make(settings)
        blueprint.configuration = configuration
        return blueprint
    }
}
