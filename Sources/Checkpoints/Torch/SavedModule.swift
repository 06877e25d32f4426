import Archives
import Text

/// A module of PyTorch as a file that keeps whole modules names it: its class and what it was made with.
package struct SavedModule: Sendable {
    /// A setting that is plain data.
    package enum Setting: Sendable, Equatable {
        case none
        case boolean(Bool)
        case integer(Int)
        case real(Double)
        case text(String)
        case integers([Int])
    }

    /// The path of the module, `features.0`; empty for the whole.
    package let name: String
    /// The class with its Python module, such as `torch.nn.modules.activation.Tanh`.
    package let className: String
    package let settings: [String: Setting]
    /// Whether functions of the user's are called before or after the module.
    package let hasHooks: Bool
    /// The modules inside, in their order.
    package let children: [SavedModule]
    /// The bytes of the file that holds the graph of operations, where a graph is all that is known.
    package var graphFile: ByteRegion?
    /// Vectors that the file has stored once with others of equal numbers, which are tensors of their own here: their names in the graph.
    package var dividedVectors: [String] = []
    /// Others of which the file does not say whether the model has one vector that is read in several places.
    package var guessedVectors: [String] = []
    /// Parameters that the file has stored once with others of equal numbers, with which they are one here.
    package var mergedMatrices: [String] = []
    /// Matrices of a graph that are taken for copies of others because of their numbers, with these, by their names in the graph.
    package var equalMatrices: [(copy: String, source: String)] = []
    /// Matrices of a graph that are not taken for copies of others, though these have their numbers, with these.
    package var undecidedMatrices: [(copy: String, source: String)] = []
    /// Tensors of a graph that its exporter has computed of parameters in a way that is not known, with the names of these.
    package var computedTensors: [(value: String, parameters: [String])] = []
    /// Tensors of a file that stores equal parameters once which several operations of one kind read: one parameter of the model, or several.
    package var sharedTensors: [String] = []
    /// How the graph reads the tensors, where that is known from reading the file.
    var readings: GraphReadings?
    /// Why the operations of an exported program are not run; nil if they are.
    package var graphProblem: Problem?
    /// The parameters that training leaves as they are, as the file says: PyTorch's `requires_grad=False`.
    var kept: Set<String> = []
    /// Whether it is a module of TorchScript, whose code is in the file.
    package var isScript = false
    /// Reads the code of a script again for samples of a shape, of which the file says nothing; nil where it does.
    var graphForSamples: (@Sendable (SampleShape) throws(Problem) -> ByteRegion)?
}

/// Finds the modules in a pickle, and their settings in a script's code.
struct SavedModuleReader {
    private let pickle: Pickle
    /// The text of a script's member in `code/`; nil if there is none.
    private let code: (String) -> String?
    private var budget = 1 << 16
    /// The bytes of code that are searched, for all classes together.
    private var codeBudget = 1 << 24
    private var scripts: [String: [String: SavedModule.Setting]] = [:]

    private static let depthLimit = 64
    private static let scriptPrefix = "__torch__."

    init(_ pickle: Pickle, code: @escaping (String) -> String?) {
        self.pickle = pickle
        self.code = code
    }

    /// The module that a value represents; nil if it is not a module or holds more modules than a model has.
    mutating func module(_ value: PickleValue) -> SavedModule? { module(value, name: "", depth: 0) }

