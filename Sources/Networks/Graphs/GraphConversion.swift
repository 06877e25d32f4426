import Checkpoints
import Tensors
import Text

/// Turns the operators of an ONNX graph into operations of a network.
///
/// Shapes are followed for several batches at once, the probes: what is the same for all is fixed, and what is not must be a simple function of
/// the batch's size. What depends on no input is computed at once.
struct GraphConversion {
    let model: ONNXModel
    let checkpoint: Checkpoint
    let probes: [BatchShape]
    /// The samples that the file fixes, where it fixes them.
    let fixedSamples: Int?
    /// The site of the network's input.
    let inputSite: String

    var graph: NetworkGraph
    var values: [String: GraphValue] = [:]
    /// The operators that read a value.
    let readers: [String: [Int]]
    /// Pools that were written out.
    var writtenPools: [Int: WrittenPools.Pool] = [:]
    /// Operators whose output was made with that of another.
    var done: Set<Int> = []
    /// The numbers that may still be computed while the graph is read.
    private var budget = numberLimit
    private static let numberLimit = 1 << 25
    /// The numbers that were computed while the graph was read.
    var computedNumbers: Int { Self.numberLimit - budget }
    private(set) var shapesOfSites: [String: [[Int]]] = [:]
    /// How many entries of a dimension that the samples share with others are one sample's, side by side, for each probe, by the site; see
    /// ``SamplePlace``.
    var sampleRuns: [String: [Int]] = [:]
    private var depth = 0
    /// The sites of numbers that depend on the batch, by the operator that makes them.
    private var sitesOfOrigins: [Int: String] = [:]
    private var sites = UniqueNames(separator: "#")
    /// The largest of whole numbers that are 0 or more, one for each probe, by the site.
    var largest: [String: [Double]] = [:]
    /// The batch norms whose statistics are computed, which no training measures.
    var keptStatistics: [String] = []
    /// The entries of the table that the tokens choose from, and how many positions a table has.
    var vocabulary: Int?
    /// How many numbers tokens are told apart by, where no table has an entry for each of them as it is.
    var tokenLimit: Int?
    var positions: Int?

    init(
        _ model: ONNXModel, _ checkpoint: Checkpoint, probes: [BatchShape], fixedSamples: Int?, input: Network.Input, inputSite: String,
        readers: [String: [Int]]
    ) {
        self.model = model
        self.checkpoint = checkpoint
        self.probes = probes
        self.fixedSamples = fixedSamples
        self.inputSite = inputSite
        self.readers = readers
        graph = NetworkGraph(input: input)
        for (name, stored) in model.stored {
            // A graph kept beside the weights may speak of others.
            var count = 1
            for length in stored.shape { count = length < 0 ? -1 : count.multipliedReportingOverflow(by: length).partialValue }
            guard let record = checkpoint[stored.tensor], record.elementCount == count,
                stored.shape.allSatisfy({ $0 <= count || count == 0 })
            else { continue }
            values[name] = GraphValue(source: .parameter(stored), type: stored.type, shapes: probes.map { _ in stored.shape })
        }
    }

    /// Makes room for as many operators.
    mutating func reserve(_ count: Int) {
        values.reserveCapacity(count)
        shapesOfSites.reserveCapacity(count)
        graph.nodes.reserveCapacity(count)
    }

    // MARK: Values

    /// The value of an input of an operator; nil if it is left out.
    func value(_ node: ONNXModel.Node, _ place: Int) throws(Problem) -> GraphValue? {
        guard place < node.inputs.count, !node.inputs[place].isEmpty else { return nil }
        guard let value = values[node.inputs[place]] else {
            if let stored = model.stored[node.inputs[place]] {
                throw checkpoint.problem(ofTensor: stored.tensor)
                    ?? Problem("is not as in the graph", subject: "tensor '\(stored.tensor)'", expected: words(stored.shape))
            }
            throw Problem("reads a value that nothing makes", subject: node.subject, found: "'\(node.inputs[place])'")
        }
        return value
    }

    func required(_ node: ONNXModel.Node, _ place: Int) throws(Problem) -> GraphValue {
        guard let value = try value(node, place) else {
            throw Problem("has too few inputs", subject: node.subject, expected: "at least \(place + 1)", found: "\(node.inputs.count)")
        }
        return value
    }

    /// The most elements of a stored tensor that are read as settings of an operator.
    static let settingLimit = 1 << 16
    /// The most whole numbers or truth values of a stored tensor, such as a mask.
    private static let constantLimit = 1 << 24

