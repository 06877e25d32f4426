import Checkpoints
import Tensors
import Text

/// A node's place in its network.
package struct NodeID: Hashable, Sendable, Comparable {
    package let index: Int
    package init(_ index: Int) { self.index = index }
    package static func < (a: NodeID, b: NodeID) -> Bool { a.index < b.index }
}

/// A parameter's place in its network.
package struct ParameterID: Hashable, Sendable {
    package let index: Int
    package init(_ index: Int) { self.index = index }
}

/// One operation of a network with what it reads.
package struct Node: Sendable {
    /// The name of the operation's output, by which interventions and recordings find it.
    package let site: String
    package let operation: any Operation
    package let inputs: [NodeID]
    package let parameters: [ParameterID]
    /// A shorter way to the same output that leaves nodes out, used if nobody reads those.
    package let fusion: Fusion?

    /// Whether the output is a function of one number, element by element: what a network's nonlinearities make.
    package var isActivation: Bool { operation is Activation }

    /// Several nodes in one.
    package struct Fusion: Sendable {
        package let operation: any Operation
        package let inputs: [NodeID]
        package var parameters: [ParameterID] = []
        /// The nodes whose outputs are not made.
        package let replaces: [NodeID]
    }
}

/// A tensor of learned numbers, as read by the operations.
package struct Parameter: Sendable {
    /// The tensor's name in the checkpoint; for a part of a tensor, the name of the layer that it is.
    package let name: String
    /// The shape as the operations read it.
    package let shape: [Int]
    /// The name of the tensor that holds it.
    package let tensorName: String
    /// Which places of the tensor it has; empty for the whole tensor.
    package let slices: [TensorRecord.Slice]
    /// How the tensor is stored, if its dimensions are read in another order.
    package let stored: StoredOrder?

    /// The shape of a stored tensor, and its dimensions in the order in which they are read.
    package struct StoredOrder: Sendable {
        package let shape: [Int]
        package let order: [Int]

        /// Numbers as they are read, in the order in which they are stored.
        package func storing(_ tensor: Tensors.Tensor) -> Tensors.Tensor {
            let read = order.map { shape[$0] }
            var strides = [Int](repeating: 1, count: read.count)
            for place in read.indices.dropLast().reversed() { strides[place] = strides[place + 1] * read[place + 1] }
            // The stride, among the numbers as they are read, of each stored dimension.
            var stored = [Int](repeating: 0, count: shape.count)
            for (place, dimension) in order.enumerated() { stored[dimension] = strides[place] }
            let numbers = tensor.withElements { elements in
                (0..<elements.count).map { index in
                    var (rest, place) = (index, 0)
                    for dimension in shape.indices.reversed() {
                        place += rest % shape[dimension] * stored[dimension]
                        rest /= shape[dimension]
                    }
                    return elements[place]
                }
            }
            return Tensors.Tensor(shape: shape, numbers)
        }
    }

    package init(
        name: String, shape: [Int], tensorName: String? = nil, slices: [TensorRecord.Slice] = [], stored: StoredOrder? = nil
    ) {
        self.stored = stored
        self.name = name
        self.shape = shape
        self.tensorName = tensorName ?? name
        self.slices = slices
    }
}

