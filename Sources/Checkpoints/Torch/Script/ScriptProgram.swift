import Archives
import Text

/// Writes the straight line of operations that a script's code describes as an exported program.
///
/// The code of modules and functions is followed from the whole model's `forward`: calls are opened, constants computed, branches over constants
/// taken. Nothing else of Python exists here. Loops, branches over what data decide, and operations without a counterpart are refused by name.
struct ScriptProgram {
    typealias Node = TorchExportGraph.Node

    /// The text of a member in `code/`; nil if there is none.
    private let code: (String) -> String?
    private var files: [String: ScriptFile] = [:]
    private var codeBudget = 1 << 24
    /// The statements that are still followed.
    var budget = 1 << 18
    var depth = 0
    /// The tensors of the constants of the code, or their numbers where they have no dimensions.
    let constants: [ScriptValue]

    var nodes: [Node] = []
    var shapes: [String: [Int?]] = [:]
    /// The numbers of tensors' types, as torch.export counts them.
    var types: [String: Int] = [:]
    /// The tensors whose shape is that of the samples, as long as that is not known.
    var open: Set<String> = []
    /// The tensors that the code casts to a type that it names.
    var casts: Set<String> = []
    /// The lengths of tensors that operations compute, by tensor and dimension.
    var computedLengths: [String: String] = [:]
    /// The dimensions that the samples have where a linear layer is the first to read them.
    let sampleRank: Int
    var fixed: Set<String> = []
    /// The tensors that training leaves as they are.
    private let kept: Set<String>
    let tensors: [String: TensorRecord]
    /// Whether sequences of tokens have the length with which the model was traced.
    var keepsLength = false
    /// The length with which it was traced, by the input.
    private var lengths: [String: SequenceLengths] = [:]
    private var names = UniqueNames(separator: "_")
    /// What the code reads constants as, where they are the weights.
    var weights: ScriptWeights
    /// The names of weights that are constants of the code, where an earlier reading has given them; nil if this one gives them.
    var givenNames: [String: String]?
    /// Whether weights that a frozen script has merged become several.
    var dividesWeights = true
    /// Weights of a frozen script that are no constants of their own in its code, constants that are made of others, and weights that may be several.
    var divided: [TensorRecord] = []
    var turned: Set<String> = []
    var shared: [String] = []
    /// Where in the code an operation stands, by what it makes.
    var places: [String: String] = [:]
    /// The functions that are followed, the innermost last.
    var callers: [String] = []
    /// Whether the problem says already where in the code it is.
    var isPlaced = false
    /// How many more containers may hold others.
    var nestedContainers = 1 << 10
    /// The first operation through which no gradient passes, in a block that says so.
    var firstWithoutGradients: Int?

    /// The calls, blocks and expressions inside each other.
    static let depthLimit = 200

    /// What the code of a script says.
    struct Reading {
        /// The names of weights that are constants of the code, by those that they have there.
        var names: [String: String] = [:]
        /// Weights that were merged with others of equal numbers, which are tensors of their own.
        var divided: [TensorRecord] = []
        /// Constants of the code that the graph makes of others.
        var made: Set<String> = []
        /// Weights that may be several with equal numbers, by their names.
        var shared: [String] = []
        /// The graph, or the first construct or operation that is not run.
        var graph: Result<ByteRegion, Problem>

        /// The weights of the model among and beside the tensors of the archive.
        func weights(_ tensors: [TensorRecord]) -> [TensorRecord] {
            tensors.filter { !made.contains($0.name) }.map { tensor in names[tensor.name].map { tensor.renamed($0) } ?? tensor } + divided
        }
    }

