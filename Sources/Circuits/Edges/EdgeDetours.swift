import Networks
import Tensors

/// The stages at which the gradients of the readers, added up, are all that the stream gets from what they read.
///
/// There the readers of a stage read the same norm of the stream, and nothing else does. The backward pass leaves that norm to the caller, who has the
/// gradient of each reader before it: what the pass would compute for all readers together is computed once.
struct EdgeDetours {
    /// The stage whose norm a node is.
    private(set) var stages: [NodeID: EdgeStage] = [:]
    /// The nodes whose gradients are read at each of these norms: that of a single reader itself; otherwise those that the readers write.
    private(set) var read: [NodeID: Set<NodeID>] = [:]
    /// The nodes that the readers of all other stages write.
    private(set) var others: Set<NodeID> = []

    /// - Parameter shapes: of the network's nodes.
    init(_ graph: EdgeGraph, shapes: [[Int]]) {
        let network = graph.network
        var consumers = [[NodeID]](repeating: [], count: network.nodes.count)
        for (index, node) in network.nodes.enumerated() {
            for input in Set(node.inputs) { consumers[input.index].append(NodeID(index)) }
        }
        for stage in graph.stages where !stage.isOutput {
            let targets = Set(stage.units.flatMap { $0.targets.map(\.node) })
            let readers = stage.units.flatMap(\.readers)
            guard let norm = stage.norm, network.nodes[norm.output.index].inputs == [stage.stream], stages[norm.output] == nil,
                targets.contains(norm.output) || Self.leads(norm.output, to: targets, consumers, end: network.output),
                readers.count == 1 || Self.covers(stage, shapes)
            else {
                others.formUnion(targets)
                continue
            }
            stages[norm.output] = stage
            read[norm.output] = readers.count == 1 ? [norm.output] : targets
        }
    }

    /// Whether nothing reads a node but what leads to some nodes alone.
    private static func leads(_ node: NodeID, to targets: Set<NodeID>, _ consumers: [[NodeID]], end: NodeID) -> Bool {
        node != end && consumers[node.index].allSatisfy { targets.contains($0) || leads($0, to: targets, consumers, end: end) }
    }

    /// Whether the readers of a stage together compute each channel of what they write once.
    private static func covers(_ stage: EdgeStage, _ shapes: [[Int]]) -> Bool {
        var channels: [NodeID: [Int]] = [:]
        for unit in stage.units {
            for slice in unit.readers.flatMap(\.slices) {
                let target = unit.targets[slice.target]
                channels[target.node, default: []] += target.channels[slice.channels]
            }
        }
        return channels.allSatisfy { node, channels in channels.sorted() == Array(0..<NeuronPlaces(shapes[node.index], .usual).neurons) }
    }
}
