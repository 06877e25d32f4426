import Text

extension TorchExportGraph {
    /// What a program says of its tensors.
    struct TensorDescriptions {
        /// nil for lengths that are open.
        private(set) var shapes: [String: [Int?]] = [:]
        private(set) var wholeNumbers: Set<String> = []
        private(set) var types: [String: Int] = [:]
        /// The names of the lengths that are open; nil for others, and for those that are computed from others.
        private(set) var symbols: [String: [String?]] = [:]
        /// How many numbers apart neighbours along each dimension are stored; nil where that is not fixed.
        private(set) var strides: [String: [Int?]] = [:]
        /// The tensors for which no gradient is wanted.
        private(set) var withoutGradient: Set<String> = []

        mutating func read(_ cursor: inout JSONCursor) throws {
            try cursor.readObject { cursor, tensor in
                let (shape, type, names, steps, wantsGradient) = try Self.description(&cursor)
                add(tensor, shape, type)
                strides[tensor] = steps
                if !wantsGradient { withoutGradient.insert(tensor) }
                if names.contains(where: { $0 != nil }) { symbols[tensor] = names }
            }
        }

        private mutating func add(_ tensor: String, _ shape: [Int?], _ type: Int?) {
            shapes[tensor] = shape
            types[tensor] = type
            if type.map(Self.wholeTypes.contains) == true { wholeNumbers.insert(tensor) }
        }

        /// Says of a tensor what others say of one of theirs.
        mutating func add(_ tensor: String, as name: String, of others: TensorDescriptions) {
            if let shape = others.shapes[name] { add(tensor, shape, others.types[name]) }
        }

        /// The numbers of torch.export's `ScalarType` for whole numbers and truth values.
        static let wholeTypes: Set<Int> = [1, 2, 3, 4, 5, 12]

        /// Reads a tensor's lengths and the number of its type.
        private static func description(
            _ cursor: inout JSONCursor
        ) throws -> (shape: [Int?], type: Int?, names: [String?], strides: [Int?], wantsGradient: Bool) {
            var shape: [Int?] = []
            var steps: [Int?] = []
            var names: [String?] = []
            var type: Int?
            var wantsGradient = true
            guard cursor.peek() == UInt8(ascii: "{") else {
                try cursor.skip()
                return ([], nil, [], [], true)
            }
            try cursor.readObject { cursor, member in
                switch member {
                case "dtype": type = try cursor.value().wholeNumber
                case "requires_grad": wantsGradient = try cursor.value().flag ?? true
                case "sizes":
                    try cursor.readList { cursor in
                        var length: Int?
                        var name: String?
                        try cursor.readObject { cursor, member in
                            switch member {
                            case "as_int": length = try cursor.value().wholeNumber
                            case "as_expr": name = symbol(in: try cursor.value())
                            default: try cursor.skip()
                            }
                        }
                        shape.append(length.flatMap { $0 >= 0 ? $0 : nil })
                        names.append(name)
                    }
                case "strides":
                    try cursor.readList { cursor in
                        var step: Int?
                        try cursor.readObject { cursor, member in
                            if member == "as_int" { step = try cursor.value().wholeNumber } else { try cursor.skip() }
                        }
                        steps.append(step)
                    }
                default: try cursor.skip()
                }
            }
            return (shape, type, names, steps, wantsGradient)
        }

        /// The name of an open length: of `Symbol('s77', positive=True, integer=True)`, or `s77` alone.
        private static func symbol(in value: JSONValue) -> String? {
            guard case .object(let members) = value, case .string(let text)? = members.first(where: { $0.name == "expr_str" })?.value else {
                return nil
            }
            let parts = text.split(separator: "'")
            let name = text.hasPrefix("Symbol('") && parts.count > 1 ? String(parts[1]) : text
            return name.utf8.allSatisfy { (48...57).contains($0) || (97...122).contains($0) } ? name : nil
        }
    }

