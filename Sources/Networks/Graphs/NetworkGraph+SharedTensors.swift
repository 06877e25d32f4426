import Checkpoints
import Text

extension NetworkGraph {
    /// Calls tensors that are one under several names by the first.
    mutating func nameTied(_ ties: TiedTensors) {
        guard !ties.groups.isEmpty else { return }
        var read: Set<String> = []
        for place in nodes.indices {
            for parameter in nodes[place].parameters.indices {
                let name = nodes[place].parameters[parameter].tensor
                nodes[place].parameters[parameter].tensor = ties.first(name)
                read.insert(name)
            }
        }
        // What is learned under one of its names is learned.
        fixed = FixedTensors(finding: { [fixed, read] in
            Set(fixed.names.map(ties.first)).subtracting(read.subtracting(fixed.names).map(ties.first))
        })
    }

    /// Lets operations read one tensor in several shapes, as exporters do that write equal constants once.
    ///
    /// A tensor is a parameter of one shape: that in which an operation reads it that can read no output in its place, otherwise the first. All
    /// others read the parameter's numbers through a node that reshapes them, so that their gradients arrive there too.
    mutating func shareTensors() {
        var shapes: [String: Set<[Int]>] = [:]
        for node in nodes { for parameter in node.parameters { shapes[parameter.tensor, default: []].insert(parameter.shape) } }
        shapes = shapes.filter { $0.value.count > 1 }
        guard !shapes.isEmpty else { return }
        var owns: [String: Parameter] = [:]
        for readsOutputs in [false, true] {
            for node in nodes where Self.canReadOutput(node) == readsOutputs {
                for parameter in node.parameters where shapes[parameter.tensor] != nil && owns[parameter.tensor] == nil {
                    owns[parameter.tensor] = parameter
                }
            }
        }
        var names = UniqueNames(separator: "#")
        for node in nodes { _ = names.take(node.name) }
        var made: [Node] = []
        made.reserveCapacity(nodes.count)
        for node in nodes {
            guard let parameter = node.parameters.first, let own = owns[parameter.tensor], own.shape != parameter.shape,
                Self.canReadOutput(node)
            else {
                made.append(node)
                continue
            }
            let numbers = Node(names.unused("\(node.name).\(parameter.tensor)"), StoredValues(), parameters: [own])
            let shape = Reshape(ShapeTemplate(parameter.shape.map { .fixed($0) }))
            made.append(numbers)
            guard let arithmetic = node.operation as? Arithmetic else {
                made.append(Node(node.name, shape, inputs: [numbers.name]))
                continue
            }
            let shaped = Node(names.unused(numbers.name + ".shaped"), shape, inputs: [numbers.name])
            made.append(shaped)
            let inputs = arithmetic.parameterFirst ? [shaped.name] + node.inputs : node.inputs + [shaped.name]
            made.append(Node(node.name, Arithmetic(arithmetic.function), inputs: inputs))
        }
        nodes = made
    }

    /// Whether the only parameter of a node can be an output as well.
    private static func canReadOutput(_ node: Node) -> Bool {
        guard node.parameters.count == 1, node.fusion == nil else { return false }
        if node.operation is Arithmetic { return node.inputs.count == 1 }
        return node.operation is StoredValues && node.inputs.isEmpty
    }
}
