import Text

/// What an expression of a script's code is before anything runs.
enum ScriptValue {
    case none
    case boolean(Bool)
    case integer(Int)
    case real(Double)
    case text(String)
    /// A whole number that an operation computes, by its name in the program.
    case symbol(String)
    /// A tensor by its name in the program.
    case tensor(String)
    case list(Items)
    case tuple([ScriptValue])
    case module(ScriptModule)
    /// A function by its path in the code.
    case function(String)
    case dictionary(Entries)
    /// What a block behind `with` does to gradients: passes them or not.
    case gradients(Bool)
    /// Whether a length that the data decide is a number, or is not: which, is not known.
    case undecided(isEqual: Bool)
    /// A device, a layout, or what else changes no number.
    case other

    /// The items of a list, which can grow.
    final class Items {
        var values: [ScriptValue]
        init(_ values: [ScriptValue]) { self.values = values }
    }

    /// The entries of a dictionary, which can grow, in the order in which they were set.
    final class Entries {
        var pairs: [(key: String, value: ScriptValue)] = []

        private func key(_ value: ScriptValue) throws(Problem) -> String {
            switch value {
            case .text(let text): return "'\(text)'"
            case .integer(let number): return "\(number)"
            default: throw Problem("has a dictionary's key that is not known before anything runs", found: value.kind)
            }
        }

        func place(_ value: ScriptValue) throws(Problem) -> Int? {
            let key = try key(value)
            return pairs.firstIndex { $0.key == key }
        }

        func set(_ key: ScriptValue, _ value: ScriptValue) throws(Problem) {
            guard pairs.count < 1 << 10 else { throw Problem("a dictionary in its code is too long") }
            if let place = try place(key) { pairs[place].value = value } else { pairs.append((try self.key(key), value)) }
        }

        func value(_ key: ScriptValue) throws(Problem) -> ScriptValue {
            guard let place = try place(key) else {
                throw Problem(
                    "picks an entry that a dictionary does not have", expected: pairs.map(\.key).joined(separator: ", "),
                    found: try self.key(key))
            }
            return pairs[place].value
        }
    }

    var items: [ScriptValue]? {
        switch self {
        case .list(let items): items.values
        case .tuple(let items): items
        default: nil
        }
    }

    var integer: Int? {
        switch self {
        case .integer(let number): number
        case .boolean(let flag): flag ? 1 : 0
        default: nil
        }
    }

    /// A whole number or another.
    var real: Double? {
        if case .real(let number) = self { return number }
        return integer.map(Double.init)
    }

    var tensor: String? { if case .tensor(let name) = self { name } else { nil } }

    var isNone: Bool { if case .none = self { true } else { false } }

    /// What messages call it.
    var kind: String {
        switch self {
        case .none: "None"
        case .boolean, .undecided: "a truth value"
        case .integer, .symbol: "a whole number"
        case .real: "a number"
        case .text: "text"
        case .tensor: "a tensor"
        case .list, .tuple: "a list"
        case .module: "a module"
        case .function: "a function"
        case .dictionary: "a dictionary"
        case .gradients: "a block"
        case .other: "a device or a type"
        }
    }

    /// The same value as an argument of an operation of a program; nil for what cannot be one.
    var argument: TorchExportGraph.Argument? {
        var argument = TorchExportGraph.Argument()
        switch self {
        case .none: argument.isNone = true
        case .boolean(let flag): argument.setting = .boolean(flag)
        case .integer(let number):
            argument.setting = .integer(number)
            argument.symbols = [.number(number)]
        case .real(let number): argument.setting = .real(number)
        case .text(let text): argument.setting = .text(text)
        case .symbol(let name): argument.symbols = [.name(name)]
        case .tensor(let name): argument.tensor = name
        case .list, .tuple:
            let items = items ?? []
            if items.contains(where: { $0.tensor != nil }) {
                let names = items.map(\.tensor)
                argument.optionalTensors = names
                if !names.contains(nil) { argument.tensors = names.compactMap { $0 } }
                break
            }
            if items.contains(where: { if case .real = $0 { true } else { false } }) {
                let numbers = items.compactMap(\.real)
                guard numbers.count == items.count else { return nil }
                argument.reals = numbers
                break
            }
            var symbols: [TorchExportGraph.Symbol] = []
            for item in items {
                switch item {
                case .integer(let number): symbols.append(.number(number))
                case .symbol(let name): symbols.append(.name(name))
                default: return nil
                }
            }
            argument.symbols = symbols
            let numbers = items.compactMap(\.integer)
            if numbers.count == items.count { argument.setting = .integers(numbers) }
        case .module, .function, .dictionary, .gradients, .undecided, .other: return nil
        }
        return argument
    }
}