    /// Operations that another runs as one: those of a `with` block. An object, since operations hold arguments, and arguments regions.
    final class Region {
        private var inputs: [String] = []
        private var outputs: [String] = []
        private var nodes: [Node] = []
        private var values = TensorDescriptions()

        init(_ cursor: inout JSONCursor) throws {
            try cursor.readMember("graph") { cursor in
                try cursor.readObject { cursor, name in
                    switch name {
                    case "inputs": inputs = try Argument.names(&cursor)
                    case "outputs": outputs = try Argument.names(&cursor)
                    case "nodes": nodes = try TorchExportGraph.nodes(&cursor)
                    case "tensor_values": try values.read(&cursor)
                    default: try cursor.skip()
                    }
                }
            }
        }

        /// The operation that runs a region with gradients or without.
        private static let gradients = "torch.ops.higher_order.wrap_with_set_grad_enabled"
        /// The operation that runs a region in another precision where that is turned on.
        private static let precision = "torch.ops.higher_order.wrap_with_autocast"

        private static func isOne(_ node: Node) -> Bool { node.target == gradients || node.target == precision }

        /// Operations in which those of regions without gradients, or in single precision, stand in the place of the region; the outputs of the
        /// former are detached. Regions within regions stay as they are.
        static func opened(_ nodes: [Node], _ values: inout TensorDescriptions) -> [Node] {
            guard nodes.contains(where: isOne) else { return nodes }
            var all: [Node] = []
            for (place, node) in nodes.enumerated() {
                if isOne(node), let opened = opened(node, place, &values) { all += opened } else { all.append(node) }
            }
            return all
        }

        private static func opened(_ node: Node, _ place: Int, _ values: inout TensorDescriptions) -> [Node]? {
            let arguments = node.inputs.map(\.value)
            guard let start = arguments.firstIndex(where: { $0.region != nil }), let region = arguments[start].region else { return nil }
            let hasGradients: Bool
            if node.target == gradients {
                guard start == 1, case .boolean(let flag)? = arguments[0].setting else { return nil }
                hasGradients = flag
            } else {
                // The kind of machine, the type, whether it is turned on, and what becomes of what was computed.
                guard start == 4, arguments[2].setting == .boolean(false) else { return nil }
                hasGradients = true
            }
            let given = arguments.dropFirst(start + 1).flatMap { $0.tensor.map { [$0] } ?? $0.tensors ?? [] }
            guard given.count == region.inputs.count, node.outputs.count == region.outputs.count,
                !region.nodes.contains(where: isOne)
            else { return nil }
            var names = Dictionary(zip(region.inputs, given), uniquingKeysWith: { _, last in last })
            var all: [Node] = []
            for inner in region.nodes {
                var outputs: [String] = []
                for output in inner.outputs {
                    // Names within a region may be those of others outside.
                    let name = output.isEmpty ? "" : "\(output).\(place)"
                    names[output] = name
                    values.add(name, as: output, of: region.values)
                    outputs.append(name)
                }
                all.append(Node(target: inner.target, inputs: inner.inputs.map { ($0.name, $0.value.renamed(names)) }, outputs: outputs))
            }
            for (output, made) in zip(node.outputs, region.outputs) where !output.isEmpty {
                var argument = Argument()
                argument.tensor = names[made] ?? made
                let operation = hasGradients ? "alias" : "detach"
                all.append(Node(target: "torch.ops.aten.\(operation).default", inputs: [("self", argument)], outputs: [output]))
            }
            return all
        }
    }
}

extension TorchExportGraph.Argument {
    /// The same argument with other names of tensors and computed numbers.
    fileprivate func renamed(_ names: [String: String]) -> Self {
        var argument = self
        argument.tensor = tensor.map { names[$0] ?? $0 }
        argument.tensors = tensors?.map { names[$0] ?? $0 }
        argument.optionalTensors = optionalTensors?.map { $0.map { names[$0] ?? $0 } }
        argument.symbols = symbols?.map { symbol in
            if case .name(let name) = symbol { .name(names[name] ?? name) } else { symbol }
        }
        return argument
    }
}