    /// Reads the code of a script.
    ///
    /// - Parameters:
    ///   - examples: the shapes and types of the inputs with which the model was traced; nil if the archive has none.
    ///   - constants: those of the code, in their order.
    ///   - kept: the tensors that training leaves as they are.
    static func reading(
        of module: ScriptModule, code: @escaping (String) -> String?, constants: [ScriptValue],
        examples: [(shape: [Int], dtype: DType)]?, tensors: [TensorRecord], kept: Set<String> = []
    ) -> Reading {
        let examples = examples.map { $0.map { (shape: $0.shape.map(Optional.some), dtype: $0.dtype) } }
        var program = ScriptProgram(code, constants, tensors, isFrozen: module.isFrozen, kept: kept)
        var graph: TorchExportGraph
        do throws(Problem) {
            graph = try program.run(module, examples)
        } catch {
            // The code may be that for sequences of the length with which it was traced alone.
            var fixed = ScriptProgram(code, constants, tensors, isFrozen: module.isFrozen, kept: kept)
            fixed.keepsLength = true
            // Code that asks for the shape of its samples before a layer reads them may be that of a model of tokens.
            var other = ScriptProgram(code, constants, tensors, isFrozen: module.isFrozen, kept: kept)
            // Layers may read rows of sequences too.
            var rows = ScriptProgram(code, constants, tensors, isFrozen: module.isFrozen, kept: kept, sampleRank: 3)
            if let guessed = try? fixed.run(module, examples) {
                program = fixed
                graph = guessed
            } else if examples == nil, let guessed = try? other.run(module, [([2, 2], .i64)]),
                guessed.looksSamplesUp
            {
                program = other
                graph = guessed
            } else if examples == nil, let guessed = try? rows.run(module, nil) {
                program = rows
                graph = guessed
            } else {
                program.nameUnreached(of: module)
                return Reading(names: program.weights.names, graph: .failure(error))
            }
        }
        var reading = Reading(
            names: program.weights.names, divided: program.divided, made: program.turned, shared: program.shared,
            graph: .failure(Problem("")))
        do throws(Problem) {
            reading.graph = .success(try TorchExportConversion.graph(of: graph, tensors: reading.weights(tensors)))
        } catch {
            reading.graph = .failure(error)
        }
        return reading
    }