/// A static directed acyclic graph of operations, polymorphic in the number of samples and the length of sequences.
package struct Network: Sendable {
    /// The input of a network.
    package enum Input: Sendable, Equatable {
        /// Numbers; the shape of one sample, with nil for a length that the model does not fix.
        case values(shape: [Int?])
        /// Token ids below `vocabulary`; sequences of at most `positions`, if the model bounds them.
        case tokens(vocabulary: Int, positions: Int?)
    }

    /// Each after all that it reads.
    package internal(set) var nodes: [Node] { didSet { derivations = Derivations() } }
    package let parameters: [Parameter]
    /// The numbers of the parameters, in their order.
    package let values: ParameterValues
    package let input: Input
    /// The node whose output the model answers with: scores of classes [samples, classes], or of tokens [samples, length, vocabulary].
    package internal(set) var output: NodeID
    /// What makes the model's answer of the output, in a network of ``scoring``; nil where the output is the answer.
    package internal(set) var answerSteps: AnswerSteps?
    /// The number of classes or tokens that the output scores.
    package let outputWidth: Int
    /// Which nodes are which part of the model.
    package internal(set) var anatomy: Anatomy
    /// Tensors of the checkpoint that the network does not read, masks and tables that follow from the settings aside.
    package let unusedTensors: [String]

    /// The tensors without a dimension that a graph reads as numbers of its computation, under names that no exporter made up: they may have been
    /// learned, and no training changes them.
    package internal(set) var fixedNumbers: [String] = []
    /// The tensors of which the file of a graph does not say whether they are parameters or buffers, and of which their names and uses do not either.
    package internal(set) var unsaidTensors: [String] = []

    /// Other floating-point tensors whose numbers a graph reads as settings of its operators, such as bounds, or computes with before it runs, and
    /// that the model may have learned: no training changes them.
    package internal(set) var untrained: [String] = []
    /// The batch norms of a graph, by their sites there, whose mean and variance are computed: training neither measures batches for them nor
    /// updates them.
    package internal(set) var keptStatistics: [String] = []

    /// The node of a site's name. Names of hooks may be written without `hook_`.
    package subscript(site: String) -> NodeID? {
        if let exact = places[site] { return exact }
        return places[Self.shortened(site)]
    }

    /// What the file calls its outputs of numbers if it has several, the one that the network answers with first; empty otherwise.
    package internal(set) var outputNames: [String] = []

    /// What operations read that the graph has beside those of the answer: what other outputs are made of.
    package internal(set) var beside: Beside?

    /// The only number of tokens that sequences may have; nil if the graph leaves it open.
    package internal(set) var fixedLength: Int? { didSet { derivations = Derivations() } }

    /// Whether the file says that sequences have that length, rather than that its operators go together with no other.
    var isLengthOfFile = false
    /// The shape of samples where somebody has said it because the file leaves it open.
    var givenSamples: [Int?]?

    /// The fewest tokens that the export was made for, or that its layers need; nil if there may be any number.
    package internal(set) var shortestLength: Int? { didSet { derivations = Derivations() } }

    /// Finds whether later tokens are seen; nil where it is known, or makes no difference.
    var laterTokens: LaterTokens?

    /// The tensors that no training changes, by the names of their parameters.
    var fixedTensors = FixedTensors()

    /// What the file calls the classes that the outputs score, in their order; nil if it does not say.
    package internal(set) var classLabels: [Int]?

    /// The names that the file gives to the classes, in their order; nil if it gives none.
    package internal(set) var classNames: [String]?

    private let places: [String: NodeID]

    /// What follows from the nodes, derived once for all copies of the network.
    private struct Derivations {
        let dimensions = Derived<NeuronDimensions>()
        let exampleBatch = Derived<BatchShape>()
        let exampleShapes = Derived<Result<[[Int]], Problem>>()
    }

    private var derivations = Derivations()

    /// The tensors of the checkpoint that are one under several names.
    private let ties: TiedTensors?

    init(
        nodes: [Node], parameters: [Parameter], values: ParameterValues, input: Input, output: NodeID, outputWidth: Int,
        unusedTensors: [String], anatomy: Anatomy = Anatomy(), ties: TiedTensors? = nil
    ) {
        self.ties = ties
        self.nodes = nodes
        self.parameters = parameters
        self.values = values
        self.input = input
        self.output = output
        self.outputWidth = outputWidth
        self.unusedTensors = unusedTensors
        self.anatomy = anatomy
        var places: [String: NodeID] = [:]
        places.reserveCapacity(nodes.count)
        for (index, node) in nodes.enumerated() where Self.mayHaveHooks(node.site) {
            places[Self.shortened(node.site)] = NodeID(index)
        }
        for (index, node) in nodes.enumerated() { places[node.site] = NodeID(index) }
        self.places = places
    }

    /// Whether a part of a name between dots begins as `hook_` does.
    private static func mayHaveHooks(_ site: String) -> Bool {
        var isFirst = true
        for byte in site.utf8 {
            if isFirst, byte == UInt8(ascii: "h") { return true }
            isFirst = byte == UInt8(ascii: ".")
        }
        return false
    }

    /// A site's name with hooks written without `hook_`.
    package static func shortened(_ site: String) -> String {
        guard mayHaveHooks(site) else { return site }
        return site.split(separator: ".", omittingEmptySubsequences: false).map { $0.hasPrefix("hook_") ? $0.dropFirst(5) : $0 }
            .joined(separator: ".")
    }

    /// The nodes that read a parameter, in order.
    package func readers(of parameter: ParameterID) -> [NodeID] {
        nodes.indices.filter { nodes[$0].parameters.contains(parameter) }.map(NodeID.init)
    }

    /// All names of the tensor that a parameter is.
    package func names(of parameter: ParameterID) -> [String] {
        let name = parameters[parameter.index].name
        return ties?.names(name) ?? [name]
    }

    /// The parameter that a tensor of the checkpoint became, under any name of the tensor.
    package func parameter(named name: String) -> ParameterID? {
        let first = ties?.first(name) ?? name
        return parameters.firstIndex { $0.name == first }.map(ParameterID.init)
    }

    /// Which dimension of each node's output its neurons are.
    package var neuronDimensions: NeuronDimensions { derivations.dimensions.value { NeuronDimensions(self) } }

    /// A batch of a shape that the network can read, its images square; of 32x32 if no square up to 512x512 fits.
    package var exampleBatch: BatchShape { derivations.exampleBatch.value { fittingBatch() } }

    /// The shapes of all outputs for ``exampleBatch``.
    ///
    /// - Throws: ``Problem`` if shapes do not go together for any batch.
    package func exampleShapes() throws(Problem) -> [[Int]] {
        try derivations.exampleShapes.value { () -> Result<[[Int]], Problem> in
            let batch = exampleBatch
            return Result { () throws(Problem) in try shapes(for: batch) }
        }.get()
    }

    /// The shapes of all outputs for a batch.
    ///
    /// - Throws: ``Problem`` naming the site where shapes do not go together.
    package func shapes(for batch: BatchShape) throws(Problem) -> [[Int]] {
        try checkInput(batch)
        var shapes: [[Int]] = []
        for node in nodes {
            do throws(Problem) {
                shapes.append(
                    try node.operation.outputShape(
                        inputs: node.inputs.map { shapes[$0.index] }, parameters: node.parameters.map { parameters[$0.index].shape },
                        batch: batch))
            } catch {
                throw Problem(error, at: node.site)
            }
        }
        return shapes
    }

    private func checkInput(_ batch: BatchShape) throws(Problem) {
        switch (input, batch) {
        case (.values(let wanted), .values(let shape)):
            let given = Array(shape.dropFirst())
            let fits = wanted.count == given.count && zip(wanted, given).allSatisfy { $0 == nil || $0 == $1 }
            guard fits else {
                throw Problem(
                    "the samples do not fit the model", expected: "samples of \(Self.words(wanted))",
                    found: "samples of \(given.map(String.init).joined(separator: "x"))")
            }
        case (.tokens(_, let positions), .tokens(_, let length)):
            if let problem = lengthProblem(length) { throw problem }
            if let positions, length > positions {
                throw Problem(
                    "a sequence is longer than the model's positions", expected: "at most \(positions) tokens", found: "\(length)",
                    hint: .setContext(positions, cut: "it"))
            }
        case (.values, .tokens): throw Problem("the model reads numbers", expected: "samples of numbers", found: "token ids")
        case (.tokens, .values): throw Problem("the model reads tokens", expected: "token ids or text", found: "samples of numbers")
        }
    }

    /// Why sequences of a length do not fit a graph that fixes it, or the shortest one; nil if they do.
    package func lengthProblem(_ length: Int) -> Problem? {
        if let shortestLength, length < shortestLength {
            return Problem(
                "the model reads longer sequences", expected: "at least \(shortestLength) tokens", found: "\(length)")
        }
        guard let fixedLength, length != fixedLength else { return nil }
        return Problem(
            "the model's graph fixes the length of sequences", expected: "\(fixedLength) tokens", found: "\(length)",
            hint: isLengthOfFile ? "an export with dynamic axes leaves it open" : nil)
    }

    static func words(_ shape: [Int?]) -> String { shape.map { $0.map(String.init) ?? "any" }.joined(separator: "x") }
}
