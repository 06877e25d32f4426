import Archives
import Checkpoints
import Text

/// A network in words: `conv1(padding=1),relu,maxpool(2),flatten,fc1,relu,fc2`.
///
/// Each element names a module of the state dict or an operation without parameters; settings are in parentheses,
/// `name=value` or, for the first ones, the value alone; a value of two numbers is `3x5`.
///
/// Each element reads the output of the element before it, which makes a plain chain. In a graph, an output has a label, `x=relu`. An element
/// that is a label alone goes on from there, and operations such as `add(x)` combine the output before with others: `x=fc1,relu,fc2,add(x)`.
package struct Architecture: Sendable, Equatable, CustomStringConvertible {
    /// One element.
    package struct Element: Sendable, Equatable, CustomStringConvertible {
        package let name: String
        package let settings: [Setting]
        /// The label of its output; nil if it has none.
        package let label: String?

        package init(_ name: String, _ settings: [Setting] = [], label: String? = nil) {
            self.name = name
            self.settings = settings
            self.label = label
        }

        package var description: String {
            let call = settings.isEmpty ? name : "\(name)(\(settings.map(\.description).joined(separator: ",")))"
            return label.map { "\($0)=\(call)" } ?? call
        }

        /// The characters that separate elements and settings, which are in no name.
        static func isSeparator(_ character: Character) -> Bool { ",()=".contains(character) }
    }

    /// A value in parentheses, with its name if it has one.
    package struct Setting: Sendable, Equatable, CustomStringConvertible {
        package let name: String?
        package let value: String

        package init(_ name: String?, _ value: String) {
            self.name = name
            self.value = value
        }

        package var description: String { name.map { "\($0)=\(value)" } ?? value }
    }

    package let elements: [Element]

    /// The graph of ONNX that computes the same with the tensors of a checkpoint, without their numbers.
    ///
    /// - Throws: ``Problem`` if the checkpoint has another network, or an operation has no counterpart.
    package func onnxGraph(for checkpoint: Checkpoint) throws(Problem) -> ByteRegion {
        try NetworkONNX.graph(of: try Chain.network(of: checkpoint, self), checkpoint, frozen: frozenTensors(of: checkpoint))
    }

    package init(_ elements: [Element]) { self.elements = elements }

    package var description: String { elements.map(\.description).joined(separator: ",") }

    /// - Throws: ``Problem`` for text that is not such a list.
    package init(_ text: String) throws(Problem) {
        func failure(_ problem: String, found: Substring? = nil) -> Problem {
            Problem(problem, setting: .architecture, found: found.map { "'\($0)'" })
        }
        guard text.utf8.count <= Self.longestText else {
            throw Problem(
                "is too long", setting: .architecture, expected: "at most \(Self.longestText) bytes", found: "\(text.utf8.count)")
        }
        var elements: [Element] = []
        var rest = text[...]
        while true {
            var name = Self.takeName(&rest)
            var label: String?
            if rest.first == "=", !name.isEmpty {
                rest = rest.dropFirst()
                label = name
                name = Self.takeName(&rest)
            }
            guard !name.isEmpty else { throw failure("has an empty element", found: text[...]) }
            var settings: [Setting] = []
            if rest.first == "(" {
                guard let end = rest.firstIndex(of: ")") else { throw failure("has no closing parenthesis", found: rest) }
                let inside = rest[rest.index(after: rest.startIndex)..<end]
                guard !inside.contains("(") else {
                    throw Problem(
                        "has an element inside another", setting: .architecture, expected: "a label, as x in x=relu,...,add(x)",
                        found: "'\(rest[...end])'")
                }
                rest = rest[rest.index(after: end)...].drop(while: \.isWhitespace)
                for part in inside.split(separator: ",", omittingEmptySubsequences: false) {
                    let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(Self.trimmed)
                    guard sides.allSatisfy({ !$0.isEmpty }) else { throw failure("has an empty setting", found: inside) }
                    settings.append(sides.count == 2 ? Setting(sides[0], sides[1]) : Setting(nil, sides[0]))
                }
            }
            elements.append(Element(name, settings, label: label))
            guard elements.count <= Self.mostElements else {
                throw Problem("has too many elements", setting: .architecture, expected: "at most \(Self.mostElements)", found: "more")
            }
            guard let next = rest.first else { break }
            guard next == "," else { throw failure("expected a comma", found: rest) }
            rest = rest.dropFirst()
        }
        self.elements = elements
    }

    private static let longestText = 1 << 20
    private static let mostElements = 1 << 15

    /// The text before the next separator, without the spaces around it.
    private static func takeName(_ rest: inout Substring) -> String {
        let end = rest.firstIndex(where: Element.isSeparator) ?? rest.endIndex
        defer { rest = rest[end...] }
        return trimmed(rest[..<end])
    }

    private static func trimmed(_ text: Substring) -> String {
        var text = text.drop(while: \.isWhitespace)
        while text.last?.isWhitespace == true { text = text.dropLast() }
        return String(text)
    }
}

/// Reads the settings of one element, each at most once, and refuses unknown ones.
struct SettingsReader {
    private let element: Architecture.Element
    private var taken: Set<Int> = []
    private var positional = 0
    /// What was asked for, in this order.
    private var known: [String] = []

    init(_ element: Architecture.Element) { self.element = element }