/// A module of a script's archive: its class and its attributes.
final class ScriptModule {
    /// The class with its path in the code.
    let className: String
    let attributes: [String: ScriptValue]

    /// Whether `torch.jit.freeze` made it, which leaves out whether the module is being trained: every other module says so.
    var isFrozen: Bool { attributes["training"] == nil }

    init(className: String, attributes: [String: ScriptValue]) {
        self.className = className
        self.attributes = attributes
    }
}

/// Finds the modules of a script's archive with their attributes.
struct ScriptModuleReader {
    private let pickle: Pickle
    private var budget = 1 << 16
    /// The tensors for which no gradient is wanted: buffers, and parameters that training leaves as they are.
    private(set) var kept: Set<String> = []

    private static let depthLimit = 64

    init(_ pickle: Pickle) { self.pickle = pickle }

    /// The module that a value represents; nil for other values, and for more modules than a model has.
    mutating func module(_ value: PickleValue, path: String = "", depth: Int = 0) -> ScriptModule? {
        budget -= 1 + pickle.memberBound(value)
        guard budget > 0, depth < Self.depthLimit, let object = pickle.object(value), let members = pickle.members(value) else {
            return nil
        }
        let className = pickle.callableName(object.callable)
        guard className.hasPrefix("__torch__.") else { return nil }
        var attributes: [String: ScriptValue] = [:]
        for member in members {
            let name = path.isEmpty ? member.key : path + "." + member.key
            guard name.utf8.count <= Pickle.keyLimit else { return nil }
            if let source = pickle.tensorSource(member.value) {
                attributes[member.key] = .tensor(name)
                if case .view(let view) = source, case .boolean(false)? = view.wantsGradient { kept.insert(name) }
            } else if let plain = plain(member.value) {
                attributes[member.key] = plain
            } else if let inner = module(member.value, path: name, depth: depth + 1) {
                attributes[member.key] = .module(inner)
            }
        }
        return ScriptModule(className: className, attributes: attributes)
    }

    private func plain(_ value: PickleValue) -> ScriptValue? {
        switch value {
        case .none: return ScriptValue.none
        case .boolean(let flag): return .boolean(flag)
        case .integer(let number): return .integer(number)
        case .float(let number): return .real(number)
        default:
            if let text = pickle.text(value) { return .text(text) }
            return list(value)
        }
    }

    /// A list of plain values.
    private func list(_ value: PickleValue) -> ScriptValue? {
        var value = value
        for _ in 0..<2 { value = pickle.untagged(value) }
        guard let items = pickle.sequence(value), items.count <= 1 << 10 else { return nil }
        var values: [ScriptValue] = []
        for item in items {
            switch item {
            case .none, .boolean, .integer, .float, .text, .byteString:
                guard let plain = plain(item) else { return nil }
                values.append(plain)
            default: return nil
            }
        }
        return .list(.init(values))
    }
}

extension Pickle {
    /// A list or dictionary of a script without the type that is noted beside it.
    func untagged(_ value: PickleValue) -> PickleValue {
        guard let object = object(value), let name = global(object.callable)?.qualifiedName else { return value }
        guard name == "torch.jit._pickle.restore_type_tag" || name.hasPrefix("torch.jit._pickle.build_") else { return value }
        return tuple(object.arguments)?.first ?? value
    }
}
