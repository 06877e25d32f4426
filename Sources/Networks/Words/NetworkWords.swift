import Checkpoints
import Tensors
import Text

/// A network as words, from which the same network can be built.
struct NetworkWords {
    typealias Element = Architecture.Element
    typealias Setting = Architecture.Setting

    /// One element before outputs have labels.
    private struct Item {
        /// The output that it reads first; nil for tokens.
        let source: NodeID?
        /// The other outputs that it reads, which come first in its parentheses.
        var operands: [NodeID] = []
        let name: String
        var settings: [Setting] = []
        /// The node whose output it makes; nil for a step before that.
        let node: NodeID?
        let isModule: Bool
    }

    private let network: Network
    private let checkpoint: Checkpoint
    private let readers: [Int]
    private var items: [Item] = []
    private var used: Set<String> = []
    /// Nodes that are parts of another's element.
    private var merged: Set<NodeID> = []

    /// The words of a network.
    ///
    /// - Throws: ``Problem`` that names the first operation that has none.
    static func architecture(of network: Network, _ checkpoint: Checkpoint) throws(Problem) -> Architecture {
        var words = NetworkWords(network, checkpoint)
        for node in words.elements { if let problem = words.problem(describing: node) { throw problem } }
        return try words.architecture()
    }

    /// Why operations of a network cannot be described, in the order of the network, however many there are.
    static func problems(of network: Network, _ checkpoint: Checkpoint) -> [Problem] {
        var words = NetworkWords(network, checkpoint)
        return words.elements.compactMap { words.problem(describing: $0) }
    }

    /// The nodes that are described by elements of their own.
    private var elements: [NodeID] { network.nodes.indices.map(NodeID.init).filter { !merged.contains($0) && isNeeded($0) } }

    private mutating func problem(describing node: NodeID) -> Problem? {
        do throws(Problem) {
            try describe(node)
            return nil
        } catch {
            return error.about("site '\(network.nodes[node.index].site)'")
        }
    }

    private init(_ network: Network, _ checkpoint: Checkpoint) {
        self.network = network
        self.checkpoint = checkpoint
        var readers = [Int](repeating: 0, count: network.nodes.count)
        for node in network.nodes { for input in node.inputs { readers[input.index] += 1 } }
        readers[network.output.index] += 1
        self.readers = readers
        mergeAttentions()
        mergeTables()
    }

    private func isNeeded(_ node: NodeID) -> Bool { readers[node.index] > 0 }

    // MARK: Several nodes in one element

    private struct MergedAttention {
        let source: NodeID
        let operands: [NodeID]
    }

    private var attentions: [NodeID: MergedAttention] = [:]
    /// Tables of tensors that a sum adds, by the sum.
    private var tables: [NodeID: (source: NodeID, table: NodeID)] = [:]

    private mutating func mergeAttentions() {
        for (index, node) in network.nodes.enumerated() where node.operation is AttentionValues {
            let (pattern, value) = (node.inputs[0], node.inputs[1])
            let softmax = network.nodes[pattern.index]
            guard softmax.operation is Softmax, let scores = softmax.inputs.first,
                network.nodes[scores.index].operation is AttentionScores, readers[pattern.index] == 1, readers[scores.index] == 1
            else { continue }
            merged.formUnion([pattern, scores])
            let sources = network.nodes[scores.index].inputs + [value]
            attentions[NodeID(index)] = fused(sources) ?? MergedAttention(source: sources[0], operands: [sources[1], sources[2]])
        }
    }

    /// Queries, keys and values that one output has side by side, in this order.
    private mutating func fused(_ sources: [NodeID]) -> MergedAttention? {
        var start = 0
        var whole: NodeID?
        for source in sources {
            let node = network.nodes[source.index]
            guard let slice = node.operation as? Slice, slice.blocks == 1, slice.start == start, readers[source.index] == 1,
                whole == nil || whole == node.inputs[0]
            else { return nil }
            whole = node.inputs[0]
            start += slice.length
        }
        guard let whole, let layer = network.nodes[whole.index].parameters.first, network.nodes[whole.index].operation is Linear,
            network.parameters[layer.index].shape.contains(start)
        else { return nil }
        merged.formUnion(sources)
        return MergedAttention(source: whole, operands: [])
    }