    /// The numbers of a value, one for each probe or one for all; nil if they are computed, or too many.
    ///
    /// - Parameter isSetting: whether a stored tensor of any type counts, not only whole numbers and single ones.
    func numbers(_ value: GraphValue, isSetting: Bool = false) -> [GraphNumbers]? {
        switch value.source {
        case .numbers(let numbers): return numbers
        case .node: return nil
        case .parameter(let stored):
            let count = stored.shape.reduce(1, { $0.multipliedReportingOverflow(by: $1).partialValue })
            // A single number without a dimension is a constant of the computation, not a weight, unless the file says that it was learned; and so
            // is one that the exporter named.
            let isConstant = stored.isLearned != true && (stored.shape.isEmpty || stored.shape == [1] && Self.isExporters(stored.tensor))
            guard isSetting || stored.type.isWhole || isConstant,
                count >= 0, count <= Self.settingLimit, !stored.isTransposed,
                let record = checkpoint[stored.tensor], record.elementCount == count
            else { return nil }
            return [GraphNumbers(stored.shape, record.doubles())]
        }
    }

    /// Whether a name is one that PyTorch's exporter gives to the constants of a computation: `val_58`. Weights have names of modules.
    static func isExporters(_ name: String) -> Bool {
        name.hasPrefix("val_") && name.count > 4 && name.dropFirst(4).utf8.allSatisfy { (48...57).contains($0) }
    }

    /// The numbers of an input that are the same for every batch; nil if it is left out.
    ///
    /// - Throws: ``Problem`` if they are not known.
    func setting(_ node: ONNXModel.Node, _ place: Int, _ what: String) throws(Problem) -> GraphNumbers? {
        guard let value = try value(node, place) else { return nil }
        guard let numbers = numbers(value, isSetting: true), numbers.count == 1 else {
            throw Problem(
                "the \(what) is computed while the model runs, which is not done here", subject: node.subject, expected: "constants")
        }
        return numbers[0]
    }

    mutating func take(_ count: Int) throws(Problem) {
        budget -= count
        guard budget >= 0 else {
            throw Problem(
                "the graph's constants are too large together", expected: "at most \(Self.numberLimit) numbers",
                found: "\(Self.numberLimit - budget)")
        }
    }

    // MARK: Nodes

    /// The site of an operator's output: its name as the exporter wrote it, or that of its output.
    func site(_ node: ONNXModel.Node, _ part: String = "") -> String {
        let name = node.name.isEmpty ? node.outputs.first ?? node.operation : node.name
        return part.isEmpty ? name : "\(name).\(part)"
    }

    /// Adds a node to the network.
    ///
    /// - Parameter isAgain: whether a node of that name has been taken away.
    /// - Throws: ``Problem`` if the shapes do not go together.
    mutating func add(
        _ site: String, _ operation: any Operation, _ inputs: [String] = [], parameters: [NetworkGraph.Parameter] = [],
        type: ONNXModel.ElementType = .float, isAgain: Bool = false
    ) throws(Problem) -> GraphValue {
        try checkThatSamplesStayApart(operation, inputs)
        let name = isAgain ? site : sites.unused(site)
        var shapes: [[Int]] = []
        for (place, probe) in probes.enumerated() {
            let read = inputs.map { shapesOfSites[$0]![place] }
            let shape: [Int]
            do throws(Problem) {
                shape = try operation.outputShape(inputs: read, parameters: parameters.map(\.shape), batch: probe)
            } catch {
                throw error.about("node '\(site)'")
            }
            try Problem.check(elementsOf: shape)
            shapes.append(shape)
        }
        graph.nodes.append(.init(name, operation, inputs: inputs, parameters: parameters))
        shapesOfSites[name] = shapes
        try followSamples(name, shapes, inputs)
        followLargest(name, operation, inputs, shapes)
        return GraphValue(source: .node(name), type: type, shapes: shapes)
    }

    /// A stored tensor as a parameter in another shape of as many elements; nil if the checkpoint has its dimensions the other way round.
    func parameter(_ stored: ONNXModel.Stored, shape: [Int]? = nil) -> NetworkGraph.Parameter? {
        guard !stored.isTransposed, let record = checkpoint[stored.tensor] else {
            return stored.isTransposed ? nil : NetworkGraph.Parameter(stored.tensor, shape: shape ?? stored.shape, stored: stored.shape)
        }
        // A checkpoint may have the elements in another shape, as those of recurrent layers.
        return NetworkGraph.Parameter(stored.tensor, shape: shape ?? stored.shape, stored: record.shape)
    }

