import Archives
import Checkpoints
import Text

/// The settings that `--config` gives: those of a file, or `key=value,...`, where values are JSON or plain words.
struct GivenConfiguration {
    private enum Source {
        case file(ByteRegion)
        case members([(name: String, json: String)])
    }

    private let source: Source
    /// Where the settings are from, for messages.
    let origin: GivenSettings

    /// Whether the text is the name of a file, not settings.
    static func isFile(_ text: String) -> Bool { !text.contains("=") }

    /// - Throws: ``Problem`` for a file that cannot be read or is no JSON object, and for settings without a name.
    init(_ text: String) throws {
        origin = GivenSettings(file: Self.isFile(text) ? text : nil)
        if Self.isFile(text) {
            let file = try ByteRegion.contents(path: text)
            guard file.count <= 1 << 22, JSONMembers(file.withUnsafeBytes { Array($0) }) != nil else {
                throw Problem("cannot be read", path: text, expected: "a JSON object of at most 4 MB")
            }
            source = .file(file)
            return
        }
        var members: [(name: String, json: String)] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard sides.count == 2, !sides[0].isEmpty else {
                throw Problem("--config cannot be read", expected: "a file, or key=value,...", found: String(part).quotedInMessage)
            }
            members.append((String(sides[0]), Self.json(String(sides[1]))))
        }
        source = .members(members)
    }

    /// A value as JSON: a number, true, false or null as they are, anything else as a string.
    private static func json(_ value: String) -> String {
        if ["true", "false", "null"].contains(value) { return value }
        if let number = Double(decimal: value) { return Int(value).map(String.init) ?? JSONText.number(number) }
        return JSONText.string(value)
    }

    /// The settings, with those of the checkpoint where single ones are given.
    func merged(into configuration: ByteRegion?) throws -> ByteRegion {
        switch source {
        case .file(let file): return file
        case .members(let added):
            guard var members = JSONMembers(configuration.map { $0.withUnsafeBytes { Array($0) } } ?? Array("{}".utf8)) else {
                throw Problem("cannot be read", subject: "config.json", expected: "a JSON object")
            }
            for (name, json) in added {
                guard let changed = JSONMembers(members.setting(name, to: json)) else {
                    throw Problem("--config cannot be read", expected: "a file, or key=value,...", found: name.quotedInMessage)
                }
                members = changed
            }
            return ByteRegion(copying: members.text)
        }
    }
}
