import Archives
import Networks
import Text

/// The parameters that belong to the neurons of a layer: its own rows, what works on its output neuron by neuron, and the columns of
/// the layers that read it.
///
/// Found by walking the network from the layer to its readers, through elementwise operations, norms, pools and flattening. Where a product
/// joins two layers neuron by neuron, as in gated MLPs, both belong to one flow.
package struct NeuronFlow: Sendable {
    /// The dimension of a parameter that the neurons belong to.
    package struct Axis: Sendable, Hashable {
        package let parameter: ParameterID
        package let dimension: Int
        /// How many neighbouring places each neuron has: those of a channel after images were flattened.
        package let places: Int
    }

    package private(set) var axes: [Axis] = []
    /// The nodes that make the neurons: linear layers and convolutions.
    package private(set) var producers: [NodeID] = []
    /// Nodes that look at all neurons at once, in whatever order: layer norms, softmax.
    package private(set) var mixers: [NodeID] = []
    /// Everything that works on the neurons one by one.
    package private(set) var carriers: [NodeID] = []
    /// The number of neurons.
    package let count: Int

    /// The arrangement of the neurons in a node's output.
    private enum Form { case image, flat, flattened }

    private let network: Network
    private var forms: [NodeID: Form] = [:]
    private var readings: Set<Reading> = []

    /// The flow of the layer that `node` computes.
    ///
    /// - Throws: ``Problem`` if the order or number of the neurons is fixed by something else, or if what belongs to them is read elsewhere.
    package init(from node: NodeID, in network: Network) throws(Problem) {
        self.network = network
        count = try Self.produced(node, in: network).count
        try addProducer(node)
        try checkThatNoOthersRead(in: network, followed: readings)
    }

    /// The layer whose out-neurons are the in-neurons of the layer that `node` computes; nil if they are the model's inputs or a sum of
    /// several layers.
    package static func producer(before node: NodeID, in network: Network) -> NodeID? {
        var current = network.nodes[node.index].inputs.first
        while let id = current {
            let node = network.nodes[id.index]
            switch node.operation.neurons {
            case .produces(let weights): return weights.inDimension == nil ? nil : id
            case .elementwise, .multiplies, .windows, .perChannel, .mixes, .flattens: current = node.inputs.first
            case .adds, .fixed: return nil
            }
        }
        return nil
    }

    /// The weights of a layer that makes neurons whose order is free, and how many it makes.
    private static func produced(_ id: NodeID, in network: Network) throws(Problem) -> (weights: NeuronWeights, count: Int) {
        let node = network.nodes[id.index]
        guard let shape = node.parameters.first.map({ network.parameters[$0.index].shape }),
            case .produces(let weights) = node.operation.neurons, weights.inDimension != nil
        else { throw Problem(site: node.site, "does not produce neurons", found: node.operation.name) }
        guard weights.groups == 1 else {
            throw Problem(site: node.site, "its groups fix the order of its channels", found: "\(weights.groups) groups")
        }
        return (weights, shape[weights.outDimension])
    }

    private mutating func addProducer(_ id: NodeID) throws(Problem) {
        guard forms[id] == nil else { return }
        let node = network.nodes[id.index]
        let (weights, neurons) = try Self.produced(id, in: network)
        guard neurons == count else {
            throw Problem(site: node.site, "joins a layer of a different width", expected: "\(count) neurons", found: "\(neurons)")
        }
        producers.append(id)
        add(Axis(parameter: node.parameters[0], dimension: weights.outDimension, places: 1), of: id)
        if node.parameters.count > 1 { add(Axis(parameter: node.parameters[1], dimension: 0, places: 1), of: id) }
        try carry(id, weights.form == .images ? .image : .flat)
    }

    /// Follows everything that reads the neurons in the output of `id`.
    private mutating func carry(_ id: NodeID, _ form: Form) throws(Problem) {
        guard forms[id] == nil else { return }
        forms[id] = form
        guard id != network.output else {
            throw Problem(site: network.nodes[id.index].site, "its neurons are the model's answers")
        }
        if let beside = network.beside, beside.isUnclear || beside.nodes.contains(id) {
            throw Problem(
                site: network.nodes[id.index].site, "its neurons are read for another output of the graph, which would have to follow")
        }
        for (place, reader) in network.nodes.enumerated() where reader.inputs.contains(id) {
            try enter(NodeID(place), from: id, form)
        }
    }

    private mutating func enter(_ id: NodeID, from source: NodeID, _ form: Form) throws(Problem) {
        let node = network.nodes[id.index]
        func refused(_ reason: String) -> Problem {
            Problem(site: network.nodes[source.index].site, reason, found: "\(node.operation.name) '\(node.site)'")
        }
        switch node.operation.neurons {
        case .elementwise, .windows: carriers.append(id)
        case .flattens:
            carriers.append(id)
            try carry(id, form == .image ? .flattened : form)
            return
        case _ where node.operation is GroupNorm && form != .image:
            throw refused("the channels of a norm are no neurons of its rows")
        case .perChannel:
            carriers.append(id)
            for parameter in node.parameters { try addAxis(parameter, 0, form, of: id) }
        case .mixes:
            guard form != .image else { throw refused("a norm of images fixes its place") }
            mixers.append(id)
            for parameter in node.parameters { try addAxis(parameter, 0, form, of: id) }
        case .multiplies:
            carriers.append(id)
            for input in node.inputs where input != source && forms[input] == nil { try joinProducer(of: input, reader: node.site) }
        case .produces(let weights):
            guard let dimension = weights.inDimension else { throw refused("its neurons are read in an order that cannot be changed") }
            switch weights.form {
            case .rows: guard form != .image else { throw refused("a linear layer reads images without flattening") }
            case .images: guard form == .image, weights.groups == 1 else { throw refused("its channels are read in groups") }
            }
            try addAxis(node.parameters[0], dimension, form, of: id)
            return
        case .adds: throw refused("its neurons are added to the residual stream, which fixes their order")
        case .fixed: throw refused("its neurons are read in an order that cannot be changed")
        }
        try carry(id, form)
    }

    /// The layer after the other factor of a product.
    private mutating func joinProducer(of id: NodeID, reader: String) throws(Problem) {
        let node = network.nodes[id.index]
        switch node.operation.neurons {
        case .produces(let weights) where weights.inDimension != nil: try addProducer(id)
        case .elementwise, .perChannel: if let input = node.inputs.first { try joinProducer(of: input, reader: reader) }
        case .produces, .multiplies, .windows, .mixes, .adds, .flattens, .fixed:
            throw Problem(
                site: reader, "multiplies its neurons with something other than a layer", found: "\(node.operation.name) '\(node.site)'")
        }
    }

    private mutating func addAxis(_ parameter: ParameterID, _ dimension: Int, _ form: Form, of node: NodeID) throws(Problem) {
        let length = network.parameters[parameter.index].shape[dimension]
        guard length % count == 0, form == .flattened || length == count else {
            throw Problem(
                site: network.nodes[node.index].site, "does not read the neurons one by one", expected: "a multiple of \(count)",
                found: "\(length)")
        }
        add(Axis(parameter: parameter, dimension: dimension, places: length / count), of: node)
    }

    private mutating func add(_ axis: Axis, of node: NodeID) {
        axes.append(axis)
        readings.insert(Reading(node: node, parameter: axis.parameter))
    }
}

extension Problem {
    init(site: String, _ what: String, expected: String? = nil, found: String? = nil) {
        self.init(what, subject: "site '\(site)'", expected: expected, found: found)
    }

    /// - Parameter subject: the site or layer that the problem is about, in words.
    init(subject: String, _ what: String, expected: String? = nil, found: String? = nil) {
        self.init(what, subject: subject, expected: expected, found: found)
    }
}
