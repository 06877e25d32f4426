import Archives
import Text

/// The settings of a model's `config.json`. A setting may have several names; the first that is present and not null is used.
struct Configuration: Sendable {
    private let values: [String: ConfigurationValue]
    /// The names of the sections around these settings, each followed by a point.
    private let path: String

    /// The largest value of a size: three times the product of two sizes still fits into an integer.
    static let largestSize = 1 << 28

    /// - Throws: ``Problem`` for bytes that are no JSON object.
    init(_ bytes: ByteRegion) throws(Problem) {
        guard bytes.count <= 1 << 22 else {
            throw Problem("is too large", subject: "config.json", expected: "at most \(1 << 22) bytes", found: "\(bytes.count)")
        }
        guard case .section(let values)? = bytes.withUnsafeBytes({ ConfigurationValue($0) }) else {
            throw Problem("cannot be read", subject: "config.json", expected: "a JSON object")
        }
        self.init(values)
    }

    init(_ values: [String: ConfigurationValue], path: String = "") {
        self.values = values
        self.path = path
    }

    /// Whether a setting is written down, be it as null.
    func states(_ name: String) -> Bool { values[name] != nil }

    /// Whether a setting is written down and not null.
    func hasValue(_ name: String) -> Bool { first(of: [name]) != nil }

    /// A size: a whole number from 1 to ``largestSize``. nil if it is absent or null.
    func size(_ names: String...) throws(Problem) -> Int? { try size(names) }

    /// A size that the model cannot be built without.
    func requiredSize(_ names: String...) throws(Problem) -> Int { try requiredSize(names) }

    func requiredSize(_ names: [String]) throws(Problem) -> Int {
        if let size = try size(names) { return size }
        throw Problem("is missing", subject: Self.subject(path + (names.first ?? "")), expected: Self.sizeWords)
    }

    private static let sizeWords = "a whole number from 1 to \(largestSize)"

    private func size(_ names: [String]) throws(Problem) -> Int? {
        guard let (name, value) = first(of: names) else { return nil }
        if case .number(let number) = value, let size = Int(exactly: number), (1...Self.largestSize).contains(size) { return size }
        throw wrong(name, value, expected: Self.sizeWords)
    }

    /// A number, finite in single precision and not negative. nil if it is absent or null.
    func number(_ names: String...) throws(Problem) -> Double? { try number(names) }

    func number(_ names: [String]) throws(Problem) -> Double? {
        guard let (name, value) = first(of: names) else { return nil }
        if case .number(let number) = value, number >= 0, Float(number).isFinite { return number }
        throw wrong(name, value, expected: "a number from 0")
    }

    /// A number above 0 and finite in single precision. nil if it is absent or null.
    func positiveNumber(_ names: [String]) throws(Problem) -> Double? {
        guard let (name, value) = first(of: names) else { return nil }
        if case .number(let number) = value, Float(number) > 0, Float(number).isFinite { return number }
        throw wrong(name, value, expected: "a number above 0")
    }

    /// A positive number that the model cannot be built without.
    func requiredNumber(_ name: String) throws(Problem) -> Double {
        if let number = try positiveNumber([name]) { return number }
        throw Problem("is missing", subject: Self.subject(path + name), expected: "a number above 0")
    }

    /// True or false. nil if it is absent or null.
    func flag(_ name: String) throws(Problem) -> Bool? {
        guard let (name, value) = first(of: [name]) else { return nil }
        if case .flag(let flag) = value { return flag }
        throw wrong(name, value, expected: "true or false")
    }

    /// A word. nil if it is absent or null.
    func text(_ names: String...) throws(Problem) -> String? {
        guard let (name, value) = first(of: names) else { return nil }
        if case .text(let text) = value { return text }
        throw wrong(name, value, expected: "a string")
    }

    /// A list of words. nil if it is absent or null.
    func texts(_ name: String) throws(Problem) -> [String]? {
        guard let (name, value) = first(of: [name]) else { return nil }
        if case .texts(let texts) = value { return texts }
        throw wrong(name, value, expected: "a list of strings")
    }

    /// The settings inside an object. nil if it is absent, null or empty.
    func section(_ name: String) throws(Problem) -> Configuration? {
        guard let (name, value) = first(of: [name]) else { return nil }
        guard case .section(let values) = value else { throw wrong(name, value, expected: "an object") }
        return values.isEmpty ? nil : Configuration(values, path: path + name + ".")
    }

    /// An error about a setting that is present.
    func problem(_ what: String, _ name: String, expected: String? = nil, hint: Hint? = nil) -> Problem {
        Problem(what, subject: Self.subject(path + name), expected: expected, found: values[name]?.words, hint: hint)
    }

    /// The name among several by which a setting is written down; the first if it is not.
    func writtenName(_ names: String...) -> String { first(of: names)?.name ?? names.first ?? "" }

    private func wrong(_ name: String, _ value: ConfigurationValue, expected: String) -> Problem {
        Problem("cannot be used", subject: Self.subject(path + name), expected: expected, found: value.words)
    }

    private func first(of names: [String]) -> (name: String, value: ConfigurationValue)? {
        for name in names {
            if let value = values[name], value != .null { return (name, value) }
        }
        return nil
    }

    private static func subject(_ name: String) -> String { "config.json: '\(name)'" }
}
