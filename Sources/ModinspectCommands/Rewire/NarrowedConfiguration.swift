import Archives
import Networks
import Text

/// A `config.json` whose model has lost neurons of its MLPs.
///
/// The text is changed in one place only, so that everything else stays as its author wrote it.
struct NarrowedConfiguration {
    private let text: String
    private let sizes: MLPSizes

    /// - Throws: ``NetworkError`` for settings that do not say how wide the MLPs are.
    init(_ configuration: ByteRegion) throws {
        text = configuration.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        sizes = try MLPSizes(configuration)
    }

    /// - Parameter widths: the neurons that each changed MLP has left.
    /// - Throws: ``LocatedError`` where the blocks would differ.
    func narrowed(to widths: [Int]) throws -> ByteRegion {
        guard let width = widths.first, widths.allSatisfy({ $0 == width }), widths.count == sizes.blocks || width == sizes.width else {
            throw LocatedError(
                description: "config.json gives all blocks one width, expected as many neurons in each of \(sizes.blocks) blocks, found "
                    + widths.map(String.init).listed())
        }
        let key = "\"\(sizes.key)\""
        guard let range = firstRange(of: key) else {
            // A setting that is not written down follows from others; written down it goes before these.
            guard let brace = text.firstIndex(of: "{") else { return ByteRegion(copying: text.utf8) }
            var changed = text
            changed.insert(contentsOf: "\n  \(key): \(width),", at: text.index(after: brace))
            return ByteRegion(copying: changed.utf8)
        }
        let rest = text[range.upperBound...]
        let start = rest.firstIndex { !$0.isWhitespace && $0 != ":" } ?? rest.endIndex
        let end = text[start...].firstIndex { $0 == "," || $0 == "}" || $0.isWhitespace } ?? text.endIndex
        return ByteRegion(copying: (text[..<start] + "\(width)" + text[end...]).utf8)
    }

    private func firstRange(of key: String) -> Range<String.Index>? {
        var start = text.startIndex
        while start < text.endIndex {
            if text[start...].hasPrefix(key) { return start..<text.index(start, offsetBy: key.count) }
            start = text.index(after: start)
        }
        return nil
    }
}
