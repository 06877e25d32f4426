import Checkpoints
import Text

/// A graph of operations as the words of an ``Architecture`` describe it, one element after the other.
///
/// Each element reads the output of the one before it. A label alone goes on from the output that has it, and operations with operands read
/// others too. Whoever has modules adds them; operations without weights are known here.
struct WordGraph {
    typealias Element = Architecture.Element

    /// What an operation reads beside the output before it.
    enum Operand {
        /// The output of a node.
        case output(String)
        case number(Double)
        case tensor(NetworkGraph.Parameter)
    }

    private(set) var nodes: [NetworkGraph.Node] = []
    /// The layers of a plain chain; those of a graph mean nothing.
    private(set) var layers: [LayerPart] = []
    /// The node that the next element reads.
    private(set) var current = "input"
    /// Whether some element reads more or something else than the output before it.
    private(set) var isGraph = false
    /// The module whose output the next operations work on; they are named after it.
    private var lastModule: String?
    private var sites = UniqueNames(separator: ".")
    /// The shapes of all outputs for the probe; empty if they are not followed.
    private var shapes: [String: [Int]] = [:]
    private var labels: [String: String] = [:]
    /// The labels of all elements, those that have not come yet among them.
    private let allLabels: Set<String>
    /// The outputs that something reads.
    private var read: Set<String> = []
    /// The elements that made an output, to be named if nothing reads it.
    private var makers: [(node: String, element: Element)] = []

    /// A batch for which shapes are followed; nil if they are checked only when the network runs.
    let probe: BatchShape?
    /// The shape of a tensor of the checkpoint.
    private let tensorShape: (String) -> [Int]?
    /// Whether a name is that of a module or a tensor.
    private let isTaken: (String) -> Bool

    init(
        _ architecture: Architecture, probe: BatchShape?, tensorShape: @escaping (String) -> [Int]?, isTaken: @escaping (String) -> Bool
    ) {
        self.probe = probe
        self.tensorShape = tensorShape
        self.isTaken = isTaken
        allLabels = Set(architecture.elements.compactMap(\.label))
    }

    func failure(_ what: String, _ element: Element, expected: String? = nil, found: String? = nil, hint: Hint? = nil) -> Problem {
        Problem(what, setting: .architecture, subject: "'\(element)'", expected: expected, found: found, hint: hint)
    }

    /// The shape of an output; nil if shapes are not followed.
    func shape(of node: String) -> [Int]? { shapes[node] }

    /// The channels of the images that the next element reads; nil if they are not known to be images.
    var channels: Int? { shape(of: current).flatMap { $0.count == 4 ? $0[1] : nil } }

    // MARK: Elements

    /// Adds the input of samples, which is no element unless its shape is given.
    mutating func addInput() throws(Problem) {
        _ = sites.take("input")
        labels["input"] = "input"
        try add("input", InputOperation(), [], for: Element("input"))
        layers = []
    }

    /// Adds an element that is no module.
    ///
    /// - Parameter modules: the names of the modules, for the message that there is no such element.
    mutating func add(_ element: Element, modules: [String]) throws(Problem) {
        if element.settings.isEmpty, let node = labels[element.name] {
            isGraph = true
            current = node
            read.insert(node)
            lastModule = element.name == "input" ? nil : element.name
            return try keepLabel(of: element)
        }
        if let operation = try ChainOperations.operation(element) {
            try add(site(element), operation, [current], for: element)
        } else if let operation = WordOperations.entries[element.name.lowercased()] {
            isGraph = true
            try operation.add(&self, element)
        } else {
            if allLabels.contains(element.name) {
                throw failure("comes before the output that has this label", element, expected: "the label after its definition")
            }
            let known = ChainOperations.names + WordOperations.names
            let candidates = (modules + known).map { (compared: String($0.prefix { $0 != "(" }), name: String($0.prefix { $0 != "(" })) }
            throw Problem(
                "is neither a module of the checkpoint nor an operation", setting: .architecture, subject: "'\(element.name)'",
                expected: (modules.isEmpty ? "one of the operations " : "one of the modules \(modules.listed()), or ")
                    + known.listed(),
                hint: .nearest(GlobPattern(element.name).nearest(in: candidates, count: 1)))
        }
        try keepLabel(of: element)
    }

    /// Adds a module's operation, whose site is the module's name.
    mutating func add(
        module name: String, _ operation: any Operation, parameters: [NetworkGraph.Parameter], for element: Element
    ) throws(Problem) {
        lastModule = name
        try add(unique(name), operation, [current], parameters: parameters, for: element)
    }

