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
    /// A device, a layout, or what else changes no number.
    case other

    /// The items of a list, which can grow.
    final class Items {
        var values: [ScriptValue]
        init(_ values: [ScriptValue]) { self.values = values }
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
        case .boolean: "a truth value"
        case .integer, .symbol: "a whole number"
        case .real: "a number"
        case .text: "text"
        case .tensor: "a tensor"
        case .list, .tuple: "a list"
        case .module: "a module"
        case .function: "a function"
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
        case .module, .function, .other: return nil
        }
        return argument
    }
}

/// A module of a script's archive: its class and its attributes.
final class ScriptModule {
    /// The class with its path in the code.
    let className: String
    let attributes: [String: ScriptValue]

    init(className: String, attributes: [String: ScriptValue]) {
        self.className = className
        self.attributes = attributes
    }
}

/// Finds the modules of a script's archive with their attributes.
struct ScriptModuleReader {
    private let pickle: Pickle
    private var budget = 1 << 16

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
            if pickle.tensorSource(member.value) != nil {
                attributes[member.key] = .tensor(name)
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
            return pickle.integers(pickle.untagged(value), limit: 64).map { .list(.init($0.map { .integer($0) })) }
        }
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
