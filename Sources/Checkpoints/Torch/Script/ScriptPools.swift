import Archives

/// What the constants of a frozen script were in the model: `torch.jit.freeze` stores equal parameters once, and a parameter that the model reads
/// turned round as a second view of the same numbers.
///
/// Vectors whose numbers are all the same, as those of norms and many biases are before any training, are parameters of their own wherever the code
/// tells their modules apart: for another matrix, in another role, or behind other layers. A module that is applied twice reads one vector twice.
/// Matrices, and what operations read that are no layers, stay one.
struct ScriptPools {
    typealias Node = TorchExportGraph.Node

    /// The operations, which read what the model had.
    private(set) var nodes: [Node]
    /// Vectors that have become tensors of their own: the constants that they are copies of, and what they are to a layer.
    private(set) var copies: [(constant: String, role: String, name: String)] = []
    /// The names of divided constants that only operations which are no layers still read, and that had theirs from another one.
    private(set) var outside: [String: String] = [:]
    /// Constants that operations now make of others.
    private(set) var turned: Set<String> = []
    /// Other constants that several operations of one kind read.
    private(set) var shared: [String] = []

    private let tensors: [String: TensorRecord]
    /// The constants of which all numbers are the same.
    private var even: Set<String> = []
    private var makers: [String: Int] = [:]
    /// A number for each way in which operations make values of constants, up to the last layer before them.
    private var ways: [String: Int] = [:]
    private var waysOfValues: [String: Int] = [:]

    private static let vectorLimit = 1 << 20

    /// - Parameters:
    ///   - nodes: the operations of the code.
    ///   - tensors: its constants of floating-point numbers, by their names.
    init(_ nodes: [Node], _ tensors: [String: TensorRecord], unused: (String) -> String) {
        self.nodes = nodes
        self.tensors = tensors
        turnViews()
        for (place, node) in self.nodes.enumerated() { for output in node.outputs where makers[output] == nil { makers[output] = place } }
        followWays()
        divide(unused)
    }

    // MARK: Views

    /// Makes each matrix that is another one turned round of that one.
    private mutating func turnViews() {
        let read = Set(nodes.lazy.flatMap { $0.inputs.lazy.flatMap(\.value.names) })
        let matrices = tensors.values.filter { read.contains($0.name) && $0.shape.count == 2 && $0.derived == nil }
        for matrix in matrices.sorted(by: { $0.name < $1.name }) {
            guard matrix.strides == [1, matrix.shape[0]], !matrix.shape.contains(where: { $0 < 2 }) else { continue }
            let source = matrices.first {
                $0.strides == nil && $0.shape == [matrix.shape[1], matrix.shape[0]] && $0.dtype == matrix.dtype
                    && $0.isNegated == matrix.isNegated && $0.bytes.count == matrix.bytes.count && $0.bytes.address == matrix.bytes.address
            }
            guard let source else { continue }
            var argument = TorchExportGraph.Argument()
            argument.tensor = source.name
            nodes.insert(Node(target: "torch.ops.aten.t.default", inputs: [("self", argument)], outputs: [matrix.name]), at: 0)
            turned.insert(matrix.name)
        }
    }

    // MARK: Ways

    /// The constant that a value is, maybe in another shape; nil if it is none.
    private func constant(_ value: String?) -> String? {
        var value = value
        for _ in 0..<8 {
            guard let name = value else { return nil }
            if tensors[name] != nil, !turned.contains(name) { return name }
            guard let maker = makers[name], TensorAliases.viewing.contains(nodes[maker].name) else { return nil }
            value = nodes[maker].inputs.first?.value.tensor
        }
        return nil
    }

    private mutating func followWays() {
        for tensor in tensors.values where tensor.elementCount <= Self.vectorLimit && tensor.shape.contains(tensor.elementCount) {
            let numbers = tensor.doubles()
            if let first = numbers.first, numbers.allSatisfy({ $0 == first }) { even.insert(tensor.name) }
        }
        for node in nodes {
            let own = way(node, of: node.inputs.flatMap(\.value.names))
            for (place, output) in node.outputs.enumerated() { waysOfValues[output] = number("\(own)[\(place)]") }
        }
    }

    /// The number of a way: the operation with its settings and constants, and without constants that are no even vectors the ways of what it reads.
    private mutating func way(_ node: Node, of values: [String]) -> Int {
        let layers = values.compactMap { turned.contains($0) ? $0 : constant($0) }.filter { !even.contains($0) }
        var parts = [node.name]
        if layers.isEmpty {
            parts += values.map { constant($0) == nil ? "\(waysOfValues[$0] ?? -1)" : "vector" }
            parts += node.inputs.map { "\($0.name)=\(String(describing: $0.value.setting))" }
        } else {
            parts += layers
        }
        return number(parts.joined(separator: " "))
    }

    private mutating func number(_ way: String) -> Int {
        if let known = ways[way] { return known }
        ways[way] = ways.count
        return ways.count - 1
    }

    // MARK: Vectors

    private struct Reader {
        let node: Int
        let place: Int
        /// What the vector is to a module, and the module; nil for operations that are no layers.
        let role: String?
        let module: String?
    }