    private mutating func mergeTables() {
        for (index, node) in network.nodes.enumerated() where node.inputs.count == 2 {
            guard node.operation is Sum || (node.operation as? Arithmetic)?.function == .add else { continue }
            for (table, source) in [(node.inputs[1], node.inputs[0]), (node.inputs[0], node.inputs[1])] {
                guard isPositions(table), readers[table.index] == 1, tables[NodeID(index)] == nil else { continue }
                merged.insert(table)
                tables[NodeID(index)] = (source, table)
            }
        }
    }

    /// Whether a node has the rows of a table at the positions of a sequence, the first at the first.
    private func isPositions(_ id: NodeID) -> Bool {
        let node = network.nodes[id.index]
        switch node.operation {
        case let positions as PositionEmbedding: return positions.offset == 0 && positions.layout == .rows
        case is PositionRows: return true
        case let lookup as EntryLookup:
            // Those of the only length that the graph reads.
            guard let length = network.fixedLength, lookup.isOfParameter, lookup.axis == 0, let constant = lookup.constant,
                constant.shape == [length] || constant.shape == [1, length],
                network.parameters[node.parameters[0].index].shape.count == 2
            else { return false }
            return constant.numbers == Array(0..<length)
        case is StoredValues: return node.parameters.first.map(isTableOfPositions) ?? false
        default: return false
        }
    }

    /// Whether a tensor has a row for each position of the only length that the graph reads, and is no mask of pairs of them.
    private func isTableOfPositions(_ id: ParameterID) -> Bool {
        let shape = network.parameters[id.index].shape
        return network.fixedLength != nil && shape.count == 2 && shape[0] == network.fixedLength && shape[1] != shape[0]
    }

    // MARK: Parameters

    /// The name of a parameter that an element can give.
    ///
    /// - Throws: ``Problem`` if it is a part of a tensor, or read in another shape.
    private func tensor(_ id: ParameterID, anyShape: Bool = false) throws(Problem) -> String {
        let parameter = network.parameters[id.index]
        guard parameter.slices.isEmpty, parameter.name == parameter.tensorName, let record = checkpoint[parameter.name],
            anyShape || record.shape == parameter.shape
        else { throw Problem("reads a part of a tensor, or in another shape, for which there are no words", found: "'\(parameter.name)'") }
        guard !parameter.name.contains(where: Element.isSeparator), Double(parameter.name) == nil else {
            throw Problem("reads a tensor whose name is no word", found: "'\(parameter.name)'")
        }
        return parameter.name
    }

    /// The module whose tensors an operation reads, all of them; nil if there is none, or it has been named before.
    private mutating func module(_ names: [String], _ parts: [String]) -> String? {
        guard let first = names.first, names.count == parts.count, first.hasSuffix("." + parts[0]) else { return nil }
        let module = String(first.dropLast(parts[0].utf8.count + 1))
        guard names == parts.map({ module + "." + $0 }), parts.contains("bias") || checkpoint[module + ".bias"] == nil,
            parts.contains("running_mean") || checkpoint[module + ".running_mean"] == nil, used.insert(module).inserted
        else { return nil }
        return module
    }

    // MARK: Elements

    private mutating func add(
        _ name: String, _ settings: [Setting] = [], of node: NodeID, source: NodeID? = nil, operands: [NodeID] = [], isModule: Bool = false,
        isStep: Bool = false
    ) {
        items.append(
            Item(
                source: source ?? network.nodes[node.index].inputs.first, operands: operands, name: name, settings: settings,
                node: isStep ? nil : node, isModule: isModule))
    }

    /// An operation with weights: its module, or an operation with its tensors.
    private mutating func add(
        _ operation: String, weights parts: [String], _ settings: [Setting], of node: NodeID, own: [Setting] = [],
        as named: [String]? = nil, anyShape: Bool = false, instead others: [Setting]? = nil
    ) throws(Problem) {
        var names: [String] = []
        for parameter in network.nodes[node.index].parameters { names.append(try tensor(parameter, anyShape: anyShape)) }
        let parts = Array(parts.prefix(names.count))
        if own.isEmpty, !anyShape, let module = module(names, parts), !module.contains(where: Element.isSeparator) {
            return add(module, settings, of: node, isModule: true)
        }
        add(operation, zip(named ?? parts, names).map { Setting($0, $1) } + (others ?? settings) + own, of: node)
    }

