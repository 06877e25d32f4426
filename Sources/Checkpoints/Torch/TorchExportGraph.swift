import Archives
import Text

/// The operations of an exported program.
struct TorchExportGraph {
    let nodes: [Node]
    /// The names in the model of parameters and buffers, by the names of tensors in the program.
    let parameters: [String: String]
    /// The names in the model in the program's order, as far as it says one.
    let order: [String]
    /// Those of them that are no parameters: buffers and constants, which no training changes.
    let fixed: Set<String>
    /// Those of them that are parameters and that training leaves as they are: PyTorch's `requires_grad=False`.
    let kept: Set<String>
    let userInputs: [String]
    let outputs: [String]
    /// What the model calls them, in their order; empty if that is not known.
    let outputNames: [String]
    /// The buffers that a run of the program changes.
    let changed: [String]
    /// The shapes of tensors, with nil for lengths that are open.
    let shapes: [String: [Int?]]
    /// How many numbers apart neighbours along each dimension are stored, with nil where that is not fixed or not said.
    let strides: [String: [Int?]]
    /// The tensors of whole numbers or truth values.
    let wholeNumbers: Set<String>
    /// The numbers of tensors' types.
    let types: [String: Int]
    /// What is known of sequences whose length an input leaves open, by the input.
    let lengths: [String: SequenceLengths]
    /// Where in the code of a script an operation stands, in words, by the names of what it makes.
    let places: [String: String]

    /// The most operations of a program that are read.
    private static let nodeLimit = 1 << 16

    /// Reads the program in a member's JSON; nil if it has another form.
    init?(_ program: ByteRegion) {
        guard program.count <= 1 << 26,
            let graph = try? program.withUnsafeBytes({ try JSONCursor.reading($0) { cursor in try TorchExportGraph(&cursor) } })
        else { return nil }
        self = graph
    }

    /// A program that something else describes.
    init(
        nodes: [Node], parameters: [String: String], fixed: Set<String>, kept: Set<String>, userInputs: [String], outputs: [String],
        outputNames: [String], shapes: [String: [Int?]], types: [String: Int], lengths: [String: SequenceLengths] = [:],
        places: [String: String]
    ) {
        self.nodes = nodes
        self.parameters = parameters
        order = []
        self.fixed = fixed
        self.kept = kept
        self.userInputs = userInputs
        self.outputs = outputs
        self.outputNames = outputNames
        changed = []
        self.shapes = shapes
        self.types = types
        self.lengths = lengths
        self.places = places
        strides = [:]
        wholeNumbers = Set(types.filter { TensorDescriptions.wholeTypes.contains($0.value) }.keys)
    }

    /// The names in the model of the parameters that training leaves as they are.
    var keptParameters: Set<String> { Set(kept.compactMap { parameters[$0] }) }

    // MARK: - JSON

    private init(_ cursor: inout JSONCursor) throws {
        var nodes: [Node]?
        var outputs: [String]?
        var parameters: [String: String] = [:]
        var order: [String] = []
        var fixed: Set<String> = []
        var userInputs: [String] = []
        var values = TensorDescriptions()
        var kinds: [String] = []
        var changed: [String] = []
        var ranges: [String: SequenceLengths] = [:]
        var names: [String] = []
        try cursor.readObject { cursor, name in
            if name == "range_constraints" { return try Self.readRanges(&cursor, &ranges) }
            guard name == "graph_module" else { return try cursor.skip() }
            try cursor.readObject { cursor, name in
                switch name {
                case "graph":
                    try cursor.readObject { cursor, name in
                        switch name {
                        case "nodes": nodes = try Self.nodes(&cursor)
                        case "outputs": outputs = try Argument.names(&cursor)
                        case "tensor_values": try values.read(&cursor)
                        default: try cursor.skip()
                        }
                    }
                case "module_call_graph": try OutputNames.read(&cursor, &names)
                case "signature":
                    try cursor.readObject { cursor, name in
                        switch name {
                        case "input_specs":
                            try cursor.readList { cursor in
                                guard let name = try Self.readInput(&cursor, &fixed, &userInputs) else { return }
                                parameters[name.tensor] = name.parameter
                                order.append(name.parameter)
                            }
                        case "output_specs": try cursor.readList { cursor in kinds.append(try Self.outputKind(&cursor, &changed)) }
                        default: try cursor.skip()
                        }
                    }
                default: try cursor.skip()
                }
            }
        }
        guard let nodes, let outputs else { throw Problem("is not a program", expected: "a graph with nodes and outputs") }
        self.nodes = Region.opened(nodes, &values)
        // What the program changes stands before what it gives.
        self.outputs = kinds.count == outputs.count ? zip(kinds, outputs).filter { $0.0 == "user_output" }.map(\.1) : outputs
        outputNames = names.count == self.outputs.count ? names : []
        self.changed = changed
        self.parameters = parameters
        self.order = order
        self.fixed = fixed
        kept = Set(parameters.keys).subtracting(fixed).intersection(values.withoutGradient)
        self.userInputs = userInputs
        shapes = values.shapes
        strides = values.strides
        wholeNumbers = values.wholeNumbers
        types = values.types
        lengths = Dictionary(
            userInputs.compactMap { input in values.symbols[input]?.last.flatMap { $0 }.flatMap { ranges[$0] }.map { (input, $0) } },
            uniquingKeysWith: { first, _ in first })
        places = [:]
    }