    init(
        _ code: @escaping (String) -> String?, _ constants: [ScriptValue], _ tensors: [TensorRecord], isFrozen: Bool, kept: Set<String>,
        sampleRank: Int = 2
    ) {
        self.code = code
        self.sampleRank = sampleRank
        self.constants = constants
        self.kept = kept
        self.tensors = Dictionary(tensors.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        weights = ScriptWeights(isFrozen ? tensors : [])
        for tensor in tensors {
            _ = names.take(tensor.name)
            shapes[tensor.name] = tensor.shape.map { $0 }
            types[tensor.name] = Self.types[tensor.dtype] ?? 7
            if tensor.name.hasPrefix("CONSTANTS.") { fixed.insert(tensor.name) }
        }
    }

    /// torch.export's numbers of types.
    static let types: [DType: Int] = [
        .u8: 1, .i8: 2, .i16: 3, .i32: 4, .i64: 5, .f16: 6, .f32: 7, .f64: 8, .bool: 12, .bf16: 13,
    ]
    static let float = 7, wholeNumber = 5, truth = 12

    /// The shape and the type of an input, the dimension of the samples first; nil for lengths that are open.
    typealias Example = (shape: [Int?], dtype: DType)

    mutating func run(_ module: ScriptModule, _ examples: [Example]?) throws(Problem) -> TorchExportGraph {
        let forward = try method("forward", of: module)
        var inputs: [String] = []
        var given: [ScriptValue] = []
        let open = forward.parameters.dropFirst()
        for (place, parameter) in open.enumerated() {
            // What may be left out is left out.
            if parameter.standard != nil { break }
            let name = unused(parameter.name)
            if let examples, examples.indices.contains(place) {
                let (shape, dtype) = examples[place]
                types[name] = Self.types[dtype] ?? Self.float
                // Sequences of tokens may have any length.
                let isOfTokens = types[name].flatMap(TorchType.init)?.isInteger == true && shape.count == 2
                shapes[name] = shape.enumerated().map { $0 == 0 || isOfTokens && !keepsLength ? nil : $1 }
                if isOfTokens, let length = shape[1] { lengths[name] = SequenceLengths(traced: length) }
            } else {
                self.open.insert(name)
            }
            inputs.append(name)
            given.append(.tensor(name))
        }
        guard !inputs.isEmpty else { throw Problem("its forward function reads no samples") }
        let result = try call(forward, [.module(module)] + given)
        if dividesWeights { unpool() }
        let outputs = try Self.outputs(of: result)
        guard !outputs.isEmpty else { throw Problem("its forward function gives no tensor", found: result.kind) }
        for input in inputs where shapes[input] == nil {
            throw Problem(
                "its code does not say what shape samples have", subject: "input '\(input)'",
                expected: "a model that was traced and not frozen", hint: .giveSampleShape)
        }
        let read = Set(nodes.flatMap { $0.inputs.flatMap { $0.value.names } })
        let called = givenNames ?? weights.names
        let stored = tensors.keys.filter { read.contains($0) && !turned.contains($0) } + divided.map(\.name)
        let parameters = Dictionary(uniqueKeysWithValues: stored.map { ($0, called[$0] ?? $0) })
        return TorchExportGraph(
            nodes: nodes, parameters: parameters, fixed: fixed.subtracting(weights.learned), kept: kept.subtracting(fixed),
            userInputs: inputs, outputs: outputs.map(\.tensor), outputNames: outputs.map(\.name),
            shapes: shapes.mapValues { $0.map { $0.flatMap { $0 >= 0 ? $0 : nil } } }, types: types, lengths: lengths, places: places)
    }

    func isTensor(_ name: String) -> Bool { tensors[name] != nil }

    mutating func unused(_ name: String) -> String { names.unused(name) }

    // MARK: Code

    private mutating func file(_ path: String) throws(Problem) -> ScriptFile {
        if let known = files[path] { return known }
        guard codeBudget > 0, let text = code(Self.member(path)) else {
            throw Problem("has no code", subject: "'\(path)'", expected: "member '\(Self.member(path))'")
        }
        codeBudget -= text.utf8.count
        do throws(Problem) {
            let file = try ScriptFile(text)
            files[path] = file
            return file
        } catch {
            isPlaced = true
            throw error.within("code of '\(path)'")
        }
    }

    private static func split(_ path: String) -> (file: String, name: String) {
        guard let dot = path.lastIndex(of: ".") else { return ("", path) }
        return (String(path[..<dot]), String(path[path.index(after: dot)...]))
    }

    private mutating func declaration(of module: ScriptModule) throws(Problem) -> ScriptClass {
        let (path, name) = Self.split(module.className)
        guard let found = try file(path).classes[name] else { throw Problem("has no code", subject: "class '\(module.className)'") }
        return found
    }

    mutating func method(_ name: String, of module: ScriptModule) throws(Problem) -> ScriptFunction {
        guard var method = try declaration(of: module).methods[name] else {
            throw Problem("has no such method", subject: "class '\(module.className)'", found: "'\(name)'")
        }
        let (file, owner) = Self.split(module.className)
        method.place = "\(owner).\(name) in \(Self.member(file))"
        return method
    }

    /// The member with the code of a file.
    private static func member(_ path: String) -> String { "code/" + path.split(separator: ".").joined(separator: "/") + ".py" }

    mutating func function(_ path: String) throws(Problem) -> ScriptFunction {
        let (folder, name) = Self.split(path)
        guard var function = try file(folder).functions[name] else { throw Problem("is no function of the code", subject: "'\(path)'") }
        function.place = "\(name) in \(Self.member(folder))"
        return function
    }

    mutating func attribute(_ name: String, of module: ScriptModule) throws(Problem) -> ScriptValue {
        let declaration = try declaration(of: module)
        if let value = module.attributes[name] {
            if let tensor = value.tensor, declaration.buffers.contains(name) { fixed.insert(tensor) }
            return value
        }
        if let constant = declaration.constants[name] {
            var frame: [String: ScriptValue] = [:]
            return try self.value(constant, &frame)
        }
        throw Problem("has no such attribute", subject: "class '\(module.className)'", found: "'\(name)'")
    }

    // MARK: Expressions

    /// The path of a name that is no local one: `torch.relu`.
    private func path(_ expression: ScriptExpression, _ frame: [String: ScriptValue]) -> String? {
        switch expression {
        case .name(let name): return frame[name] == nil && Self.roots.contains(name) ? name : nil
        case .attribute(let base, let name): return path(base, frame).map { $0 + "." + name }
        default: return nil
        }
    }

    private static let roots: Set<String> = ["torch", "ops", "__torch__", "CONSTANTS"]

    mutating func value(_ expression: ScriptExpression, _ frame: inout [String: ScriptValue]) throws(Problem) -> ScriptValue {
        try enter()
        defer { depth -= 1 }
        switch expression {
        case .integer(let number): return .integer(number)
        case .real(let number): return .real(number)
        case .text(let text): return .text(text)
        case .list(let items):
            var values: [ScriptValue] = []
            for item in items { values.append(try value(item, &frame)) }
            try checkNesting(values)
            return .list(.init(values))
        case .tuple(let items):
            var values: [ScriptValue] = []
            for item in items { values.append(try value(item, &frame)) }
            try checkNesting(values)
            return .tuple(values)
        case .dictionary(let pairs):
            let made = ScriptValue.Entries()
            for pair in pairs { try made.set(try value(pair.key, &frame), try value(pair.value, &frame)) }
            try checkNesting(made.pairs.map(\.value))
            return .dictionary(made)
        case .name(let name):
            if let known = frame[name] { return known }
            switch name {
            case "None": return .none
            case "True", "False": return .boolean(name == "True")
            default: throw Problem("its code reads a name that nothing defines", found: "'\(name)'")
            }
        case .attribute(let base, let name):
            if let path = path(expression, frame) {
                if path.hasPrefix("CONSTANTS.c"), let place = Int(path.dropFirst(11)), constants.indices.contains(place) {
                    return constants[place]
                }
                guard path.hasPrefix("__torch__.") else { throw Problem("reads what is not known", found: "'\(path)'") }
                return .function(path)
            }
            let owner = try value(base, &frame)
            guard case .module(let module) = owner else { throw Problem("reads '\(name)' of what is no module", found: owner.kind) }
            return try attribute(name, of: module)
        case .index(let base, let index):
            let (list, place) = (try value(base, &frame), try value(index, &frame))
            if case .dictionary(let entries) = list { return try entries.value(place) }
            guard let items = list.items, let number = place.integer else {
                throw Problem("picks an item that is not known before anything runs", found: "\(list.kind) and \(place.kind)")
            }
            let own = number < 0 ? number &+ items.count : number
            guard items.indices.contains(own) else {
                throw Problem("picks an item that a list does not have", found: "\(number) of \(items.count)")
            }
            return items[own]
        case .call(let callee, let arguments, let named): return try called(callee, arguments, named, &frame)
        }
    }

    private mutating func called(
        _ callee: ScriptExpression, _ arguments: [ScriptExpression], _ named: [(name: String, value: ScriptExpression)],
        _ frame: inout [String: ScriptValue]
    ) throws(Problem) -> ScriptValue {
        if case .name(let name) = callee, frame[name] == nil, let value = try plain(name, arguments, &frame) { return value }
        func values(_ program: inout ScriptProgram) throws(Problem) -> (given: [ScriptValue], named: [(name: String, value: ScriptValue)]) {
            var given: [ScriptValue] = []
            for argument in arguments { given.append(try program.value(argument, &frame)) }
            var further: [(name: String, value: ScriptValue)] = []
            for argument in named { further.append((argument.name, try program.value(argument.value, &frame))) }
            return (given, further)
        }
        if let path = path(callee, frame) {
            let (given, further) = try values(&self)
            if further.isEmpty, case .name(let name)? = arguments.first, let number = try overwrittenNumber(path, given) {
                // What was overwritten is not read any more: a trace reads the result.
                frame[name] = nil
                return number
            }
            guard path.hasPrefix("__torch__.") else { return try operation(path, given, further) }
            if let context = Self.context(path) { return context }
            return try call(try function(path), given, named: further)
        }
        if case .attribute(let base, "__init__") = callee, case .gradients = try value(base, &frame) { return .none }
        if case .attribute(let base, let name) = callee, case .module(let module) = try value(base, &frame) {
            let (given, further) = try values(&self)
            let method = try method(name, of: module)
            return try call(method, [.module(module)] + given, named: further)
        }
        if case .function(let path) = try value(callee, &frame) {
            let (given, further) = try values(&self)
            return try call(try function(path), given, named: further)
        }
        throw Problem("calls what is no function")
    }

    /// Python's own functions; nil for any other name.
    private mutating func plain(
        _ name: String, _ arguments: [ScriptExpression], _ frame: inout [String: ScriptValue]
    ) throws(Problem) -> ScriptValue? {
        switch name {
        // What follows the type.
        case "annotate", "unchecked_cast":
            guard arguments.count == 2 else { return nil }
            return try value(arguments[1], &frame)
        case "uninitialized": return ScriptValue.none
        case "getattr":
            guard arguments.count == 2, case .module(let module) = try value(arguments[0], &frame), case .text(let name) = arguments[1]
            else {
                return nil
            }
            return try attribute(name, of: module)
        case "int", "float", "bool":
            guard arguments.count == 1 else { return nil }
            let given = try value(arguments[0], &frame)
            switch (name, given) {
            case ("int", .integer), ("int", .symbol), ("float", .real), ("bool", .boolean), ("float", .symbol): return given
            case ("int", .real(let number)): return Int(exactly: number.rounded(.towardZero)).map { .integer($0) }
            case ("int", .boolean(let flag)): return .integer(flag ? 1 : 0)
            case ("float", _) where given.real != nil: return given.real.map { .real($0) }
            case ("bool", _) where given.real != nil: return given.real.map { .boolean($0 != 0) }
            default: throw Problem("takes a number out of a tensor, which is not run", found: given.kind)
            }
        default: return nil
        }
    }
}
