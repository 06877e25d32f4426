import Text

/// The setting `layer_types`: for each block, whether it sees a window or all earlier positions.
enum LayerTypes {
    /// The blocks that are listed as seeing a window; nil without the setting, and if no block is.
    ///
    /// - Throws: ``Problem`` for a list of another length, and for kinds of blocks that do not attend.
    static func windowed(_ settings: Configuration) throws(Problem) -> BlockChoice? {
        guard let kinds = try settings.texts("layer_types") else { return nil }
        let blocks = try settings.requiredSize("num_hidden_layers")
        guard kinds.count == blocks else {
            throw Problem(
                "wrong number of entries", subject: "config.json: 'layer_types'", expected: "\(blocks)", found: "\(kinds.count)")
        }
        if let other = kinds.first(where: { $0 != "full_attention" && $0 != "sliding_attention" }) {
            throw Problem(
                "attention of this kind cannot be run", subject: "config.json: 'layer_types'",
                expected: "full_attention or sliding_attention", found: "'\(other)'")
        }
        let isWindowed = kinds.map { $0 == "sliding_attention" }
        return isWindowed.contains(true) ? .listed(isWindowed) : nil
    }

    /// The window of a family some of whose blocks have one, whatever else the settings say.
    ///
    /// - Parameters:
    ///   - standard: the length if no setting gives it.
    ///   - blocks: those that see a window if the settings do not list them.
    static func window(
        _ settings: Configuration, standard: Int, blocks: BlockChoice
    ) throws(Problem) -> (length: Int, blocks: BlockChoice)? {
        let length = settings.states("sliding_window") ? try settings.size("sliding_window") : standard
        if let windowed = try windowed(settings) {
            guard let length else { throw withoutLength("a whole number") }
            return (length, windowed)
        }
        guard let length, try settings.texts("layer_types") == nil else { return nil }
        return (length, blocks)
    }

    static func withoutLength(_ expected: String) -> Problem {
        Problem("blocks see a window whose length is not given", subject: "config.json: 'sliding_window'", expected: expected)
    }
}