    /// Reads the smallest and the largest number that each open length may be.
    private static func readRanges(_ cursor: inout JSONCursor, _ ranges: inout [String: SequenceLengths]) throws {
        try cursor.readObject { cursor, symbol in
            var range = SequenceLengths()
            try cursor.readObject { cursor, member in
                guard let number = try cursor.value().wholeNumber, (1...1 << 16).contains(number) else { return }
                // PyTorch says 2 where it means any.
                if member == "min_val", number > 2 { range.shortest = number }
                if member == "max_val" { range.longest = number }
            }
            if range != SequenceLengths() { ranges[symbol] = range }
        }
    }

    static func nodes(_ cursor: inout JSONCursor) throws -> [Node] {
        var nodes: [Node] = []
        try cursor.readList { cursor in
            nodes.append(try Node(&cursor))
            guard nodes.count <= nodeLimit else { throw Problem("too many operations", expected: "at most \(nodeLimit)") }
        }
        return nodes
    }

    /// Reads what one of the program's outputs is, and the buffer that it changes if it does.
    private static func outputKind(_ cursor: inout JSONCursor, _ changed: inout [String]) throws -> String {
        var found = ""
        try cursor.readObject { cursor, kind in
            found = kind
            guard kind == "buffer_mutation" || kind == "parameter_mutation" else { return try cursor.skip() }
            try cursor.readObject { cursor, member in
                if member == "buffer_name" || member == "parameter_name" {
                    changed.append(try cursor.readText())
                } else {
                    try cursor.skip()
                }
            }
        }
        return found
    }

    /// Reads what the program's inputs are: a parameter and its name in the model, or what the user gives.
    private static func readInput(
        _ cursor: inout JSONCursor, _ fixed: inout Set<String>, _ userInputs: inout [String]
    ) throws -> (tensor: String, parameter: String)? {
        var found: (tensor: String, parameter: String)?
        try cursor.readObject { cursor, kind in
            guard ["parameter", "buffer", "tensor_constant", "user_input"].contains(kind) else { return try cursor.skip() }
            var argument = Argument()
            var name: String?
            try cursor.readObject { cursor, member in
                switch member {
                case "arg" where kind != "user_input": argument.tensor = try Argument.name(&cursor)
                case "arg": argument = try Argument(&cursor)
                case "parameter_name", "buffer_name", "tensor_constant_name": name = try cursor.readText()
                default: try cursor.skip()
                }
            }
            guard let tensor = argument.tensor else { return }
            if kind == "user_input" { userInputs.append(tensor) } else { found = name.map { (tensor, $0) } }
            if kind == "buffer" || kind == "tensor_constant" { fixed.insert(tensor) }
        }
        return found
    }

    struct Node {
        let target: String
        let inputs: [(name: String, value: Argument)]
        /// The tensors that it makes, or the whole number.
        let outputs: [String]

        /// The operation without the library, the overload, and what says that it overwrites its first tensor.
        var name: String { isInPlace ? String(fullName.dropLast()) : fullName }

        /// Whether the operation overwrites its first tensor: `relu_`. One that drops nothing, as outside of training, leaves it as it is.
        var overwrites: Bool { isInPlace && !(name.hasSuffix("dropout") && isOff) }

        private var isInPlace: Bool { fullName.hasSuffix("_") && !fullName.hasSuffix("__") }

        private var isOff: Bool { inputs.contains { $0.name == "train" && $0.value.setting == .boolean(false) } }

        private var fullName: String {
            let prefix = "torch.ops.aten."
            guard target.hasPrefix(prefix) else { return target }
            return String(target.dropFirst(prefix.count).prefix { $0 != "." })
        }

        /// The input of a name; nil if it is left out.
        subscript(name: String) -> Argument? {
            reads.names.insert(name)
            return inputs.first { $0.name == name }?.value
        }

        /// What a conversion has read of the inputs, so that it leaves none out without a word.
        final class Reads {
            var names: Set<String> = []
            /// Those that were no such setting as was looked for.
            var unread: Set<String> = []
        }
        let reads = Reads()
        /// The layer that keeps a state of which it is a part, such as `LSTM`.
        private(set) var recurrentLayer: String?

        init(target: String, inputs: [(name: String, value: Argument)], outputs: [String]) {
            self.target = target
            self.inputs = inputs
            self.outputs = outputs
        }

        init(_ cursor: inout JSONCursor) throws {
            var target: String?
            var inputs: [(name: String, value: Argument)] = []
            var outputs: [String] = []
            var layer: String?
            try cursor.readObject { cursor, member in
                switch member {
                case "target": target = try cursor.readText()
                case "inputs": try cursor.readList { cursor in inputs.append(try Self.input(&cursor)) }
                case "outputs": outputs = try Argument.allNames(&cursor)
                case "metadata":
                    try cursor.readMember("nn_module_stack") { cursor in
                        layer = ONNXModel.Node.recurrentLayer(in: try cursor.readText())
                    }
                default: try cursor.skip()
                }
            }
            guard let target else { throw Problem("an operation has no name", expected: "'target'") }
            recurrentLayer = layer
            self.target = target
            self.inputs = inputs
            self.outputs = outputs
        }

        private static func input(_ cursor: inout JSONCursor) throws -> (name: String, value: Argument) {
            var name = ""
            var value = Argument()
            try cursor.readObject { cursor, member in
                switch member {
                case "name": name = try cursor.readText()
                case "arg": value = try Argument(&cursor)
                default: try cursor.skip()
                }
            }
            return (name, value)
        }
    }
}

extension JSONCursor {
    /// Reads the object that comes next: `read` the members called `name`, and nothing of the others.
    mutating func readMember(_ name: String, _ read: (inout JSONCursor) throws -> Void) throws {
        try readObject { cursor, member in
            if member == name { try read(&cursor) } else { try cursor.skip() }
        }
    }
}
