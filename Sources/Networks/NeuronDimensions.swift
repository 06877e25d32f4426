/// Which dimension of an output its neurons are.
package enum NeuronDimension: Sendable, Equatable {
    /// The last one; of four, the second: channels of images, heads of attention patterns.
    case usual
    /// The last one of any number: what a linear layer makes of images whose channels come last.
    case last
}

/// Which dimension of each node's output its neurons are.
///
/// A layer says where it puts them: a convolution in the second dimension, a linear layer in the last. What works element by element leaves
/// them there, and transposing carries them along. Where nothing says it, they are in the usual place.
package struct NeuronDimensions: Sendable {
    private let lasts: Set<NodeID>

    /// Those of ``Network/neuronDimensions``.
    init(_ network: Network) {
        var known: [Known?] = []
        known.reserveCapacity(network.nodes.count)
        for node in network.nodes { known.append(Self.dimension(of: node, known)) }
        // What the network is given, up to the first linear layer that reads it.
        for node in network.nodes where node.operation.makesRows {
            var path: [NodeID] = []
            var place = node.inputs.first
            while let read = place, known[read.index] == nil {
                path.append(read)
                let operation = network.nodes[read.index].operation
                if operation is InputOperation { for node in path { known[node.index] = .last } }
                place = operation.neurons == .elementwise || operation.neurons == .mixes ? network.nodes[read.index].inputs.first : nil
            }
        }
        lasts = Set(known.indices.lazy.filter { known[$0] == .last }.map(NodeID.init))
    }

    package subscript(node: NodeID) -> NeuronDimension { lasts.contains(node) ? .last : .usual }

    /// Where the neurons of a node's output lie.
    package func places(of node: NodeID, in shape: [Int]) -> NeuronPlaces { NeuronPlaces(shape, self[node]) }

    /// What is known of an output with four dimensions.
    private enum Known {
        case second, last
    }

    private static func dimension(of node: Node, _ known: [Known?]) -> Known? {
        // Of several inputs one may be a constant.
        let read = node.inputs.lazy.compactMap { known[$0.index] }.first
        switch node.operation.neurons {
        case .produces(let weights): return weights.form == .images ? .second : .last
        case .windows, .flattens: return .second
        case _ where node.operation is GroupNorm: return .second
        case .perChannel: return node.operation is BatchNorm ? .second : read
        case .elementwise, .multiplies, .adds, .mixes: return read
        case .fixed: break
        }
        guard let rearrangement = node.operation as? Rearrangement, case .transposed(let order) = rearrangement.kind else {
            return node.operation.keepsDimensions ? read : nil
        }
        guard let read, order.count == 4 else { return nil }
        switch order.firstIndex(of: read == .last ? 3 : 1) {
        case 1: return .second
        case 3: return .last
        default: return nil
        }
    }
}

extension Operation {
    /// Whether neurons are made in the last dimension, of those in the last dimension.
    fileprivate var makesRows: Bool {
        if case .produces(let weights) = neurons { weights.form == .rows && weights.inDimension != nil } else { false }
    }

    /// Whether an output has the dimensions of the inputs, each in its place.
    fileprivate var keepsDimensions: Bool {
        self is Arithmetic || self is Where || self is Padding || self is Concatenation || self is Rearrangement
    }
}

/// The layout of an output's elements around its neurons: [outer, neurons, inner].
package struct NeuronPlaces: Sendable {
    /// The product of the dimensions before the neurons.
    package let outer: Int
    package let neurons: Int
    /// The product of the dimensions after the neurons.
    package let inner: Int

    package init(_ shape: [Int], _ dimension: NeuronDimension) {
        let axis = Self.axis(shape.count, dimension)
        outer = shape.prefix(axis).reduce(1, *)
        neurons = shape.isEmpty ? 1 : shape[axis]
        inner = shape.dropFirst(axis + 1).reduce(1, *)
    }

    /// The neurons' dimension of an output with so many.
    package static func axis(_ rank: Int, _ dimension: NeuronDimension) -> Int {
        rank == 4 && dimension == .usual ? 1 : max(rank - 1, 0)
    }
}
