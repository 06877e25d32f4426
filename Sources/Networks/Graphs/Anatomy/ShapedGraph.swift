import Text

/// A graph of operations whose nodes know their shapes and their readers.
struct ShapedGraph {
    let nodes: [NetworkGraph.Node]
    let output: String
    let probes: [BatchShape]
    /// The shapes of each node's output, one for each probe.
    private(set) var shapes: [String: [[Int]]] = [:]
    private(set) var places: [String: Int] = [:]
    /// The nodes that read a node, once for each time; the output counts as read by none.
    private(set) var readers: [String: [Int]] = [:]

    /// - Throws: ``Problem`` if shapes do not go together.
    init(_ nodes: [NetworkGraph.Node], output: String, probes: [BatchShape]) throws(Problem) {
        self.nodes = nodes
        self.output = output
        self.probes = probes
        for (place, node) in nodes.enumerated() {
            var own: [[Int]] = []
            for (number, probe) in probes.enumerated() {
                var inputs: [[Int]] = []
                for name in node.inputs {
                    guard let shape = shapes[name] else { throw Problem("reads '\(name)', which is no node before it") }
                    inputs.append(shape[number])
                }
                own.append(try node.operation.outputShape(inputs: inputs, parameters: node.parameters.map(\.shape), batch: probe))
            }
            shapes[node.name] = own
            places[node.name] = place
            for input in node.inputs { readers[input, default: []].append(place) }
        }
    }

    func node(_ name: String) -> NetworkGraph.Node? { places[name].map { nodes[$0] } }

    /// The only node that reads a node; nil if there are several, or if it is the output.
    func onlyReader(_ name: String) -> NetworkGraph.Node? {
        guard name != output, let reading = readers[name], reading.count == 1 else { return nil }
        return nodes[reading[0]]
    }

    /// The nodes that the output needs.
    static func needed(_ nodes: [NetworkGraph.Node], output: String) -> [NetworkGraph.Node] {
        var needed: Set<String> = [output]
        var kept: [NetworkGraph.Node] = []
        for node in nodes.reversed() where needed.contains(node.name) {
            needed.formUnion(node.inputs)
            needed.formUnion(node.fusion?.inputs ?? [])
            kept.append(node)
        }
        return kept.reversed()
    }
}

extension ShapeTemplate {
    /// A template of shapes, one for each probe; nil if they are no simple function of the batch.
    init?(_ shapes: [[Int]], _ probes: [BatchShape]) {
        guard let rank = shapes.first?.count, shapes.allSatisfy({ $0.count == rank }) else { return nil }
        var lengths: [Length] = []
        for axis in 0..<rank {
            guard let length = Length(shapes.map { $0[axis] }, probes) else { return nil }
            lengths.append(length)
        }
        self.init(lengths)
    }
}
