import Archives
import Checkpoints
import Text

/// How the states of a text become the embedding of a sentence, as a folder of sentence-transformers describes it: the modules that
/// modules.json lists, and the settings of each in a folder of its own.
///
/// Source: sentence-transformers' `SentenceTransformer` and its `models`.
struct SentencePooling {
    enum Kind {
        /// The mean of the states.
        case mean
        /// The state of the first token.
        case first
    }

    /// nil if there is no embedding that is computed here.
    private(set) var kind: Kind?
    /// Whether the embedding has the length 1. Without modules.json it is taken to.
    private(set) var isNormalized = true
    /// What of the description cannot be run; nil if there is nothing.
    private(set) var problem: String?

    /// - Throws: ``Problem`` for files that are no such descriptions.
    init(_ checkpoint: Checkpoint) throws(Problem) {
        guard let file = checkpoint.companions[Self.modules] else {
            guard let pooling = checkpoint.pooling else {
                kind = .mean
                return
            }
            try read(pooling, path: "1_Pooling")
            return
        }
        isNormalized = false
        for (place, module) in try Self.modules(file).enumerated() {
            if problem != nil { continue }
            switch module.type {
            case "Transformer" where place == 0: continue
            case "Pooling" where place > 0 && kind == nil:
                guard let settings = checkpoint.companions[module.path + "/config.json"] else {
                    throw Problem(
                        "is missing", subject: "\(module.path)/config.json", expected: "the settings of a module that modules.json lists")
                }
                try read(settings, path: module.path)
            case "Normalize" where kind != nil: isNormalized = true
            // Nothing is left out of a model that is not being trained.
            case "Dropout": continue
            default: problem = "modules.json: the module \(module.type.quotedInMessage) in '\(module.path.singleLine)' cannot be run"
            }
        }
        if problem == nil, kind == nil { problem = "modules.json: lists no module 'Pooling'" }
        if problem != nil { kind = nil }
    }

    private static let modules = "modules.json"

    /// The modules with the last part of their type's name and their folder, in their order.
    private static func modules(_ file: ByteRegion) throws(Problem) -> [(type: String, path: String)] {
        guard file.count <= 1 << 20 else {
            throw Problem("is too large", subject: modules, expected: "at most \(1 << 20) bytes", found: "\(file.count)")
        }
        let value: JSONValue
        do {
            value = try file.withUnsafeBytes { bytes in try JSONCursor.reading(bytes) { try $0.value() } }
        } catch {
            throw Problem(error).about(modules)
        }
        guard case .list(let entries) = value else { throw Problem("cannot be used", subject: modules, expected: "a list of modules") }
        var found: [(String, String)] = []
        for entry in entries {
            guard case .object(let members) = entry, let type = members.first(where: { $0.name == "type" })?.value.text,
                let path = members.first(where: { $0.name == "path" })?.value.text
            else { throw Problem("cannot be used", subject: modules, expected: "a type and a path of each module", found: entry.kind) }
            found.append((type.split(separator: ".").last.map(String.init) ?? type, path))
        }
        return found
    }

    private mutating func read(_ file: ByteRegion, path: String) throws(Problem) {
        let settings = try Configuration(file, file: path + "/config.json")
        let flags = ["cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens", "lasttoken"]
        var modes: [String] = []
        for flag in flags where try settings.flag("pooling_mode_" + flag) ?? false { modes.append(flag) }
        if modes.isEmpty, let mode = try settings.text("pooling_mode") { modes = [mode] }
        switch modes {
        case ["mean_tokens"], ["mean"]: kind = .mean
        case ["cls_token"], ["cls"]: kind = .first
        default: problem = "\(path)/config.json: pooling by \(modes.isEmpty ? "nothing" : modes.listed()) cannot be run"
        }
    }
}
