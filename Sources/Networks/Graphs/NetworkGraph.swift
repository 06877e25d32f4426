import Checkpoints
import Text

/// A graph of operations with names and parameters as a value: what a file or a line of words says before a checkpoint's tensors are read.
///
/// The nodes are in an order in which a run can come to them: each names only nodes before it. The graph becomes a ``Network`` with the
/// numbers of a checkpoint's tensors.
package struct NetworkGraph: Sendable {
    /// A tensor of the checkpoint as an operation reads it.
    package struct Parameter: Sendable, Hashable {
        /// The name of the tensor.
        package var tensor: String
        /// The shape in which the operation reads its elements.
        package var shape: [Int]
        /// The shape that it must have in the checkpoint.
        package var stored: [Int]

        /// - Parameter stored: `shape` if nil.
        package init(_ tensor: String, shape: [Int], stored: [Int]? = nil) {
            self.tensor = tensor
            self.shape = shape
            self.stored = stored ?? shape
        }
    }

    /// One operation with its name and what it reads.
    package struct Node: Sendable {
        /// The site, by which people find it; no two nodes have one name.
        package var name: String
        package var operation: any Operation
        /// The names of nodes before it.
        package var inputs: [String]
        package var parameters: [Parameter]
        /// A shorter way to the same output; see ``Node/Fusion``.
        package var fusion: Fusion?

        package init(
            _ name: String, _ operation: any Operation, inputs: [String] = [], parameters: [Parameter] = [], fusion: Fusion? = nil
        ) {
            self.name = name
            self.operation = operation
            self.inputs = inputs
            self.parameters = parameters
            self.fusion = fusion
        }
    }

    /// Several nodes in one, by their names.
    package struct Fusion: Sendable {
        package var operation: any Operation
        package var inputs: [String]
        /// The nodes whose outputs are not made.
        package var replaces: [String]

        package init(_ operation: any Operation, inputs: [String], replaces: [String]) {
            self.operation = operation
            self.inputs = inputs
            self.replaces = replaces
        }
    }

    package var nodes: [Node] = []
    package var input: Network.Input
    /// The name of the node that the model answers with.
    package var output: String
    /// The tensors that no training changes.
    var fixed = FixedTensors()
    /// What the output's numbers are.
    package var outputKind = OutputKind.answers

    package init(input: Network.Input, output: String = "") {
        self.input = input
        self.output = output
    }

    /// The network of the graph with the numbers of a checkpoint.
    ///
    /// - Parameters:
    ///   - outputWidth: the classes or tokens that the output scores.
    ///   - anatomy: which nodes are which part of the model, by the place of each in ``nodes``.
    /// - Throws: ``Problem`` for a name that is not that of a node before, a name that is given twice, and a tensor that is missing or has another
    ///   shape.
    package func network(
        of checkpoint: Checkpoint, outputWidth: Int, anatomy: Anatomy = Anatomy(), ignoring isIgnored: (String) -> Bool = { _ in false }
    ) throws(Problem) -> Network {
        var builder = NetworkBuilder(checkpoint)
        var places: [String: NodeID] = [:]
        places.reserveCapacity(nodes.count)
        func place(_ name: String, for node: String) throws(Problem) -> NodeID {
            guard let id = places[name] else {
                throw Problem("reads '\(name)', which is no node before it", subject: "node '\(node)'")
            }
            return id
        }
        for node in nodes {
            var inputs: [NodeID] = []
            for name in node.inputs { inputs.append(try place(name, for: node.name)) }
            var parameters: [ParameterID] = []
            for parameter in node.parameters {
                parameters.append(try builder.parameter(parameter.tensor, shape: parameter.shape, stored: parameter.stored))
            }
            var fusion: Networks.Node.Fusion?
            if let short = node.fusion {
                var read: [NodeID] = []
                for name in short.inputs { read.append(try place(name, for: node.name)) }
                var replaced: [NodeID] = []
                for name in short.replaces { replaced.append(try place(name, for: node.name)) }
                fusion = .init(operation: short.operation, inputs: read, replaces: replaced)
            }
            let id = builder.add(node.name, node.operation, inputs, parameters: parameters, fusion: fusion)
            guard places.updateValue(id, forKey: node.name) == nil else {
                throw Problem("two nodes have one name", found: "'\(node.name)'")
            }
        }
        guard let output = places[output] else { throw Problem("the output is no node", found: "'\(output)'") }
        builder.anatomy = anatomy
        builder.anatomy.outputKind = outputKind
        var network = builder.network(input: input, output: output, outputWidth: outputWidth, ignoring: isIgnored)
        network.fixedTensors = fixed
        if case .tokens = input, case .answers = outputKind { network.laterTokens = LaterTokens() }
        return network
    }
}
