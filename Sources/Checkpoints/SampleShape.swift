import Text

/// The shape of a sample as somebody says it who has samples at hand, or in words: `input(7x4)`.
package struct SampleShape: Sendable, Equatable {
    /// Without the dimension of the samples; nil for a length that is open.
    package let lengths: [Int?]
    /// Whether a sample is a sequence of tokens; nil if that is not said.
    package let isOfTokens: Bool?

    package init(_ lengths: [Int?], isOfTokens: Bool? = nil) {
        self.lengths = lengths
        self.isOfTokens = isOfTokens
    }

    /// In words: `7x4`, `3xanyxany`.
    package var description: String { Self.words(lengths) }

    /// Lengths in words.
    package static func words(_ lengths: [Int?]) -> String {
        lengths.isEmpty ? "a single number" : lengths.map { $0.map(String.init) ?? "any" }.joined(separator: "x")
    }
}