    private static func number(_ number: Float) -> String { Int(exactly: number).map { "\($0)" } ?? "\(number)" }

    private static func pair(_ name: String?, _ pair: (Int, Int), unless usual: (Int, Int)? = nil) -> [Setting] {
        if let usual, usual == pair { return [] }
        return [Setting(name, pair.0 == pair.1 ? "\(pair.0)" : "\(pair.0)x\(pair.1)")]
    }

    private static func real(_ name: String, _ number: Float, unless usual: Float) -> [Setting] {
        number == usual ? [] : [Setting(name, Self.number(number))]
    }

    /// An entry of a table that gets no gradient.
    private static func padding(_ entry: Int?) -> [Setting] { entry.map { [Setting("padding", "\($0)")] } ?? [] }

    private mutating func describe(_ id: NodeID) throws(Problem) {
        let node = network.nodes[id.index]
        switch node.operation {
        case is InputOperation:
            guard case .values(let shape) = network.input else { throw Problem("has no words") }
            items.append(
                Item(
                    source: nil, name: "input", settings: [Setting(nil, shape.map { $0.map(String.init) ?? "any" }.joined(separator: "x"))],
                    node: id, isModule: false))
        case is TokenNumbers: break
        case let embedding as Embedding where embedding.layout == .rows:
            add(
                "embedding",
                [Setting(nil, try tensor(node.parameters[0]))] + Self.real("scale", embedding.scale, unless: 1)
                    + Self.padding(embedding.padding), of: id)
        case let lookup as EntryLookup where lookup.isOfParameter && lookup.axis == 0 && lookup.constant == nil:
            guard network.nodes[node.inputs[0].index].operation is TokenNumbers else {
                throw Problem("has no words", found: "a table of numbers")
            }
            let settings = [Setting(nil, try tensor(node.parameters[0]))] + Self.padding(lookup.padding)
            items.append(Item(source: nil, name: "embedding", settings: settings, node: id, isModule: false))
        case let linear as Linear:
            try add("linear", weights: ["weight", "bias"], [], of: id, own: linear.layout == .outIn ? [] : [Setting("layout", "in_out")])
        case let convolution as Convolution:
            try add(
                "conv", weights: ["weight", "bias"],
                Self.pair("stride", convolution.stride, unless: (1, 1)) + Self.pair("padding", convolution.padding, unless: (0, 0))
                    + Self.pair("dilation", convolution.dilation, unless: (1, 1))
                    + (convolution.groups == 1 ? [] : [Setting("groups", "\(convolution.groups)")]), of: id)
        case let norm as BatchNorm:
            guard let momentum = norm.momentum else { throw Problem("has no words", found: "a batch norm with the mean of all batches") }
            let parts = node.parameters.count == 2 ? [] : ["weight", "bias"]
            try add(
                "batchnorm", weights: parts + ["running_mean", "running_var"],
                Self.real("eps", norm.epsilon, unless: 1e-5)
                    + (abs(momentum - 0.1) < 1e-6 ? [] : [Setting("momentum", Self.number(momentum))]), of: id,
                as: parts + ["mean", "var"])
        case let norm as LayerNorm:
            try add("layernorm", weights: ["weight", "bias"], Self.real("eps", norm.epsilon, unless: 1e-5), of: id)
        case let norm as GroupNorm: try describe(norm, id, node)
        case let norm as RMSNorm:
            add(
                "rmsnorm",
                [Setting("weight", try tensor(node.parameters[0]))] + Self.real("eps", norm.epsilon, unless: 1e-6)
                    + Self.real("offset", norm.offset, unless: 0), of: id)
        case let sum as Sum: try describe(sum, id, node)
        case is GatedProduct: add("mul", of: id, operands: [node.inputs[1]])
        case let arithmetic as Arithmetic: try describe(arithmetic, id, node)
        case let scaling as Scaling: add("mul", [Setting(nil, Self.number(scaling.factor))], of: id)
        case let product as MatrixProduct:
            guard !product.parameterFirst || node.parameters.isEmpty else {
                throw Problem("has no words", found: "a product with a tensor on the left")
            }
            let scale = Self.real("scale", product.scale, unless: 1)
            var named: [Setting] = []
            if let parameter = node.parameters.first { named = [Setting(nil, try tensor(parameter))] }
            add("matmul", named + scale, of: id, operands: Array(node.inputs.dropFirst()))
        case is AttentionValues:
            guard let attention = attentions[id] else { throw Problem("has no words", found: "an attention with a step of its own") }
            try describe(attention, id, node)
        case is Concatenation where node.inputs.count == 1: add("identity", of: id)
        case let concatenation as Concatenation where concatenation.axis > 0:
            add("concat", [Setting("axis", "\(concatenation.axis)")], of: id, operands: Array(node.inputs.dropFirst()))
        case let rows as InsertedRows:
            var settings: [Setting] = []
            for parameter in node.parameters { settings.append(Setting(nil, try tensor(parameter, anyShape: true))) }
            add("insert", settings + (rows.position == 0 ? [] : [Setting("position", "\(rows.position)")]), of: id)
        default:
            guard let element = Self.element(of: node.operation) else {
                throw Problem("has no words", found: "the operation \(node.operation.name)")
            }
            // Rows of images take two steps.
            if let first = element.first, element.count == 2 { add(first.name, first.settings, of: id, isStep: true) }
            if let last = element.last {
                if element.count == 2 {
                    items.append(Item(source: nil, name: last.name, settings: last.settings, node: id, isModule: false))
                } else {
                    add(last.name, last.settings, of: id)
                }
            }
        }
    }

