import Archives
import Synchronization
import Text

/// The settings of a model's `config.json`. A setting may have several names; the first that is present and not null is used.
struct Configuration: Sendable {
    private let values: [String: ConfigurationValue]
    /// The names of the sections around these settings, each followed by a point.
    private let path: String
    /// The name of the file, for messages.
    let file: String
    /// What was asked for, in these settings and in the sections.
    private let log: ReadLog

    /// The largest value of a size: three times the product of two sizes still fits into an integer.
    static let largestSize = 1 << 28

    /// - Throws: ``Problem`` for bytes that are no JSON object.
    init(_ bytes: ByteRegion, file: String = "config.json") throws(Problem) {
        guard bytes.count <= 1 << 22 else {
            throw Problem("is too large", subject: file, expected: "at most \(1 << 22) bytes", found: "\(bytes.count)")
        }
        guard case .section(let values)? = bytes.withUnsafeBytes({ ConfigurationValue($0) }) else {
            throw Problem("cannot be read", subject: file, expected: "a JSON object")
        }
        self.init(values, file: file)
    }

    init(_ values: [String: ConfigurationValue], path: String = "", file: String = "config.json") {
        self.init(values, path: path, file: file, log: ReadLog())
    }

    private init(_ values: [String: ConfigurationValue], path: String, file: String, log: ReadLog) {
        self.values = values
        self.path = path
        self.file = file
        self.log = log
    }

    /// The names of settings that somebody asked for.
    private final class ReadLog: Sendable {
        private let names = Mutex<Set<String>>([])
        func note(_ name: String) { names.withLock { _ = $0.insert(name) } }
        func has(_ name: String) -> Bool { names.withLock { $0.contains(name) } }
        var all: Set<String> { names.withLock { $0 } }
    }

    /// The value of a setting that nobody has asked for; nil for one that is absent or null, and for one that was.
    func unread(_ name: String) -> ConfigurationValue? {
        guard let value = values[name], value != .null, !log.has(path + name) else { return nil }
        return value
    }

    /// The error for a setting that nobody has asked for and whose name is that of a missing one but for a slip; nil if there is none.
    ///
    /// To be called when the model is built: until then not everything has been asked for.
    var misspelling: Problem? {
        let missing = log.all.filter { $0.hasPrefix(path) }.map { String($0.dropFirst(path.count)) }.filter { values[$0] == nil }
        for name in values.keys.sorted() where unread(name) != nil {
            guard let meant = NearestWord.slip(of: name, in: missing) else { continue }
            return Problem(
                "is not a setting of this kind of model", subject: subject(path + name), expected: "'\(meant)', which is missing")
        }
        return nil
    }

    /// The names of the settings that are written down.
    var names: Set<String> { Set(values.keys) }

    /// Whether a setting is written down, be it as null.
    func states(_ name: String) -> Bool {
        log.note(path + name)
        return values[name] != nil
    }

    /// Whether a setting is written down and not null.
    func hasValue(_ name: String) -> Bool { first(of: [name]) != nil }

    /// A size: a whole number from 1 to ``largestSize``. nil if it is absent or null.
    func size(_ names: String...) throws(Problem) -> Int? { try size(names) }

    /// A size that the model cannot be built without.
    func requiredSize(_ names: String...) throws(Problem) -> Int { try requiredSize(names) }

    func requiredSize(_ names: [String]) throws(Problem) -> Int {
        if let size = try size(names) { return size }
        throw Problem("is missing", subject: subject(path + (names.first ?? "")), expected: Self.sizeWords)
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

    /// A whole number of at most nine digits, which may be below 0. nil if it is absent or null.
    func integer(_ name: String) throws(Problem) -> Int? {
        guard let (name, value) = first(of: [name]) else { return nil }
        if case .number(let number) = value, abs(number) < 1e9, let integer = Int(exactly: number) { return integer }
        throw wrong(name, value, expected: "a whole number")
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
        throw Problem("is missing", subject: subject(path + name), expected: "a number above 0")
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
        if case .list(let list) = value {
            let texts = list.compactMap { if case .text(let text) = $0 { text } else { nil } }
            if texts.count == list.count { return texts }
        }
        throw wrong(name, value, expected: "a list of strings")
    }

    /// A list of numbers, finite in single precision. nil if it is absent or null.
    func numbers(_ name: String) throws(Problem) -> [Double]? {
        guard let (name, value) = first(of: [name]) else { return nil }
        if case .list(let list) = value {
            let numbers = list.compactMap { if case .number(let number) = $0, Float(number).isFinite { number } else { nil } }
            if numbers.count == list.count { return numbers }
        }
        throw wrong(name, value, expected: "a list of numbers")
    }

    /// Checks that a list, where it is written down, says what the tensors say.
    func check(_ name: String, is counts: [Int]) throws(Problem) {
        guard let stated = try numbers(name), stated != counts.map(Double.init) else { return }
        throw problem(
            "contradicts the tensors", name, expected: counts.map(String.init).listed(),
            found: stated.map { ConfigurationValue.number($0).words }.listed())
    }

    /// A list of anything. nil if it is absent or null.
    func list(_ name: String) throws(Problem) -> [ConfigurationValue]? {
        guard let (name, value) = first(of: [name]) else { return nil }
        if case .list(let list) = value { return list }
        throw wrong(name, value, expected: "a list")
    }

    /// The settings inside an object. nil if it is absent, null or empty.
    func section(_ name: String) throws(Problem) -> Configuration? {
        guard let (name, value) = first(of: [name]) else { return nil }
        guard case .section(let values) = value else { throw wrong(name, value, expected: "an object") }
        return values.isEmpty ? nil : Configuration(values, path: path + name + ".", file: file, log: log)
    }

    /// Whether a setting is an object.
    func hasSection(_ name: String) -> Bool { if case .section? = values[name] { true } else { false } }

    /// The settings of the language model inside a model of several kinds of input, `text_config`; nil without such a section.
    ///
    /// Whether embeddings are tied may be said outside it alone.
    func textModel() throws(Problem) -> Configuration? {
        guard let section = try section("text_config") else { return nil }
        var inner = section.values
        let tie = "tie_word_embeddings"
        if let outer = values[tie], outer != .null { inner[tie] = outer }
        return Configuration(inner, path: section.path, file: file, log: log)
    }

    /// An error about a setting that is present.
    ///
    /// - Parameter found: nil for the setting's value.
    func problem(_ what: String, _ name: String, expected: String? = nil, found: String? = nil, hint: Hint? = nil) -> Problem {
        Problem(what, subject: subject(path + name), expected: expected, found: found ?? values[name]?.words, hint: hint)
    }

    /// The name with those of the sections around it.
    func fullName(_ name: String) -> String { path + name }

    /// The name among several by which a setting is written down; the first if it is not.
    func writtenName(_ names: String...) -> String { first(of: names)?.name ?? names.first ?? "" }

    private func wrong(_ name: String, _ value: ConfigurationValue, expected: String) -> Problem {
        Problem("cannot be used", subject: subject(path + name), expected: expected, found: value.words)
    }

    private func first(of names: [String]) -> (name: String, value: ConfigurationValue)? {
        for name in names { log.note(path + name) }
        for name in names {
            if let value = values[name], value != .null { return (name, value) }
        }
        return nil
    }

    private func subject(_ name: String) -> String { "\(file): '\(name)'" }
}
