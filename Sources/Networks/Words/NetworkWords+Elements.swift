import Checkpoints
import Text

/// The elements of single operations.
extension NetworkWords {
    mutating func describe(_ id: NodeID) throws(Problem) {
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

    mutating func describe(_ norm: GroupNorm, _ id: NodeID, _ node: Node) throws(Problem) {
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

    mutating func describe(_ sum: Sum, _ id: NodeID, _ node: Node) throws(Problem) {
        guard node.inputs.count > 1 else { return add("identity", of: id) }
        if try !describeTable(id) { add("add", of: id, operands: Array(node.inputs.dropFirst())) }
    }

    /// A sum with a table of positions.
    ///
    /// - Returns: whether it is one.
    mutating func describeTable(_ id: NodeID) throws(Problem) -> Bool {
        guard let (source, table) = tables[id] else { return false }
        let name = try tensor(network.nodes[table.index].parameters[0], anyShape: true)
        let operation = network.nodes[table.index].operation
        let padding = Self.padding((operation as? PositionEmbedding)?.padding)
        add(operation is PositionRows ? "add" : "positions", [Setting(nil, name)] + padding, of: id, source: source)
        return true
    }

    mutating func describe(_ arithmetic: Arithmetic, _ id: NodeID, _ node: Node) throws(Problem) {
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

    mutating func describe(_ attention: MergedAttention, _ id: NodeID, _ node: Node) throws(Problem) {
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
}
