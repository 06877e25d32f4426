import Checkpoints

/// Where a network multiplies by a layer's matrix, and where the layer's out-neurons are its outputs.
package struct LayerPlaces: Sendable {
    /// An output whose neurons are the layer's out-neurons.
    package struct Output: Sendable {
        package let node: NodeID
        /// What the layer reads; nil for tables.
        package let read: NodeID?
        /// Whether the in-neurons are the neurons of ``read``.
        package let readsNeurons: Bool
    }

    /// The outputs that the layer's out-neurons are, in the network's order.
    package let outputs: [Output]
    /// The outputs of all products with the layer or with what is computed of it, in either direction, in the network's order.
    package let products: [NodeID]
    /// The products with what is computed of the layer, or with the layer in the other direction, whose neurons are not the layer's out-neurons.
    package let others: [NodeID]
    /// Whether the outputs are products with what is computed of the layer.
    package let isComputed: Bool

    /// - Parameter parameter: the layer's.
    package init(of layer: Layer, _ parameter: ParameterID, in network: Network) {
        let shapes = try? network.exampleShapes()
        let readers = network.readers(of: parameter)
        let dimension = Self.dimension(layer.outDimension, layer.outNeurons, layer, network.parameters[parameter.index])
        guard let shapes else {
            // Whose shapes do not go together for any batch: what reads the layer directly.
            let direct = readers.filter { Self.isDirect(network.nodes[$0.index]) && layer.isRead(by: network.nodes[$0.index].operation) }
            outputs = direct.map { Output(node: $0, read: network.nodes[$0.index].inputs.first, readsNeurons: false) }
            products = readers.filter { Self.multiplies(network.nodes[$0.index].operation) }
            (others, isComputed) = ([], false)
            return
        }
        let dimensions = network.neuronDimensions
        func axis(_ node: NodeID) -> Int { NeuronPlaces.axis(shapes[node.index].count, dimensions[node]) }
        func neurons(_ node: NodeID) -> Int { dimensions.places(of: node, in: shapes[node.index]).neurons }
        let trace = FactorTrace(of: parameter, along: dimension, in: network, shapes: shapes)
        let inputs = FactorTrace(
            of: parameter, along: Self.dimension(layer.inDimension, layer.inNeurons, layer, network.parameters[parameter.index]),
            in: network, shapes: shapes)
        let rank = network.parameters[parameter.index].shape.count
        let direct = readers.compactMap { reader -> Output? in
            let node = network.nodes[reader.index]
            guard Self.isDirect(node), layer.isRead(by: node.operation), neurons(reader) == layer.outNeurons else { return nil }
            if node.operation is Arithmetic {
                guard let dimension, dimension + shapes[reader.index].count - rank == axis(reader) else { return nil }
            }
            let read = Self.multiplies(node.operation) ? node.inputs.first : nil
            return Output(node: reader, read: read, readsNeurons: read.map { neurons($0) == layer.inNeurons } ?? false)
        }
        var found = direct.filter { trace.dependsOnSamples($0.node) }
        var computed: [Output] = []
        var strange: [NodeID] = []
        for (product, input) in zip(trace.products, inputs.products) {
            guard product.outputDimension == axis(product.output), neurons(product.output) == layer.outNeurons else {
                strange.append(product.output)
                continue
            }
            let readsNeurons = input.place == .summed && axis(product.read) == shapes[product.read.index].count - 1
            computed.append(
                Output(
                    node: product.output, read: product.read, readsNeurons: readsNeurons && neurons(product.read) == layer.inNeurons))
        }
        var multiplying = readers.filter { trace.dependsOnSamples($0) && Self.multiplies(network.nodes[$0.index].operation) }
        var factors = trace.products.map(\.output)
        if found.isEmpty, computed.isEmpty {
            // What is made of learned queries, the same for all samples.
            found = direct.filter { $0.read != nil }
            if !found.isEmpty { (strange, factors, multiplying) = ([], [], found.map(\.node)) }
        }
        if found.isEmpty, trace.products.isEmpty {
            // The numbers of a table, which are looked up or added.
            found = readers.filter { trace.dimension(of: $0) == axis($0) && neurons($0) == layer.outNeurons }
                .map { Output(node: $0, read: nil, readsNeurons: false) }
        }
        isComputed = found.isEmpty && !computed.isEmpty
        outputs = (found + computed).sorted { $0.node < $1.node }
        others = strange
        products = Set(multiplying + factors).sorted()
    }

    /// Whether a node reads a layer in its own way, not as a factor or as stored numbers.
    private static func isDirect(_ node: Node) -> Bool { !(node.operation is MatrixProduct || node.operation is StoredValues) }

    /// Whether an operation multiplies by the matrix that is its parameter.
    private static func multiplies(_ operation: any Operation) -> Bool {
        if operation is TransposedConvolution { return true }
        if case .produces(let weights) = operation.neurons { return weights.inDimension != nil }
        return false
    }

    /// The dimension of a parameter, as the network reads it, that has the neurons of a side; nil if none has.
    private static func dimension(_ stored: Int?, _ count: Int, _ layer: Layer, _ parameter: Parameter) -> Int? {
        guard let stored else { return nil }
        var dimension = stored
        if let order = parameter.stored?.order {
            guard order.count == layer.tensor.shape.count, let place = order.firstIndex(of: stored) else { return nil }
            dimension = place
        }
        return parameter.shape.indices.contains(dimension) && parameter.shape[dimension] == count ? dimension : nil
    }
}

extension Layer {
    /// The dimension of the tensor that is the out-neurons; nil if they are several dimensions.
    fileprivate var outDimension: Int? {
        switch layout {
        case .asStored: tensor.shape.count == 2 ? 0 : nil
        case .convolution: 0
        case .transposed(let blocks, _, _): blocks == 1 && tensor.shape.count == 2 ? 1 : nil
        case .transposedConvolution(let filters): filters.groups == 1 ? 1 : nil
        }
    }

    /// The dimension of the tensor that is the in-neurons; nil if they are several dimensions.
    fileprivate var inDimension: Int? { outDimension.map { 1 - $0 } }

    /// Whether the in-neurons come before the out-neurons in the tensor.
    package var isInFirst: Bool {
        switch layout {
        case .transposed, .transposedConvolution: true
        case .asStored, .convolution: false
        }
    }

    /// Whether an operation's outputs are the layer's rows, and not its columns: a table of embeddings that the logits share is read both
    /// ways, and its sides may be equal.
    fileprivate func isRead(by operation: any Operation) -> Bool {
        guard case .produces(let weights) = operation.neurons else { return true }
        return isInFirst == (weights.outDimension == 1)
    }
}
