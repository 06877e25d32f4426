import Archives
import Interventions
import Networks
import Text

/// A `config.json` whose model has lost neurons of its MLPs.
///
/// The text is changed only where widths are, so that everything else stays as its author wrote it.
struct NarrowedConfiguration {
    private let text: String
    private let sizes: MLPSizes

    /// - Throws: ``Problem`` for settings that do not say how wide the MLPs are.
    init(_ configuration: ByteRegion) throws {
        text = configuration.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        sizes = try MLPSizes(configuration)
    }

    /// - Parameter narrowed: the MLPs of each kind that are changed.
    /// - Throws: ``Problem`` if those of a kind would differ.
    func narrowed(to narrowed: [NarrowedMLPs]) throws -> ByteRegion {
        let hasExperts = narrowed.contains { $0.kind != .plain }
        var bytes = Array(text.utf8)
        for mlps in narrowed {
            guard let width = mlps.widths.first else { continue }
            let isAll = mlps.widths.count == mlps.total
            guard mlps.widths.allSatisfy({ $0 == width }), isAll || !hasExperts && width == sizes.width else {
                throw Problem(
                    mlps.kind == .expert ? "config.json gives all experts one width" : "config.json gives all blocks one width",
                    expected: "as many neurons in each of \(mlps.total) \(mlps.kind == .expert ? "experts" : "blocks")",
                    found: mlps.widths.map(String.init).listed())
            }
            bytes = try setting(width, of: mlps.kind, in: bytes)
        }
        return ByteRegion(copying: bytes)
    }

    /// A missing setting follows from others; if it is present, it takes precedence over them.
    private func setting(_ width: Int, of kind: NarrowedMLPs.Kind, in bytes: [UInt8]) throws -> [UInt8] {
        var (key, value) = (sizes.key, width)
        switch kind {
        case .shared:
            guard let shared = sizes.sharedKey else {
                throw Problem(
                    "config.json gives the MLP beside experts their width", expected: "all experts narrowed alike",
                    found: "\(width) neurons")
            }
            key = shared
        case .plain where sizes.plainKey != nil: key = sizes.plainKey ?? key
        case .plain, .expert:
            guard let unit = sizes.unit else { break }
            guard width % unit == 0 else {
                throw Problem(
                    "gives the width of MLPs as a multiple of the model's", subject: "config.json: '\(key)'",
                    expected: "a multiple of \(unit) neurons", found: "\(width)")
            }
            value = width / unit
        }
        guard let members = JSONMembers(bytes) else { return bytes }
        guard let section = sizes.section, let inner = members.value(of: section), let part = JSONMembers(Array(inner.utf8)) else {
            return members.setting(key, to: "\(value)")
        }
        return members.setting(section, to: String(decoding: part.setting(key, to: "\(value)"), as: UTF8.self))
    }
}