    /// The site of a value, which is made if it is not yet.
    mutating func site(of value: GraphValue, for name: String) throws(Problem) -> String {
        switch value.source {
        case .node(let site): return site
        case .parameter(let stored):
            if stored.type == .bool || stored.type.isWhole || numbers(value) != nil {
                if let known = numbers(value, isSetting: true) { return try constant(known[0], name, stored.type) }
                guard !stored.isTransposed, let record = checkpoint[stored.tensor], record.elementCount <= Self.constantLimit,
                    record.elementCount == stored.shape.reduce(1, *)
                else {
                    throw Problem(
                        "is a constant of too many whole numbers", subject: "tensor '\(stored.tensor)'",
                        expected: "at most \(Self.constantLimit)", found: words(stored.shape))
                }
                return try add(
                    "\(name).constant", StoredValues(Tensor(shape: stored.shape, record.floats())), type: stored.type
                ).site!
            }
            if let parameter = parameter(stored) {
                return try add("\(name).\(stored.tensor)", StoredValues(), parameters: [parameter]).site!
            }
            // The checkpoint has it as the layer that multiplies by it reads it.
            var turned = stored.shape
            turned.swapAt(0, 1)
            let kept = try add(
                "\(name).\(stored.tensor)", StoredValues(),
                parameters: [.init(stored.tensor, shape: turned, stored: checkpoint[stored.tensor]?.shape)]
            ).site!
            return try add("\(name).transposed", Rearrangement(.transposed([1, 0] + Array(stored.shape.indices.dropFirst(2)))), [kept])
                .site!
        case .numbers(let numbers):
            if numbers.count == 1 { return try constant(numbers[0], name, value.type) }
            return try made(value, numbers, name)
        }
    }

    private mutating func constant(_ numbers: GraphNumbers, _ name: String, _ type: ONNXModel.ElementType) throws(Problem) -> String {
        try add(
            "\(name).constant", StoredValues(Tensor(shape: numbers.shape, numbers.values.map { Float($0) })), type: type
        ).site!
    }

    /// Numbers that depend on the batch's size as nodes that make them.
    private mutating func made(_ value: GraphValue, _ numbers: [GraphNumbers], _ name: String) throws(Problem) -> String {
        let shapes = numbers.map(\.shape)
        if let template = template(shapes) {
            let first = numbers.lazy.compactMap(\.values.first).first ?? 0
            if numbers.allSatisfy({ $0.values.allSatisfy { $0 == first } }) {
                return try add("\(name).constant", BatchNumbers(.fill(Float(first)), template), [inputSite], type: value.type).site!
            }
            if numbers.allSatisfy({ $0.values.count == 1 }), let length = ShapeTemplate.Length(numbers.map { $0.integers[0] }, probes) {
                return try add("\(name).constant", BatchNumbers(.length(length), template), [inputSite], type: value.type).site!
            }
            if let row = sameForEachSample(numbers) {
                let once = try constant(row, name, value.type)
                return try add("\(name).samples", Rearrangement(.repeated(template)), [once], type: value.type).site!
            }
            if let kind = GraphNumbers.triangle(numbers) ?? GraphNumbers.band(numbers) {
                return try add("\(name).mask", BatchNumbers(kind, template), [inputSite], type: value.type).site!
            }
            if let (start, step) = GraphNumbers.progression(numbers), let first = ShapeTemplate.Length(start, probes) {
                return try add("\(name).range", BatchNumbers(.range(first: first, step: step), template), [inputSite], type: value.type)
                    .site!
            }
        }
        guard let origin = value.origin, depth < 256 else {
            throw Problem("a constant depends on the batch in a way that is not followed", subject: "node '\(name)'")
        }
        if let site = sitesOfOrigins[origin] { return site }
        depth += 1
        defer { depth -= 1 }
        let node = model.nodes[origin]
        let made = try converted(origin)
        guard let value = made.first else {
            throw Problem("a constant depends on the batch in a way that is not followed", subject: node.subject)
        }
        let site = try site(of: value, for: site(node))
        sitesOfOrigins[origin] = site
        return site
    }

    /// A template of shapes, one for each probe.
    ///
    /// - Parameter input: the shapes of what is reshaped, whose lengths may be taken over.
    func template(_ shapes: [[Int]], input: [[Int]]? = nil) -> ShapeTemplate? {
        guard let rank = shapes.first?.count, shapes.allSatisfy({ $0.count == rank }) else { return nil }
        var lengths: [ShapeTemplate.Length] = []
        var hasRest = false
        for axis in 0..<rank {
            if let length = ShapeTemplate.Length(shapes.map { $0[axis] }, probes) {
                lengths.append(length)
            } else if let input,
                let same = input[0].indices.first(where: { axis in
                    zip(input, shapes).allSatisfy { $0.indices.contains(axis) && $0[axis] == $1[lengths.count] }
                })
            {
                lengths.append(.same(same))
            } else if input != nil, !hasRest {
                hasRest = true
                lengths.append(.rest)
            } else {
                return nil
            }
        }
        return ShapeTemplate(lengths)
    }
}