    private mutating func describe(_ norm: GroupNorm, _ id: NodeID, _ node: Node) throws(Problem) {
        let name = norm.groups == nil ? "instancenorm" : "groupnorm"
        let epsilon = Self.real("eps", norm.epsilon, unless: 1e-5)
        let lists = node.parameters.map { checkpoint[network.parameters[$0.index].tensorName]?.shape ?? [] }
        guard lists.allSatisfy({ $0.dropFirst().allSatisfy { $0 == 1 } }) else {
            throw Problem("reads a tensor in another shape, for which there are no words", found: lists.map(words).joined(separator: ", "))
        }
        guard let list = lists.first else {
            return add(name, (norm.groups.map { [Setting(nil, "\($0)")] } ?? []) + epsilon, of: id)
        }
        // A module has as many groups as channels where each is one.
        let isList = lists.allSatisfy { $0.count == 1 }
        let groups = norm.groups.map { [Setting("groups", "\($0)")] } ?? []
        let own = isList && norm.groups == nil ? [Setting("groups", "\(list[0])")] : groups
        try add(name, weights: ["weight", "bias"], own + epsilon, of: id, anyShape: !isList, instead: groups + epsilon)
    }

    private mutating func describe(_ sum: Sum, _ id: NodeID, _ node: Node) throws(Problem) {
        guard node.inputs.count > 1 else { return add("identity", of: id) }
        if try !describeTable(id) { add("add", of: id, operands: Array(node.inputs.dropFirst())) }
    }

    /// A sum with a table of positions.
    ///
    /// - Returns: whether it is one.
    private mutating func describeTable(_ id: NodeID) throws(Problem) -> Bool {
        guard let (source, table) = tables[id] else { return false }
        let name = try tensor(network.nodes[table.index].parameters[0], anyShape: true)
        let operation = network.nodes[table.index].operation
        let padding = Self.padding((operation as? PositionEmbedding)?.padding)
        add(operation is PositionRows ? "add" : "positions", [Setting(nil, name)] + padding, of: id, source: source)
        return true
    }