    private mutating func divide(_ unused: (String) -> String) {
        var readers: [String: [Reader]] = [:]
        var order: [String] = []
        var applied: [String: [String]] = [:]
        for (place, node) in nodes.enumerated() where !node.outputs.contains(where: turned.contains) {
            // The norms that read one value are several, in their order.
            var module: String?
            if let norm = norm(node) {
                let value = node.inputs.first?.value.tensor ?? ""
                module = "\(norm) \(applied["\(norm) \(value)", default: []].count)"
                applied["\(norm) \(value)", default: []].append(value)
            }
            for (input, entry) in node.inputs.enumerated() {
                for name in entry.value.names where tensors[name] != nil && !turned.contains(name) {
                    if readers[name] == nil { order.append(name) }
                    let role = entry.value.tensor == nil ? nil : role(node, entry.name)
                    let own = role == nil ? nil : module ?? matrix(node, entry.name)
                    readers[name, default: []].append(Reader(node: place, place: input, role: own == nil ? nil : role, module: own))
                }
            }
        }
        for name in order {
            guard let places = readers[name], places.count > 1 else { continue }
            let isVector = even.contains(name)
            if isVector { divide(name, places, unused) }
            // A table of embeddings that is the matrix of the logits is one weight.
            let rest = places.filter { !isVector || $0.module == nil }.map { nodes[$0.node].name }
            if Set(rest).count < rest.count, isVector || tensors[name]?.shape.count ?? 0 > 1 { shared.append(name) }
        }
    }

    private mutating func divide(_ name: String, _ readers: [Reader], _ unused: (String) -> String) {
        func key(_ reader: Reader) -> String? {
            guard let role = reader.role, let module = reader.module else { return nil }
            return role + " " + module
        }
        // Operations of which nothing is known read what they have read.
        let isKept = readers.contains { $0.module == nil }
        let kept = isKept ? nil : key(readers[0])
        guard readers.contains(where: { key($0) != kept }) else { return }
        if let first = readers.first(where: { key($0) == nil }), key(readers[0]) != nil {
            let node = nodes[first.node]
            outside[name] = "\(node.outputs.first ?? name).\(node.inputs[first.place].name)"
        }
        var made: [String: String] = [:]
        for reader in readers {
            guard let key = key(reader), key != kept, let role = reader.role else { continue }
            let node = nodes[reader.node]
            if made[key] == nil {
                let output = node.outputs.first ?? name
                let own = unused("\(beside(node) ?? output).\(role)")
                made[key] = own
                copies.append((name, role, own))
            }
            var inputs = node.inputs
            inputs[reader.place].value.tensor = made[key]
            nodes[reader.node] = Node(target: node.target, inputs: inputs, outputs: node.outputs)
        }
    }

    /// What a vector is to the layer or norm that reads it; nil for other operations.
    private func role(_ node: Node, _ input: String) -> String? {
        switch (node.name, input) {
        case ("batch_norm", "weight"), ("batch_norm", "bias"), ("batch_norm", "running_mean"), ("batch_norm", "running_var"),
            ("instance_norm", "weight"), ("instance_norm", "bias"), ("layer_norm", "weight"), ("layer_norm", "bias"),
            ("group_norm", "weight"), ("group_norm", "bias"), ("rms_norm", "weight"), ("prelu", "weight"):
            input
        case ("linear", "bias"), ("conv1d", "bias"), ("conv2d", "bias"), ("convolution", "bias"): "bias"
        case ("addmm", "self"), ("add", _): "bias"
        default: nil
        }
    }

    /// What tells a norm, or a function with slopes, from others: a constant of its own, or else the way to what it reads.
    private mutating func norm(_ node: Node) -> String? {
        guard node.name.hasSuffix("_norm") || node.name == "prelu", let input = node.inputs.first?.value.tensor else { return nil }
        let own = node.inputs.dropFirst().compactMap { $0.value.tensor }.filter { tensors[$0] != nil && !even.contains($0) }
        return "\(node.name) " + (own.first ?? "\(waysOfValues[input] ?? -1)")
    }

    /// The product that an addition adds to.
    private func beside(_ node: Node) -> String? {
        guard node.name == "add" else { return nil }
        return node.inputs.compactMap(\.value.tensor).first { makers[$0].map { ["matmul", "mm"].contains(nodes[$0].name) } ?? false }
    }

    /// The stored matrix of the layer whose bias an operation reads; nil if it reads none.
    private func matrix(_ node: Node, _ input: String) -> String? {
        var layer = node
        if node.name == "add" {
            guard let product = beside(node), let maker = makers[product] else { return nil }
            layer = nodes[maker]
        }
        let factors = ["weight", "mat2", "other", "self", "mat1"].filter { $0 != input || node.name == "add" }
        let values = layer.inputs.filter { factors.contains($0.name) }.compactMap(\.value.tensor)
        return values.compactMap { stored($0) }.first
    }

    /// The matrix that a value is, maybe turned round.
    private func stored(_ value: String) -> String? {
        if turned.contains(value) { return value }
        return constant(value).flatMap { even.contains($0) && tensors[$0]?.shape.count ?? 0 < 2 ? nil : $0 }
    }
}

extension ByteRegion {
    /// Where the bytes are.
    fileprivate var address: UInt { withUnsafeBytes { UInt(bitPattern: $0.baseAddress) } }
}
