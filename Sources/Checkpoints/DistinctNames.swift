import Text

/// Names of which no two are equal, also not to Unicode.
///
/// `String` takes an é of one scalar and one of two for the same, and so does every dictionary of names here. A file may have both: its tensors
/// would hide each other, so it is refused.
struct DistinctNames {
    private var names: Set<String> = []

    /// Adds a name.
    ///
    /// - Returns: why the name is not distinct, as the rest of a sentence about what has it; nil if it is.
    mutating func conflict(adding name: String, twice: String = "appears twice") -> String? {
        let (isNew, other) = names.insert(name)
        return isNew ? nil : Self.areSame(name, other) ? twice : Self.normalisation
    }

    /// Whether two names that are equal have the same bytes too.
    static func areSame(_ name: String, _ other: String) -> Bool { name.utf8.elementsEqual(other.utf8) }

    /// What is said of a name that is equal to another, but not byte for byte.
    static let normalisation = "has a name that differs from another's only in its Unicode normalisation"
}
