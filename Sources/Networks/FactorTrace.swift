/// A product of an output that depends on the samples with a factor that is computed of one tensor alone, or is the tensor.
package struct FactorProduct: Sendable {
    /// Where one dimension's entries of the tensor are.
    package enum Place: Sendable, Equatable {
        /// Each at its own place in this dimension of the product.
        case dimension(Int)
        /// The product sums over them, as over the in-neurons of a layer.
        case summed
        /// In no place: the operations on the tensor join, move or remove them.
        case lost
    }

    /// The node that multiplies.
    package let node: NodeID
    /// The product with the bias that is added to it, if one is; otherwise the product.
    package let output: NodeID
    /// The output that the factor is multiplied with.
    package let read: NodeID
    /// Where the entries of the dimension that was followed are.
    package let place: Place
    /// The dimension of ``output`` that has them; nil for any other place.
    package let outputDimension: Int?
}

/// Follows the entries of one dimension of a tensor, such as a layer's out-neurons, through what a network computes of the tensor alone: masks, norms,
/// curves, changes of low rank.
///
/// An entry keeps its place where every operation leaves the entries apart and in their order: elementwise operations with numbers, with tensors
/// that are repeated along the dimension or are computed without the tensor, reductions and products along other dimensions, transpositions.
/// Sums of the tensor with its own transpose do not.
package struct FactorTrace: Sendable {
    /// What is known of an output.
    private enum State: Equatable {
        /// It depends on the samples.
        case data
        /// It depends neither on the samples nor on the tensor.
        case constant
        /// The entries are at their places in this dimension.
        case kept(Int)
        /// It depends on the tensor in another way.
        case lost
    }

    private typealias Operand = (state: State, shape: [Int])

    private let network: Network
    private let parameter: ParameterID
    private let shapes: [[Int]]
    private let dimension: Int?
    private var states: [State] = []
    /// The products, in the network's order.
    package private(set) var products: [FactorProduct] = []

    /// - Parameters:
    ///   - dimension: of the parameter as the network reads it; nil if none has the entries.
    ///   - shapes: those of all outputs.
    package init(of parameter: ParameterID, along dimension: Int?, in network: Network, shapes: [[Int]]) {
        self.network = network
        self.parameter = parameter
        self.dimension = dimension
        self.shapes = shapes
        states.reserveCapacity(network.nodes.count)
        var found: [(node: NodeID, read: NodeID, place: FactorProduct.Place)] = []
        for (index, node) in network.nodes.enumerated() {
            let operands = operands(of: node)
            if operands.contains(where: { $0.state == .data }) || Self.makesData(node) {
                states.append(.data)
                guard node.operation is MatrixProduct, operands.count == 2,
                    let factor = operands.firstIndex(where: { $0.state != .data && $0.state != .constant }),
                    let read = node.inputs.first(where: { states[$0.index] == .data })
                else { continue }
                found.append((NodeID(index), read, Self.place(operands[factor], isLeft: factor == 0, in: shapes[index])))
            } else {
                states.append(state(of: node, operands, shapes[index]))
            }
        }
        products = found.map { product in
            guard case .dimension(let dimension) = product.place else {
                return .init(node: product.node, output: product.node, read: product.read, place: product.place, outputDimension: nil)
            }
            let output = withBias(product.node, dimension)
            return .init(
                node: product.node, output: output.node, read: product.read, place: product.place, outputDimension: output.dimension)
        }
    }

    /// Whether a node's output depends on the samples.
    package func dependsOnSamples(_ node: NodeID) -> Bool { states[node.index] == .data }

    /// The dimension of an output, computed of the tensor alone, that has the entries, each at its place; nil if none has.
    package func dimension(of node: NodeID) -> Int? {
        if case .kept(let dimension) = states[node.index] { dimension } else { nil }
    }

    private static func makesData(_ node: Node) -> Bool {
        guard node.inputs.isEmpty else { return false }
        if let lookup = node.operation as? EntryLookup { return lookup.constant == nil }
        return !(node.operation is StoredValues || node.operation is BatchNumbers)
    }

    /// The operands in the order of the rules: the inputs, then the parameters, or the other way round.
    private func operands(of node: Node) -> [Operand] {
        let inputs: [Operand] = node.inputs.map { (states[$0.index], shapes[$0.index]) }
        let parameters: [Operand] = node.parameters.map { other in
            let own: State = dimension.map { .kept($0) } ?? .lost
            return (other == parameter ? own : .constant, network.parameters[other.index].shape)
        }
        let isParameterFirst =
            (node.operation as? MatrixProduct)?.parameterFirst ?? (node.operation as? Arithmetic)?.parameterFirst ?? false
        return isParameterFirst ? parameters + inputs : inputs + parameters
    }

    // MARK: What is computed of the tensor alone

    private func state(of node: Node, _ operands: [Operand], _ output: [Int]) -> State {
        guard operands.contains(where: { $0.state != .constant }) else { return .constant }
        let first = operands[0]
        switch node.operation {
        case is StoredValues: return first.state
        case is Arithmetic, is Where: return Self.elementwise(operands, output)
        case is MatrixProduct: return operands.count == 2 ? Self.product(first, operands[1], output) : .lost
        case let reduction as Reduction: return Self.reduced(first, reduction)
        case let rearrangement as Rearrangement: return Self.rearranged(first, rearrangement, output)
        case is Reshape, is Flatten: return Self.reshaped(first, output)
        case let lookup as EntryLookup:
            guard let numbers = lookup.constant, case .kept(let dimension) = first.state, dimension != lookup.axis else { return .lost }
            return .kept(dimension < lookup.axis ? dimension : dimension + numbers.shape.count - 1)
        case let joined as Concatenation:
            return operands.contains { $0.state == .kept(joined.axis) } ? .lost : Self.elementwise(operands, output, longer: joined.axis)
        default: break
        }
        switch node.operation.neurons {
        case .adds, .multiplies: return operands.allSatisfy { $0.shape == output } ? Self.elementwise(operands, output) : .lost
        case .elementwise, .mixes, .perChannel:
            // Of the tensor as an input; as a parameter it has another part.
            let isInput = operands.dropFirst().allSatisfy { $0.state == .constant } && node.inputs.count == 1
            return isInput && first.shape == output ? first.state : .lost
        case .produces(let weights): return produced(node, weights, output)
        case .windows, .flattens, .fixed: return .lost
        }
    }

    /// A layer whose input does not depend on the samples, such as the product of the two factors of a change of low rank.
    private func produced(_ node: Node, _ weights: NeuronWeights, _ output: [Int]) -> State {
        guard weights.form == .rows, weights.groups == 1, node.inputs.count == 1, let input = node.inputs.first else { return .lost }
        let place = node.parameters.firstIndex(of: parameter)
        if let place {
            let isOut = place == 0 && dimension == weights.outDimension && states[input.index] == .constant
            return isOut ? .kept(output.count - 1) : .lost
        }
        guard case .kept(let dimension) = states[input.index], dimension < output.count - 1 else { return .lost }
        return .kept(dimension)
    }

    /// - Parameter longer: a dimension in which the output is longer than the operands are.
    private static func elementwise(_ operands: [Operand], _ output: [Int], longer: Int? = nil) -> State {
        var place: Int?
        for operand in operands {
            guard case .kept(let dimension) = operand.state else { continue }
            let own = dimension + output.count - operand.shape.count
            guard own != longer, output[own] == operand.shape[dimension], place == nil || place == own else { return .lost }
            place = own
        }
        guard let place else { return .lost }
        for operand in operands where operand.state == .lost {
            // What all entries make together may be one number for them all.
            let own = place - (output.count - operand.shape.count)
            guard own < 0 || operand.shape[own] == 1 else { return .lost }
        }
        return .kept(place)
    }

    /// The left factor's rows and the right factor's columns are apart from one another, whatever the other factor is.
    private static func product(_ left: Operand, _ right: Operand, _ output: [Int]) -> State {
        var place: Int?
        for (operand, last) in [(left, 2), (right, 1)] {
            guard operand.state != .constant else { continue }
            guard case .kept(let dimension) = operand.state, dimension == operand.shape.count - last, place == nil else { return .lost }
            place = output.count - last
        }
        return place.map { .kept($0) } ?? .lost
    }

    private static func reduced(_ operand: Operand, _ reduction: Reduction) -> State {
        let axes = reduction.reduced(operand.shape)
        guard case .kept(let dimension) = operand.state, !axes.contains(dimension) else { return .lost }
        return .kept(reduction.keepsDimensions ? dimension : dimension - axes.count { $0 < dimension })
    }

    private static func rearranged(_ operand: Operand, _ rearrangement: Rearrangement, _ output: [Int]) -> State {
        guard case .kept(let dimension) = operand.state else { return .lost }
        switch rearrangement.kind {
        case .transposed(let order): return order.firstIndex(of: dimension).map { .kept($0) } ?? .lost
        case .sliced(let axis, _, _, let step):
            let isWhole = axis != dimension || step == 1 && output[axis] == operand.shape[axis]
            return isWhole ? operand.state : .lost
        case .repeated:
            let own = dimension + output.count - operand.shape.count
            return own >= 0 && output[own] == operand.shape[dimension] ? .kept(own) : .lost
        }
    }

    /// A dimension is the same one in another shape if as many elements are before and after it.
    private static func reshaped(_ operand: Operand, _ output: [Int]) -> State {
        guard case .kept(let dimension) = operand.state else { return .lost }
        let outer = operand.shape.prefix(dimension).reduce(1, *)
        let own = output.indices.first { output[$0] == operand.shape[dimension] && output.prefix($0).reduce(1, *) == outer }
        return own.map { .kept($0) } ?? .lost
    }

    // MARK: Products with outputs

    private static func place(_ factor: Operand, isLeft: Bool, in output: [Int]) -> FactorProduct.Place {
        guard case .kept(let dimension) = factor.state else { return .lost }
        switch factor.shape.count - dimension {
        case isLeft ? 2 : 1: return .dimension(output.count - (isLeft ? 2 : 1))
        case isLeft ? 1 : 2: return .summed
        default: return .lost
        }
    }

    /// The sum of a product with its bias, which alone reads it, perhaps in another shape or order.
    ///
    /// - Returns: the product itself if there is none, and the dimension that the entries are in.
    private func withBias(_ product: NodeID, _ dimension: Int) -> (node: NodeID, dimension: Int) {
        var (current, own) = (product, dimension)
        while true {
            let readers = network.nodes.indices.filter { network.nodes[$0].inputs.contains(current) }
            guard readers.count == 1, let reader = readers.first, current != network.output else { return (product, dimension) }
            let (node, output) = (network.nodes[reader], shapes[reader])
            let operand: Operand = (.kept(own), shapes[current.index])
            let state: State? =
                if node.operation is Reshape {
                    Self.reshaped(operand, output)
                } else if let rearrangement = node.operation as? Rearrangement, case .transposed = rearrangement.kind {
                    Self.rearranged(operand, rearrangement, output)
                } else { nil }
            if let state {
                guard case .kept(let moved) = state else { return (product, dimension) }
                (current, own) = (NodeID(reader), moved)
                continue
            }
            guard (node.operation as? Arithmetic)?.function == .add || node.operation is Sum, output == shapes[current.index] else {
                return (product, dimension)
            }
            let others =
                node.inputs.filter { $0 != current }.map { (states[$0.index], shapes[$0.index]) }
                + node.parameters.map { (State.constant, network.parameters[$0.index].shape) }
            guard others.count == 1, let (state, shape) = others.first, state != .data, Self.isVector(shape, along: own, of: output) else {
                return (product, dimension)
            }
            return (NodeID(reader), own)
        }
    }

    /// Whether a shape has one number for each entry of a dimension.
    private static func isVector(_ shape: [Int], along dimension: Int, of output: [Int]) -> Bool {
        let first = output.count - shape.count
        guard first >= 0, dimension >= first, shape[dimension - first] == output[dimension] else { return false }
        return shape.indices.allSatisfy { $0 + first == dimension || shape[$0] == 1 }
    }
}