    func failure(_ problem: String, expected: String? = nil, found: String? = nil) -> Problem {
        Problem(problem, setting: .architecture, subject: "'\(element)'", expected: expected, found: found)
    }

    /// The value of the setting called `name`, or of the next unnamed one if `isPositional`.
    private mutating func value(_ name: String, isPositional: Bool) throws(Problem) -> String? {
        if !known.contains(name) { known.append(name) }
        var found: String?
        for (place, setting) in element.settings.enumerated() where setting.name == name {
            guard found == nil else { throw failure("setting '\(name)' appears twice") }
            taken.insert(place)
            found = setting.value
        }
        if found == nil, isPositional, positional < element.settings.count, element.settings[positional].name == nil {
            taken.insert(positional)
            found = element.settings[positional].value
            positional += 1
        }
        return found
    }

    /// Whole numbers bound what a shape can be; more than this is not a setting of a layer.
    private static let largest = 1 << 20

    mutating func integer(
        _ name: String, default standard: Int?, minimum: Int, isPositional: Bool = false
    ) throws(Problem) -> Int {
        guard let text = try value(name, isPositional: isPositional) else {
            guard let standard else { throw failure("needs '\(name)'") }
            return standard
        }
        return try number(text, name, minimum)
    }

    /// A whole number; nil if it is not given.
    mutating func optionalInteger(_ name: String, minimum: Int) throws(Problem) -> Int? {
        guard let text = try value(name, isPositional: false) else { return nil }
        return try number(text, name, minimum)
    }

    /// One number for both directions, or `HxW`.
    mutating func pair(
        _ name: String, default standard: (Int, Int)?, minimum: Int, isPositional: Bool = false
    ) throws(Problem) -> (Int, Int) {
        guard let text = try value(name, isPositional: isPositional) else {
            guard let standard else { throw failure("needs '\(name)'") }
            return standard
        }
        let parts = text.split(separator: "x", omittingEmptySubsequences: false).map(String.init)
        guard parts.count <= 2 else { throw failure("setting '\(name)'", expected: "a number or HxW", found: "'\(text)'") }
        let first = try number(parts[0], name, minimum, of: text)
        return (first, parts.count == 2 ? try number(parts[1], name, minimum, of: text) : first)
    }

    /// The same, where `any` leaves a side as long as it is.
    mutating func openPair(_ name: String, default standard: (Int, Int)?, minimum: Int) throws(Problem) -> (Int?, Int?) {
        guard let text = try value(name, isPositional: true) else {
            guard let standard else { throw failure("needs '\(name)'") }
            return standard
        }
        var sides: [Int?] = []
        for part in text.split(separator: "x", omittingEmptySubsequences: false).map(String.init) {
            sides.append(part == "any" ? nil : try number(part, name, minimum, of: text))
        }
        guard let first = sides.first, sides.count <= 2 else {
            throw failure("setting '\(name)'", expected: "a number or HxW", found: "'\(text)'")
        }
        return (first, sides.count == 2 ? sides[1] : first)
    }

    /// - Parameter whole: the setting's value, of which `text` is a part.
    private func number(_ text: String, _ name: String, _ minimum: Int, of whole: String? = nil) throws(Problem) -> Int {
        guard let number = Int(text), number >= minimum, number <= Self.largest else {
            throw failure("setting '\(name)'", expected: "a number from \(minimum) to \(Self.largest)", found: "'\(whole ?? text)'")
        }
        return number
    }

    mutating func real(_ name: String, default standard: Float, isPositional: Bool = false) throws(Problem) -> Float {
        guard let text = try value(name, isPositional: isPositional) else { return standard }
        guard let number = Float(decimal: text), number >= 0 else {
            throw failure("setting '\(name)'", expected: "a number of at least 0", found: "'\(text)'")
        }
        return number
    }

    mutating func signed(_ name: String, default standard: Double, isPositional: Bool = false) throws(Problem) -> Double {
        guard let text = try value(name, isPositional: isPositional) else { return standard }
        guard let number = Double(decimal: text) else {
            throw failure("setting '\(name)'", expected: "a number", found: "'\(text)'")
        }
        return number
    }

    /// The values of all settings without a name that nobody has read yet.
    mutating func unnamed() -> [String] {
        let places = element.settings.indices.filter { element.settings[$0].name == nil && !taken.contains($0) }
        taken.formUnion(places)
        return places.map { element.settings[$0].value }
    }

    /// The value of a setting that is a word of any kind; nil if it is not given.
    mutating func text(_ name: String) throws(Problem) -> String? { try value(name, isPositional: false) }

    /// One of several words.
    mutating func choice(_ name: String, of words: [String], default standard: String, isPositional: Bool = false) throws(Problem)
        -> String
    {
        guard let text = try value(name, isPositional: isPositional) else { return standard }
        guard words.contains(text) else {
            throw failure("setting '\(name)'", expected: words.joined(separator: " or "), found: "'\(text)'")
        }
        return text
    }

    /// Refuses settings that nobody read.
    func end() throws(Problem) {
        if let place = element.settings.indices.first(where: { !taken.contains($0) }) {
            let names = known.isEmpty ? "no settings" : known.joined(separator: ", ")
            throw failure("has no setting '\(element.settings[place])'", expected: names)
        }
    }
}
