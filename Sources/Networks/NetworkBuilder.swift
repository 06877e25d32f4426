import Checkpoints
import Text

/// Builds a network from a checkpoint's tensors, node by node. A tensor that has several names is one parameter, whichever of them is read.
package struct NetworkBuilder {
    private let checkpoint: Checkpoint
    private var nodes: [Node] = []
    /// The anatomy, which the family fills in part by part.
    package var anatomy = Anatomy()
    private var parameters: [Parameter] = []
    private var records: [TensorRecord] = []
    private var places: [String: ParameterID] = [:]
    /// The tensors that parameters are parts of.
    private var divided: Set<String> = []
    /// The names of parameters that are not learned.
    private var fixed: Set<String> = []

    package init(_ checkpoint: Checkpoint) { self.checkpoint = checkpoint }

    /// The tensor called `name`.
    package func record(_ name: String) -> TensorRecord? { checkpoint[name] }

    /// Makes a parameter of the tensor called `name`, whose elements in row-major order are read in `shape`.
    ///
    /// - Parameters:
    ///   - stored: the shape that the tensor must have in the file; `shape` if nil.
    ///   - order: the dimensions of the file in the order in which they are read; nil for the file's own.
    /// - Throws: ``Problem`` if it is missing, has another shape, or is not made of numbers.
    package mutating func parameter(_ name: String, shape: [Int], stored: [Int]? = nil, order: [Int]? = nil) throws(Problem) -> ParameterID
    {
        let name = checkpoint.ties.first(name)
        let subject = "tensor '\(name)'"
        guard let record = checkpoint[name] else {
            if let problem = checkpoint.problem(ofTensor: name) { throw problem }
            throw Problem("is missing", subject: subject, expected: words(stored ?? shape))
        }
        guard record.dtype != .bool else { throw Problem("is not made of numbers", subject: subject, found: record.dtype.rawValue) }
        guard record.shape == stored ?? shape else {
            throw Problem("wrong shape", subject: subject, expected: words(stored ?? shape), found: words(record.shape))
        }
        if let known = places[name] {
            guard parameters[known.index].shape == shape else {
                throw Problem(
                    "is used in two shapes", subject: subject, expected: words(parameters[known.index].shape), found: words(shape))
            }
            return known
        }
        let id = ParameterID(parameters.count)
        parameters.append(Parameter(name: name, shape: shape, stored: order.map { .init(shape: record.shape, order: $0) }))
        records.append(order == nil ? record : record.sliced(name, [], order: order))
        places[name] = id
        return id
    }

    /// Makes a parameter of a part of a tensor, as the checkpoint's layers divide it.
    ///
    /// - Parameters:
    ///   - tensor: the tensor's name.
    ///   - part: what follows it in the layer's name: `[up]`.
    ///   - whole: the shape that the tensor must have.
    /// - Throws: ``Problem`` if the tensor is missing, has another shape, or is not divided so.
    package mutating func parameter(
        _ tensor: String, part: String, shape: [Int], of whole: [Int], catalog: LayerCatalog
    ) throws(Problem) -> ParameterID {
        let tensor = checkpoint.ties.first(tensor)
        let subject = "tensor '\(tensor)'"
        guard let record = checkpoint[tensor] else {
            if let problem = checkpoint.problem(ofTensor: tensor) { throw problem }
            throw Problem("is missing", subject: subject, expected: words(whole))
        }
        guard record.shape == whole else {
            throw Problem("wrong shape", subject: subject, expected: words(whole), found: words(record.shape))
        }
        guard let layer = catalog[tensor + part], layer.tensor.shape == shape else {
            throw Problem("has no such part", subject: subject, expected: "'\(part)' of \(words(shape))")
        }
        if let known = places[layer.name] { return known }
        let id = ParameterID(parameters.count)
        parameters.append(Parameter(name: layer.name, shape: shape, tensorName: tensor, slices: layer.slices))
        records.append(layer.tensor)
        places[layer.name] = id
        divided.insert(tensor)
        return id
    }

    /// Makes a parameter of a part of a tensor that is no layer: the biases of one expert.
    ///
    /// - Parameters:
    ///   - part: what follows the tensor's name in the parameter's.
    ///   - whole: the shape that the tensor must have, in which the slices must be.
    /// - Throws: ``Problem`` if the tensor is missing, has another shape, or is not made of numbers.
    package mutating func parameter(
        _ tensor: String, part: String, _ slices: [TensorRecord.Slice], shape: [Int], of whole: [Int]
    ) throws(Problem) -> ParameterID {
        let tensor = checkpoint.ties.first(tensor)
        if let known = places[tensor + part] { return known }
        let subject = "tensor '\(tensor)'"
        guard let record = checkpoint[tensor] else {
            if let problem = checkpoint.problem(ofTensor: tensor) { throw problem }
            throw Problem("is missing", subject: subject, expected: words(whole))
        }
        guard record.dtype != .bool else { throw Problem("is not made of numbers", subject: subject, found: record.dtype.rawValue) }
        guard record.shape == whole else {
            throw Problem("wrong shape", subject: subject, expected: words(whole), found: words(record.shape))
        }
        let id = ParameterID(parameters.count)
        parameters.append(Parameter(name: tensor + part, shape: shape, tensorName: tensor, slices: slices))
        records.append(record.sliced(tensor + part, slices))
        places[tensor + part] = id
        divided.insert(tensor)
        return id
    }

    /// Says that a parameter is not learned.
    mutating func fix(_ parameter: ParameterID) { fixed.insert(parameters[parameter.index].name) }

    /// Adds a node.
    package mutating func add(
        _ site: String, _ operation: some Operation, _ inputs: [NodeID] = [], parameters: [ParameterID] = [], fusion: Node.Fusion? = nil
    ) -> NodeID {
        nodes.append(Node(site: site, operation: operation, inputs: inputs, parameters: parameters, fusion: fusion))
        return NodeID(nodes.count - 1)
    }

    /// The network. Its parameters are read from the checkpoint when they are first used.
    ///
    /// - Parameters:
    ///   - output: the node that the model answers with.
    ///   - ignoring: whether a tensor that no node reads needs no mention: a mask, a table.
    package func network(
        input: Network.Input, output: NodeID, outputWidth: Int, ignoring isIgnored: (String) -> Bool = { _ in false }
    ) -> Network {
        let unused = checkpoint.tensors.map(\.name).filter { name in
            let first = checkpoint.ties.first(name)
            return places[first] == nil && !divided.contains(first) && !isIgnored(name)
        }
        var network = Network(
            nodes: nodes, parameters: parameters, values: ParameterValues(zip(records, parameters).map { ($0, $1.shape) }), input: input,
            output: output, outputWidth: outputWidth, unusedTensors: unused, anatomy: anatomy, ties: checkpoint.ties)
        network.fixedTensors = FixedTensors(fixed)
        return network
    }
}