    /// The site of an element's operation: its label, or its name after that of the module before it.
    mutating func site(_ element: Element) -> String {
        if let label = element.label, sites.take(label) { return label }
        return unique((lastModule ?? "input") + "." + element.name)
    }

    /// A site that no node has yet.
    mutating func unique(_ site: String) -> String { sites.unused(site) }

    /// Adds a node, from which the next element goes on.
    ///
    /// - Throws: ``Problem`` if the shapes do not go together, where they are followed.
    mutating func add(
        _ site: String, _ operation: any Operation, _ inputs: [String], parameters: [NetworkGraph.Parameter] = [],
        fusion: NetworkGraph.Fusion? = nil, for element: Element
    ) throws(Problem) {
        if let probe {
            let shape: [Int]
            do throws(Problem) {
                shape = try operation.outputShape(
                    inputs: inputs.map { shapes[$0] ?? [] }, parameters: parameters.map(\.shape), batch: probe)
                try Problem.check(elementsOf: shape)
            } catch {
                throw failure(error.what, element, expected: error.expected, found: error.found)
            }
            guard !shape.contains(0) else {
                throw failure("makes no numbers", element, expected: "lengths of at least 1", found: Networks.words(shape))
            }
            shapes[site] = shape
        }
        if let operation = operation as? any LayerOperation {
            layers.append(LayerPart(node: NodeID(nodes.count), operation: operation))
        } else if !nodes.isEmpty {
            isGraph = true
        }
        nodes.append(.init(site, operation, inputs: inputs, parameters: parameters, fusion: fusion))
        read.formUnion(inputs)
        makers.append((site, element))
        current = site
    }

    /// Names the output of an element that has a label.
    mutating func keepLabel(of element: Element) throws(Problem) {
        guard let label = element.label else { return }
        isGraph = true
        let isOperation = ChainOperations.isName(label) || WordOperations.entries[label.lowercased()] != nil
        guard !isTaken(label), !isOperation, label != "input", Double(label) == nil else {
            throw failure(
                "has a label that means something else", element, expected: "a word that is no module, tensor, operation or number",
                found: "'\(label)'")
        }
        guard labels.updateValue(current, forKey: label) == nil else {
            throw failure("has a label that another output has", element, expected: "one output of each label", found: "'\(label)' twice")
        }
    }

    // MARK: Operands

    /// What a word in parentheses names: an output, a number or a tensor.
    func operand(_ word: String, of element: Element) throws(Problem) -> Operand {
        if let node = labels[word] { return .output(node) }
        if let shape = tensorShape(word) { return .tensor(.init(word, shape: shape)) }
        if let number = Double(word), number.isFinite { return .number(number) }
        if allLabels.contains(word) {
            throw failure("reads an output that comes later", element, expected: "a label that is defined before it", found: "'\(word)'")
        }
        let known = labels.keys.sorted()
        throw failure(
            "reads what is neither a label nor a tensor nor a number", element,
            expected: known.isEmpty ? "a label, as x in x=relu" : "one of the labels \(known.listed())", found: "'\(word)'",
            hint: known.isEmpty ? nil : .nearest(GlobPattern(word).nearest(in: known.map { ($0, $0) }, count: 1)))
    }

    func operands(_ settings: inout SettingsReader, of element: Element) throws(Problem) -> [Operand] {
        var operands: [Operand] = []
        for word in settings.unnamed() { operands.append(try operand(word, of: element)) }
        guard !operands.isEmpty else { throw failure("combines nothing", element, expected: "labels, as in \(element.name)(x)") }
        return operands
    }

    /// A tensor that a setting names.
    func parameter(_ word: String, of element: Element) throws(Problem) -> NetworkGraph.Parameter {
        guard let shape = tensorShape(word) ?? tensorShape(word + ".weight") else {
            throw failure("reads a tensor that the checkpoint does not have", element, found: "'\(word)'")
        }
        return .init(tensorShape(word) != nil ? word : word + ".weight", shape: shape)
    }

    // MARK: The end

    /// The graph, whose output is the last element's.
    ///
    /// - Throws: ``Problem`` for an output that nothing reads.
    func graph(input: Network.Input) throws(Problem) -> NetworkGraph {
        let isInputRead = read.contains("input") || nodes.first?.name != "input"
        for maker in makers where maker.node != current && !read.contains(maker.node) && (maker.node != "input" || !isInputRead) {
            throw failure(
                "nothing reads its output", maker.element,
                expected: maker.element.label.map { "an element such as add(\($0))" }
                    ?? "a label, as in x=\(maker.element.name), that is read")
        }
        var graph = NetworkGraph(input: input, output: current)
        graph.nodes = nodes
        return graph
    }
}
