/// What a file says of the length of sequences that it leaves open, apart from its operators.
///
/// It is kept in the documentation of a graph's input, since ONNX has no place for it.
package struct SequenceLengths: Sendable, Equatable {
    /// The shortest and the longest sequences that the export was made for; nil where it names none.
    package var shortest: Int?
    package var longest: Int?
    /// The length with which the model was traced; nil if it was not.
    package var traced: Int?

    package init(shortest: Int? = nil, longest: Int? = nil, traced: Int? = nil) {
        (self.shortest, self.longest, self.traced) = (shortest, longest, traced)
    }

    private static let beginning = "modinspect: sequences"
    private static let limit = 1 << 16

    /// The note in an input's documentation; nil if there is nothing to say.
    var note: String? {
        let parts = [("from", shortest), ("to", longest), ("traced", traced)].compactMap { word, number in number.map { "\(word) \($0)" } }
        return parts.isEmpty ? nil : ([Self.beginning] + parts).joined(separator: " ")
    }

    /// Reads a note; nothing is known where it is something else.
    init(note: String) {
        guard note.hasPrefix(Self.beginning), note.utf8.count < 200 else { return }
        let words = note.dropFirst(Self.beginning.count).split(separator: " ")
        for place in stride(from: 0, to: words.count - 1, by: 2) {
            guard let number = Int(words[place + 1]), (1...Self.limit).contains(number) else { continue }
            switch words[place] {
            case "from": shortest = number
            case "to": longest = number
            case "traced": traced = number
            default: break
            }
        }
    }
}