    private mutating func module(_ value: PickleValue, name: String, depth: Int) -> SavedModule? {
        budget -= 1 + pickle.memberBound(value)
        guard budget > 0, depth < Self.depthLimit, let object = pickle.object(value), let members = pickle.members(value) else {
            return nil
        }
        let className = pickle.callableName(object.callable)
        let isScript = className.hasPrefix(Self.scriptPrefix)
        var settings: [String: SavedModule.Setting] = isScript ? scriptSettings(className) : [:]
        for member in members where !member.key.hasPrefix("_") {
            if let setting = setting(member.value) { settings[member.key] = setting }
        }
        let inner = isScript ? members : members.first { $0.key == "_modules" }.flatMap { pickle.members($0.value) } ?? []
        var children: [SavedModule] = []
        for member in inner {
            guard case .object = member.value, pickle.tensorSource(member.value) == nil else { continue }
            let path = name.isEmpty ? member.key : name + "." + member.key
            guard path.utf8.count <= Pickle.keyLimit, let child = module(member.value, name: path, depth: depth + 1) else { return nil }
            children.append(child)
        }
        var module = SavedModule(
            name: name, className: Self.plain(className), settings: settings, hasHooks: hasHooks(members), children: children)
        module.isScript = isScript
        return module
    }

    private func hasHooks(_ members: [PickleMember]) -> Bool {
        members.contains { member in
            ["_forward_hooks", "_forward_pre_hooks"].contains(member.key) && pickle.memberBound(member.value) > 0
        }
    }

    private func setting(_ value: PickleValue) -> SavedModule.Setting? {
        switch value {
        case .none: return SavedModule.Setting.none
        case .boolean(let flag): return .boolean(flag)
        case .integer(let number): return .integer(number)
        case .float(let number): return .real(number)
        default:
            if let text = pickle.text(value) { return text.utf8.count <= 256 ? .text(text) : nil }
            return pickle.integers(value, limit: 8).map { .integers($0) }
        }
    }

    /// A class of a script without what the compiler adds to its name.
    private static func plain(_ name: String) -> String {
        guard name.hasPrefix(scriptPrefix) else { return name }
        let parts = name.dropFirst(scriptPrefix.count).split(separator: ".").filter { !$0.hasPrefix("___torch_mangle_") }
        return parts.joined(separator: ".")
    }

    /// The constants of a script's class, which its code declares line by line: `p : Final[float] = 0.5`.
    private mutating func scriptSettings(_ className: String) -> [String: SavedModule.Setting] {
        if let known = scripts[className] { return known }
        var settings: [String: SavedModule.Setting] = [:]
        let parts = className.split(separator: ".", omittingEmptySubsequences: false)
        if codeBudget > 0, let last = parts.last, let text = code("code/" + parts.dropLast().joined(separator: "/") + ".py") {
            codeBudget -= text.utf8.count
            var isInside = false
            for line in text.split(separator: "\n") {
                if line.hasPrefix("class ") {
                    isInside = line.hasPrefix("class \(last)(")
                } else if isInside, let (name, setting) = Self.constant(line) {
                    settings[name] = setting
                }
            }
        }
        scripts[className] = settings
        return settings
    }

    private static func constant(_ line: Substring) -> (String, SavedModule.Setting)? {
        guard let type = line.firstRange(of: " : Final["), let equals = line.firstRange(of: "] = "),
            type.upperBound <= equals.lowerBound
        else { return nil }
        let name = line[..<type.lowerBound].drop { $0 == " " }
        let value = line[equals.upperBound...]
        guard let setting = setting(value) else { return nil }
        return (String(name), setting)
    }

    private static func setting(_ text: Substring) -> SavedModule.Setting? {
        if text == "True" || text == "False" { return .boolean(text == "True") }
        if text == "None" { return SavedModule.Setting.none }
        if let number = Int(text) { return .integer(number) }
        if let number = Double(text) { return .real(number) }
        if text.count >= 2, text.first == "\"" || text.first == "'", text.last == text.first {
            return .text(String(text.dropFirst().dropLast()))
        }
        guard let first = text.first, let last = text.last, "([".contains(first), ")]".contains(last) else { return nil }
        var numbers: [Int] = []
        for part in text.dropFirst().dropLast().split(separator: ",") {
            let digits = part.filter { $0 != " " }
            if digits.isEmpty { continue }
            guard let number = Int(digits), numbers.count < 8 else { return nil }
            numbers.append(number)
        }
        return .integers(numbers)
    }
}

extension Substring {
    /// Where `text` is first found.
    fileprivate func firstRange(of text: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }
}
