import Archives
import Networks
import Text

/// A `config.json` whose model has lost neurons of its MLPs.
///
/// The text is changed in one place only, so that everything else stays as its author wrote it.
struct NarrowedConfiguration {
    private let text: String
    private let sizes: MLPSizes

    /// - Throws: ``Problem`` for settings that do not say how wide the MLPs are.
    init(_ configuration: ByteRegion) throws {
        text = configuration.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        sizes = try MLPSizes(configuration)
    }

    /// - Parameter widths: the neurons that each changed MLP has left.
    /// - Throws: ``Problem`` if the blocks would differ.
    func narrowed(to widths: [Int]) throws -> ByteRegion {
        guard let width = widths.first, widths.allSatisfy({ $0 == width }), widths.count == sizes.blocks || width == sizes.width else {
            throw Problem(
                "config.json gives all blocks one width", expected: "as many neurons in each of \(sizes.blocks) blocks",
                found: widths.map(String.init).listed())
        }
        // A missing setting follows from others; if it is present, it takes precedence over them.
        let bytes = Array(text.utf8)
        return ByteRegion(copying: JSONMembers(bytes)?.setting(sizes.key, to: "\(width)") ?? bytes)
    }
}
