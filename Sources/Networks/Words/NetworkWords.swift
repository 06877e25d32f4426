import Checkpoints
import Tensors
import Text

/// A network as words, from which the same network can be built.
struct NetworkWords {
    typealias Element = Architecture.Element
    typealias Setting = Architecture.Setting

    /// One element before outputs have labels.
    struct Item {
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

    let network: Network
    let checkpoint: Checkpoint
    let readers: [Int]
    var items: [Item] = []
    private var used: Set<String> = []
    /// Nodes that are parts of another's element.
    var merged: Set<NodeID> = []

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

    func isNeeded(_ node: NodeID) -> Bool { readers[node.index] > 0 }

    // MARK: Several nodes in one element

    struct MergedAttention {
        let source: NodeID
        let operands: [NodeID]
    }

    var attentions: [NodeID: MergedAttention] = [:]
    /// Tables of tensors that a sum adds, by the sum.
    var tables: [NodeID: (source: NodeID, table: NodeID)] = [:]

    // MARK: Parameters

    /// The name of a parameter that an element can give.
    ///
    /// - Throws: ``Problem`` if it is a part of a tensor, or read in another shape.
    func tensor(_ id: ParameterID, anyShape: Bool = false) throws(Problem) -> String {
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

    // MARK: Additions

    mutating func add(
        _ name: String, _ settings: [Setting] = [], of node: NodeID, source: NodeID? = nil, operands: [NodeID] = [], isModule: Bool = false,
        isStep: Bool = false
    ) {
        items.append(
            Item(
                source: source ?? network.nodes[node.index].inputs.first, operands: operands, name: name, settings: settings,
                node: isStep ? nil : node, isModule: isModule))
    }

    /// An operation with weights: its module, or an operation with its tensors.
    mutating func add(
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

    static func number(_ number: Float) -> String { Int(exactly: number).map { "\($0)" } ?? "\(number)" }

    static func pair(_ name: String?, _ pair: (Int, Int), unless usual: (Int, Int)? = nil) -> [Setting] {
        if let usual, usual == pair { return [] }
        return [Setting(name, pair.0 == pair.1 ? "\(pair.0)" : "\(pair.0)x\(pair.1)")]
    }

    static func real(_ name: String, _ number: Float, unless usual: Float) -> [Setting] {
        number == usual ? [] : [Setting(name, Self.number(number))]
    }

    /// An entry of a table that gets no gradient.
    static func padding(_ entry: Int?) -> [Setting] { entry.map { [Setting("padding", "\($0)")] } ?? [] }
}
