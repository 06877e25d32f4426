import Networks
import Tensors
import Text

/// Builds an edge graph, stage by stage.
struct EdgeGraphBuilder {
    let network: Network
    private var sources: [EdgeSource] = []
    private var readers: [EdgeReader] = []
    private var stages: [EdgeStage] = []
    private var edgeCount = 0
    private let input: NodeID

    /// The largest graph: a score and a name for each of its edges must have room.
    private static let largest = 1 << 24

    /// - Parameter input: the node whose output the first source is.
    init(_ network: Network, input: NodeID) {
        self.network = network
        self.input = input
        sources.append(EdgeSource(name: "input"))
    }

    /// The number of sources so far.
    var sourceCount: Int { sources.count }

    /// A unit without its numbers: the names of its readers with their slices, and of its sources with their writing.
    struct Draft {
        var kind = EdgeUnit.Kind.neurons
        /// `writes` are the places of the reader's sources among the unit's.
        var readers: [(name: String, slices: [EdgeUnit.ReaderSlice], writes: Range<Int>)]
        var targets: [EdgeUnit.Target]
        var steps: [UnitStep]
        var output: NodeID
        var sources: [(name: String, emitted: [Int]?, writing: EdgeUnit.Writing)] = []
    }

    /// Adds a stage.
    ///
    /// - Parameter sources: what its readers can read.
    mutating func add(
        _ units: [Draft], reading visible: Range<Int>, space: Int, stream: NodeID, norm: UnitStep?, emission: NodeID, constant: Tensor?,
        isOutput: Bool = false
    ) throws(Problem) {
        let firstReader = readers.count
        var made: [EdgeUnit] = []
        for unit in units {
            let first = sources.count
            var members: [EdgeUnit.Reader] = []
            for reader in unit.readers {
                let (product, overflow) = edgeCount.addingReportingOverflow(visible.count)
                guard !overflow, product <= Self.largest else {
                    throw Problem(
                        "the graph has too many edges", expected: "at most \(Self.largest)", found: "more at '\(reader.name)'",
                        hint: .useCoarserParts)
                }
                members.append(EdgeUnit.Reader(reader: readers.count, slices: reader.slices))
                readers.append(
                    EdgeReader(
                        name: reader.name, sources: visible, writes: first + reader.writes.lowerBound..<first + reader.writes.upperBound,
                        firstEdge: edgeCount, stage: stages.count,
                        movesPositions: unit.kind == .attention && reader.slices.contains { $0.target > 0 }))
                edgeCount = product
            }
            let written = unit.sources.enumerated().map { place, source in
                EdgeUnit.Source(source: first + place, emitted: source.emitted, writing: source.writing)
            }
            sources += unit.sources.map { EdgeSource(name: $0.name) }
            made.append(
                EdgeUnit(
                    kind: unit.kind, readers: members, targets: unit.targets, steps: unit.steps, output: unit.output, sources: written))
        }
        stages.append(
            EdgeStage(
                readers: firstReader..<readers.count, space: space, visible: visible.count, stream: stream, norm: norm, units: made,
                emission: emission, constant: constant, isOutput: isOutput))
    }

    /// The number of stages so far.
    var stageCount: Int { stages.count }

    /// - Parameters:
    ///   - readsPositions: whether a part reads the number of a position, so that no position can be computed as if it were alone.
    ///   - tokenScores: the table of the scores that each token adds to the answer at its position; nil if there is none.
    func graph(
        _ granularity: EdgeGranularity, spaces: [Range<Int>], beginnings: [Int], answer: EdgeAnswer, readsPositions: Bool = false,
        tokenScores: Tensor? = nil
    ) -> EdgeGraph {
        EdgeGraph(
            network: network, granularity: granularity, sources: sources, readers: readers, stages: stages, spaces: spaces,
            beginnings: beginnings, answer: answer, input: input, readsPositions: readsPositions, tokenScores: tokenScores)
    }

    /// The nodes between `known` and `output`, each after all that it reads.
    ///
    /// - Parameters:
    ///   - channels: those that are computed of a layer's; nil for all.
    ///   - width: the number of the layer's channels.
    /// - Throws: ``Problem`` if an operation mixes channels and not all are computed.
    func steps(from known: Set<NodeID>, to output: NodeID, channels: [Int]? = nil, of width: Int = 1) throws(Problem) -> [UnitStep] {
        var found: Set<NodeID> = []
        var waiting = known.contains(output) ? [] : [output]
        while let id = waiting.popLast() {
            guard found.insert(id).inserted else { continue }
            waiting += network.nodes[id.index].inputs.filter { !known.contains($0) }
        }
        var steps: [UnitStep] = []
        for id in found.sorted() {
            guard let channels else {
                steps.append(step(id))
                continue
            }
            // Where images have been flattened, each channel has several places.
            let length = network.nodes[id.index].parameters.first.map { network.parameters[$0.index].shape[0] } ?? width
            let places = max(1, length / max(width, 1))
            let neurons = places == 1 ? channels : channels.flatMap { Array($0 * places..<($0 + 1) * places) }
            guard let part = restricted(id, to: neurons) else { throw mixes(id) }
            steps.append(part)
        }
        return steps
    }

