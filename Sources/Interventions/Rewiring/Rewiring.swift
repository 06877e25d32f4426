import Checkpoints
import Modularity
import Networks
import Tensors
import Text

/// A checkpoint with neurons moved or removed: for dimensions of its tensors, the indices to keep and their order.
package struct Rewiring: Sendable {
    private let checkpoint: Checkpoint
    private let network: Network
    /// For each parameter, the indices to select along each dimension.
    private var selections: [ParameterID: [Int: [Int]]] = [:]
    /// The numbers that are added to a parameter, element by element, before the selection.
    private var additions: [ParameterID: [Double]] = [:]

    init(_ checkpoint: Checkpoint, network: Network) {
        self.checkpoint = checkpoint
        self.network = network
    }

    /// Whether the neurons of a flow have been given an order already.
    func covers(_ flow: NeuronFlow) -> Bool {
        flow.axes.contains { selections[$0.parameter]?[$0.dimension] != nil }
    }

    /// Takes these neurons of a flow, in this order.
    ///
    /// - Throws: ``Problem`` for tensors that are stored in another form than they are read.
    mutating func take(_ neurons: [Int], of flow: NeuronFlow) throws(Problem) {
        for axis in flow.axes {
            let parameter = network.parameters[axis.parameter.index]
            guard let record = checkpoint[parameter.tensorName], record.dtype.elementsPerBlock == 1,
                parameter.slices.isEmpty ? record.shape == parameter.shape : Self.areSides(parameter.slices)
            else {
                throw Problem(
                    subject: "tensor '\(parameter.name)'", "is stored in a form whose neurons cannot be moved",
                    found: checkpoint[parameter.tensorName]?.dtype.rawValue)
            }
            let places = neurons.flatMap { neuron in (0..<axis.places).map { neuron * axis.places + $0 } }
            if let known = selections[axis.parameter]?[axis.dimension], known != places {
                throw Problem(subject: "tensor '\(parameter.name)'", "would have to follow two orders")
            }
            selections[axis.parameter, default: [:]][axis.dimension] = places
        }
    }

    /// Adds numbers to parameters.
    ///
    /// - Throws: ``Problem`` for tensors of a type that cannot hold new numbers.
    mutating func add(_ numbers: [ParameterID: [Double]]) throws(Problem) {
        for (parameter, sums) in numbers {
            let name = network.parameters[parameter.index].name
            guard let record = checkpoint[name], record.elementCount == sums.count, CheckpointDraft.roundedTypes.contains(record.dtype)
            else {
                throw Problem(
                    subject: "tensor '\(name)'", "has a type that cannot hold new numbers", found: checkpoint[name]?.dtype.rawValue)
            }
            additions[parameter] = additions[parameter].map { zip($0, sums).map(+) } ?? sums
        }
    }

    /// The checkpoint with the neurons so moved.
    package var draft: CheckpointDraft {
        var draft = CheckpointDraft(checkpoint)
        for name in Set(selections.keys.map { network.parameters[$0.index].tensorName }) {
            guard let shape = checkpoint[name]?.shape else { continue }
            let selection = shape.indices.map { indices(ofTensor: name, along: $0) }
            draft.replace(name) { other in
                guard let record = checkpoint[other] else { preconditionFailure("no tensor '\(other)'") }
                return .init(record, selecting: selection)
            }
        }
        for (parameter, sums) in additions {
            let name = network.parameters[parameter.index].name
            guard let record = checkpoint[name] else { continue }
            // Biases have one dimension.
            let taken = selections[parameter]?[0] ?? Array(sums.indices)
            let values = record.doubles()
            let numbers = Tensor(shape: [taken.count], taken.map { Float(values[$0] + sums[$0]) })
            draft.replace(name) { .init(name: $0, dtype: record.dtype, shape: [taken.count]) { numbers } }
        }
        return draft
    }
}

extension Rewiring {
    /// Whether a part has consecutive places of each dimension, so that it lies beside the tensor's other parts.
    private static func areSides(_ slices: [TensorRecord.Slice]) -> Bool {
        slices.allSatisfy { slice in
            switch slice {
            case .all: true
            case .places(_, let step, _): step == 1
            case .place: false
            }
        }
    }

    /// The indices to select along a dimension of a tensor, part by part where it has parts; nil for all.
    private func indices(ofTensor name: String, along dimension: Int) -> [Int]? {
        let parts = network.parameters.indices.filter { network.parameters[$0].tensorName == name }.map(ParameterID.init)
        var found: [Int] = []
        var places: [Int: [Int]] = [:]
        for part in parts {
            let parameter = network.parameters[part.index]
            let selected = selections[part]?[dimension]
            guard dimension < parameter.slices.count, case .places(let first, _, let count) = parameter.slices[dimension] else {
                // All parts reach over the whole dimension.
                if let selected { return selected }
                continue
            }
            places[first] = (selected ?? Array(0..<count)).map { first + $0 }
        }
        for first in places.keys.sorted() { found += places[first] ?? [] }
        return places.isEmpty ? nil : found
    }

    /// The node whose out-neurons a layer's clusters are of.
    static func node(of layer: AblatedLayer, in network: Network) throws(Problem) -> NodeID {
        guard network.readers(of: layer.parameter).count == 1 else {
            throw Problem(subject: "layer '\(layer.layer.name)'", "is read in several places, which would all have to follow")
        }
        guard !layer.isComputed else {
            throw Problem(
                subject: "layer '\(layer.layer.name)'", "the network multiplies by what it computes of it, which would have to follow",
                expected: "a layer that is multiplied as it is stored")
        }
        return layer.node
    }
}
