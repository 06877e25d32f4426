import Networks
import Tensors

/// Puts an edge graph together, stage after stage.
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
    ) throws(EdgeGraphError) {
        let firstReader = readers.count
        var made: [EdgeUnit] = []
        for unit in units {
            let first = sources.count
            var members: [EdgeUnit.Reader] = []
            for reader in unit.readers {
                let (product, overflow) = edgeCount.addingReportingOverflow(visible.count)
                guard !overflow, product <= Self.largest else {
                    throw EdgeGraphError(
                        "the graph has too many edges", expected: "at most \(Self.largest)", found: "more at '\(reader.name)'",
                        hint: .useCoarserParts)
                }
                let isAttention = unit.steps.contains { $0.operation is Attention }
                members.append(EdgeUnit.Reader(reader: readers.count, slices: reader.slices))
                readers.append(
                    EdgeReader(
                        name: reader.name, sources: visible, writes: first + reader.writes.lowerBound..<first + reader.writes.upperBound,
                        firstEdge: edgeCount, stage: stages.count, movesPositions: isAttention && reader.slices.contains { $0.target > 0 }))
                edgeCount = product
            }
            let written = unit.sources.enumerated().map { place, source in
                EdgeUnit.Source(source: first + place, emitted: source.emitted, writing: source.writing)
            }
            sources += unit.sources.map { EdgeSource(name: $0.name) }
            made.append(EdgeUnit(readers: members, targets: unit.targets, steps: unit.steps, output: unit.output, sources: written))
        }
        stages.append(
            EdgeStage(
                readers: firstReader..<readers.count, space: space, visible: visible.count, stream: stream, norm: norm, units: made,
                emission: emission, constant: constant, isOutput: isOutput))
    }

    func graph(_ granularity: EdgeGranularity, spaces: [Range<Int>]) -> EdgeGraph {
        EdgeGraph(
            network: network, granularity: granularity, sources: sources, readers: readers, stages: stages, spaces: spaces, input: input)
    }

    /// The nodes between `known` and `output`, each after all that it reads.
    ///
    /// - Parameter channels: the channels that are computed of parameters with one number a channel; nil for all.
    /// - Throws: ``EdgeGraphError`` where an operation mixes channels and not all are computed.
    func steps(from known: Set<NodeID>, to output: NodeID, channels: [Int]? = nil) throws(EdgeGraphError) -> [UnitStep] {
        var found: Set<NodeID> = []
        var waiting = known.contains(output) ? [] : [output]
        while let id = waiting.popLast() {
            guard found.insert(id).inserted else { continue }
            waiting += network.nodes[id.index].inputs.filter { !known.contains($0) }
        }
        var steps: [UnitStep] = []
        for id in found.sorted() {
            let node = network.nodes[id.index]
            var parameters = node.parameters.map { network.values[$0] }
            if let channels {
                switch node.operation {
                case is BatchNorm: parameters = parameters.map { WeightSlices.entries(channels, of: $0) }
                case is Activation, is GatedProduct, is Identity, is MaxPool, is AveragePool, is AdaptiveAveragePool, is Flatten: break
                default:
                    throw EdgeGraphError(
                        "site '\(node.site)': \(node.operation.name) mixes the neurons of a layer, which then are no nodes of a graph",
                        expected: "operations that work on each neuron alone between two layers")
                }
            }
            steps.append(UnitStep(operation: node.operation, inputs: node.inputs, parameters: parameters, output: id))
        }
        return steps
    }

    /// The norm whose output a layer reads, and the stream before it; the stream alone where there is none.
    func reading(of layer: NodeID) -> (stream: NodeID, norm: UnitStep?) {
        let read = network.nodes[layer.index].inputs[0]
        let node = network.nodes[read.index]
        guard node.operation is LayerNorm || node.operation is RMSNorm else { return (read, nil) }
        let parameters = node.parameters.map { network.values[$0] }
        return (node.inputs[0], UnitStep(operation: node.operation, inputs: node.inputs, parameters: parameters, output: read))
    }

    /// The out-neurons `rows` of a layer as one slice.
    ///
    /// - Parameter rows: nil for the whole layer, with its own operation and parameters.
    func slice(of layer: NodeID, rows: [Int]?, target: Int, at start: Int = 0, width: Int) throws(EdgeGraphError) -> EdgeUnit.ReaderSlice {
        let node = network.nodes[layer.index]
        let parameters = node.parameters.map { network.values[$0] }
        let channels = start..<start + (rows?.count ?? width)
        guard let rows else {
            return EdgeUnit.ReaderSlice(operation: node.operation, parameters: parameters, target: target, channels: channels)
        }
        let biases = parameters.dropFirst().map { WeightSlices.entries(rows, of: $0) }
        switch node.operation {
        case let linear as Linear:
            return EdgeUnit.ReaderSlice(
                operation: Linear(), parameters: [WeightSlices.outputs(rows, of: parameters[0], linear.layout)] + biases, target: target,
                channels: channels)
        case let convolution as Convolution where convolution.groups == 1:
            return EdgeUnit.ReaderSlice(
                operation: convolution, parameters: [WeightSlices.entries(rows, of: parameters[0])] + biases, target: target,
                channels: channels)
        default:
            throw EdgeGraphError(
                "site '\(node.site)': its neurons cannot be computed one by one", expected: "a linear layer or a convolution of one group")
        }
    }

    /// The number of out-neurons of a layer.
    func width(of layer: NodeID) -> Int {
        let node = network.nodes[layer.index]
        guard let shape = node.parameters.first.map({ network.parameters[$0.index].shape }) else { return 0 }
        if let linear = node.operation as? Linear, linear.layout == .inOut { return shape[1] }
        return shape[0]
    }
}

/// Neurons of one layer that are one node.
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
