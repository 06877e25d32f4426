import Text

/// The metadata of a GGUF file, by which a model's settings and its tokenizer are found. Arrays are decoded when they are requested.
struct LlamaCppMetadata {
    private let entries: [String: MetadataEntry]
    /// The architecture that the file names, which begins the names of its settings.
    let architecture: String

    /// nil if the file names no architecture.
    init?(_ entries: [MetadataEntry]) {
        self.entries = Dictionary(entries.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        guard let name = self.entries["general.architecture"]?.value.text else { return nil }
        architecture = name
    }

    /// The value of an entry; nil if there is none.
    func value(_ key: String) -> JSONValue? { entries[key]?.value }

    func text(_ key: String) throws(Problem) -> String? {
        guard let value = value(key) else { return nil }
        guard let text = value.text else { throw Self.wrong(key, "a text", value) }
        return text
    }

    func flag(_ key: String) throws(Problem) -> Bool? {
        guard let value = value(key) else { return nil }
        guard case .bool(let flag) = value else { throw Self.wrong(key, "true or false", value) }
        return flag
    }

    func texts(_ key: String) throws(Problem) -> [String]? {
        guard let value = value(key) else { return nil }
        guard case .list(let items) = value, case let texts = items.compactMap(\.text), texts.count == items.count else {
            throw Self.wrong(key, "a list of texts", value)
        }
        return texts
    }

    func numbers(_ key: String) throws(Problem) -> [Double]? {
        guard let value = value(key) else { return nil }
        guard case .list(let items) = value, case let numbers = items.compactMap(\.real), numbers.count == items.count else {
            throw Self.wrong(key, "a list of numbers", value)
        }
        return numbers
    }

    /// A number among the architecture's settings, whole or not; nil if there is none.
    func number(_ name: String) throws(Problem) -> Double? {
        let key = architecture + "." + name
        guard let value = value(key) else { return nil }
        guard let number = value.real, number.isFinite else { throw Self.wrong(key, "one finite number", value) }
        return number
    }

    /// A whole number among the architecture's settings, not negative; nil if there is none.
    func count(_ name: String) throws(Problem) -> Int? {
        guard let number = try number(name) else { return nil }
        guard let count = Int(exactly: number), count >= 0 else {
            throw Problem(
                "cannot be used", subject: "'\(architecture).\(name)'", expected: "a whole number of at least 0", found: "\(number)")
        }
        return count
    }

    func requiredCount(_ name: String) throws(Problem) -> Int {
        guard let count = try count(name) else {
            throw Problem("is missing from the metadata", subject: "'\(architecture).\(name)'", expected: "a whole number")
        }
        return count
    }

    private static func wrong(_ key: String, _ expected: String, _ value: JSONValue) -> Problem {
        Problem("cannot be used", subject: "'\(key)'", expected: expected, found: value.kind)
    }
}