    private mutating func describe(_ arithmetic: Arithmetic, _ id: NodeID, _ node: Node) throws(Problem) {
        if try describeTable(id) { return }
        let names: [Arithmetic.Function: String] = [.add: "add", .multiply: "mul", .subtract: "sub", .divide: "div"]
        let commutes = arithmetic.function == .add || arithmetic.function == .multiply
        guard let name = names[arithmetic.function], commutes || !arithmetic.parameterFirst || node.parameters.isEmpty else {
            throw Problem("has no words", found: "the operation \(arithmetic.name)")
        }
        var settings: [Setting] = []
        if arithmetic.function == .add, let parameter = node.parameters.first, node.inputs.count == 1, isTableOfPositions(parameter) {
            return add("positions", [Setting(nil, try tensor(parameter))], of: id)
        }
        if let parameter = node.parameters.first { settings = [Setting(nil, try tensor(parameter))] }
        add(name, settings, of: id, operands: Array(node.inputs.dropFirst()))
    }

    private mutating func describe(_ attention: MergedAttention, _ id: NodeID, _ node: Node) throws(Problem) {
        let pattern = network.nodes[node.inputs[0].index]
        guard let scores = network.nodes[pattern.inputs[0].index].operation as? AttentionScores, scores.adjustment == .none else {
            throw Problem("has no words", found: "an attention whose scores are adjusted")
        }
        let heads = scores.heads
        var settings = [Setting("heads", "\(heads.heads)")]
        if heads.keyHeads != heads.heads { settings.append(Setting("key_heads", "\(heads.keyHeads)")) }
        switch scores.mask {
        case .none: break
        case .causal: settings.append(Setting("causal", "true"))
        case .window: throw Problem("has no words", found: "an attention to a window")
        case .chunk: throw Problem("has no words", found: "an attention within chunks")
        }
        if scores.scale != Float(1 / Double(heads.headDimension).squareRoot()) { settings.append(Setting("scale", "\(scores.scale)")) }
        add("attention", settings, of: id, source: attention.source, operands: attention.operands)
    }

    // MARK: Labels

    private func architecture() throws(Problem) -> Architecture {
        // Outputs that are read by more than the next element, or later.
        var named: Set<NodeID> = []
        var current: NodeID?
        for item in items {
            if let source = item.source, source != current { named.insert(source) }
            named.formUnion(item.operands)
            current = item.node
        }
        var labels: [NodeID: String] = [:]
        var taken: Set<String> = []
        let modules = ModuleNames(checkpoint)
        for node in named.sorted() {
            let site = network.nodes[node.index].site
            if network.nodes[node.index].operation is InputOperation {
                labels[node] = "input"
                continue
            }
            let isFree =
                modules[site].map { $0.tensors.isEmpty } ?? true && checkpoint[site] == nil && !ChainOperations.isName(site)
                && WordOperations.entries[site.lowercased()] == nil && Double(site) == nil && site != "input" && !site.isEmpty
                && !site.contains { Element.isSeparator($0) || $0.isWhitespace }
            var label = isFree ? site : "x"
            var count = 0
            while (!isFree && count == 0) || taken.contains(label) || modules[label] != nil || checkpoint[label] != nil {
                count += 1
                label = "x\(count)"
            }
            taken.insert(label)
            labels[node] = label
        }
        var elements: [Element] = []
        current = nil
        for item in items {
            if let source = item.source, source != current, let label = labels[source] { elements.append(Element(label)) }
            let operands = item.operands.map { Setting(nil, labels[$0] ?? "") }
            let label = item.node.flatMap { labels[$0] }
            elements.append(Element(item.name, operands + item.settings, label: item.name == "input" ? nil : label))
            current = item.node
        }
        guard items.last?.node == network.output else {
            throw Problem(
                "has no words", subject: "site '\(network.nodes[network.output.index].site)'", expected: "an output that comes last")
        }
        return Architecture(elements).naming(.constants, try constants()).naming(.unread, Self.unread(by: network, in: checkpoint))
    }

    /// The tensors that the elements read and training leaves as they are, in the order of the network.
    private func constants() throws(Problem) -> [String] {
        let fixed = Set(network.constants)
        var names: [String] = []
        for index in network.nodes.indices where isNeeded(NodeID(index)) {
            for parameter in network.nodes[index].parameters {
                let name = network.parameters[parameter.index].name
                if fixed.contains(name), !names.contains(name) { names.append(try tensor(parameter, anyShape: true)) }
            }
        }
        return names
    }
}
