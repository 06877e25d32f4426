import Text

/// The sizes of attention heads, as settings give them.
enum HeadSizes {
    /// The width of a head if the heads share the width of the model.
    ///
    /// - Parameter names: what the settings call the heads and the width.
    static func dimension(
        _ settings: Configuration, width: Int, heads: Int, names: (heads: String, width: String)
    ) throws(Problem) -> Int {
        guard width % heads == 0 else {
            throw Problem(
                "the heads do not divide the width",
                subject: "\(settings.file): '\(settings.writtenName(names.heads, "num_attention_heads"))'",
                expected: "a divisor of \(width)", found: "\(heads)")
        }
        return width / heads
    }

    /// The width of a head by its own setting; without one, the heads share the width of the model.
    static func statedDimension(_ settings: Configuration, width: Int, heads: Int) throws(Problem) -> Int {
        if let stated = try settings.size("head_dim") { return stated }
        return try dimension(settings, width: width, heads: heads, names: ("num_attention_heads", "hidden_size"))
    }

    /// The number of heads of keys and values, each of which as many heads share.
    static func keyHeads(_ count: Int, heads: Int) throws(Problem) -> Int {
        guard heads % count == 0 else {
            throw Problem(
                "the heads of keys do not divide the heads", subject: "config.json: 'num_key_value_heads'",
                expected: "a divisor of \(heads)", found: "\(count)")
        }
        return count
    }
}