    /// A node on all its channels.
    func step(_ id: NodeID) -> UnitStep {
        let node = network.nodes[id.index]
        return UnitStep(
            operation: node.operation, inputs: node.inputs, parameters: node.parameters.map { network.values[$0] }, output: id)
    }

    /// What stands between a stream and a part's layers, as one step; nil if they read the stream itself.
    func reading(_ reader: Stream.Reader) -> UnitStep? {
        let steps = ([reader.norm].compactMap { $0 } + reader.steps).map(step)
        guard let first = steps.first, let last = steps.last, steps.count > 1 else { return steps.first }
        return UnitStep(operation: StepSequence(steps), inputs: first.inputs, parameters: [], output: last.output)
    }

    /// A node on some channels alone.
    ///
    /// - Throws: ``Problem`` with the problem where it mixes them with others.
    func step(_ id: NodeID, channels: [Int], _ problem: @autoclosure () -> String) throws(Problem) -> UnitStep {
        guard let part = restricted(id, to: channels) else { throw Problem("site " + problem()) }
        return part
    }

    /// A node on some neurons alone; nil if it reads others for them.
    private func restricted(_ id: NodeID, to neurons: [Int]) -> UnitStep? {
        let node = network.nodes[id.index]
        guard let part = node.operation.restricted(to: neurons, parameters: node.parameters.map { network.values[$0] }),
            part.reading == .same
        else { return nil }
        return UnitStep(operation: part.operation, inputs: node.inputs, parameters: part.parameters, output: id)
    }

    /// Why a layer cannot be cut into its neurons.
    func mixes(_ id: NodeID) -> Problem {
        let node = network.nodes[id.index]
        return Problem(
            "site '\(node.site)': \(node.operation.name) mixes the neurons of a layer, which therefore cannot be nodes of a graph",
            expected: "operations that work on each neuron alone between two layers")
    }

    /// The out-neurons `rows` of a layer as one slice.
    ///
    /// - Parameter rows: nil for the whole layer, with its own operation and parameters.
    func slice(of layer: NodeID, rows: [Int]?, target: Int, at start: Int = 0, width: Int) throws(Problem) -> EdgeUnit.ReaderSlice {
        let node = network.nodes[layer.index]
        let parameters = node.parameters.map { network.values[$0] }
        let channels = start..<start + (rows?.count ?? width)
        guard let rows else {
            return EdgeUnit.ReaderSlice(operation: node.operation, parameters: parameters, target: target, channels: channels)
        }
        guard let part = node.operation.restricted(to: rows, parameters: parameters), part.reading == .all else {
            throw Problem(
                "site '\(node.site)': its neurons cannot be computed one by one", expected: "a linear layer or a convolution of one group")
        }
        return EdgeUnit.ReaderSlice(operation: part.operation, parameters: part.parameters, target: target, channels: channels)
    }

    /// The number of out-neurons of a layer.
    func width(of layer: NodeID) -> Int {
        let node = network.nodes[layer.index]
        guard case .produces(let weights) = node.operation.neurons, let weight = node.parameters.first else { return 0 }
        return network.parameters[weight.index].shape[weights.outDimension]
    }
}

/// Neurons of one layer that form one node.
package struct NeuronGroup: Sendable, Equatable {
    /// `n17`, `c1`.
    package let name: String
    package let neurons: [Int]

    package init(name: String, neurons: [Int]) {
        self.name = name
        self.neurons = neurons
    }

    /// Every neuron alone.
    static func single(_ count: Int) -> [NeuronGroup] { (0..<count).map { NeuronGroup(name: "n\($0)", neurons: [$0]) } }

    /// The groups of clusters by each neuron's number; neurons without a cluster together are `rest`.
    package static func clusters(_ labels: [Int]) -> [NeuronGroup] {
        let count = (labels.max() ?? -1) + 1
        var groups = (0..<count).map { cluster in NeuronGroup(name: "c\(cluster)", neurons: labels.indices.filter { labels[$0] == cluster })
        }
        groups.append(NeuronGroup(name: "rest", neurons: labels.indices.filter { labels[$0] < 0 }))
        return groups.filter { !$0.neurons.isEmpty }
    }
}
