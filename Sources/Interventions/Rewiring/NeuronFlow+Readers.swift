import Checkpoints
import Networks
import Text

extension NeuronFlow {
    /// An operation that reads a parameter.
    struct Reading: Hashable {
        let node: NodeID
        let parameter: ParameterID
    }

    /// Checks that every operation which reads the neurons' places of a tensor belongs to the flow: what is moved or removed there is
    /// moved or removed for all of them.
    ///
    /// - Parameter followed: the readings of the flow.
    /// - Throws: ``Problem`` for a tensor that is read elsewhere too: shared or tied weights.
    func checkThatNoOthersRead(in network: Network, followed: Set<Reading>) throws(Problem) {
        for axis in axes {
            let own = network.parameters[axis.parameter.index]
            if network.beside?.tensors.contains(own.tensorName) == true {
                throw Problem(
                    subject: "tensor '\(own.tensorName)'", "is read in several places, which would all have to follow",
                    found: "another output of the graph")
            }
            for (place, node) in network.nodes.enumerated() {
                let other = node.parameters.first { parameter in
                    Self.share(own, network.parameters[parameter.index], along: axis.dimension)
                        && !followed.contains(Reading(node: NodeID(place), parameter: parameter))
                }
                guard other != nil else { continue }
                throw Problem(
                    subject: "tensor '\(own.tensorName)'", "is read in several places, which would all have to follow",
                    found: "site '\(node.site)'")
            }
        }
    }

    /// Whether places of a tensor along one dimension are those of two parameters: of one that is read twice, or of parts that lie side by
    /// side along another dimension.
    private static func share(_ a: Parameter, _ b: Parameter, along dimension: Int) -> Bool {
        guard a.tensorName == b.tensorName else { return false }
        guard a.slices.indices.contains(dimension), b.slices.indices.contains(dimension),
            case .places(let first, let step, let count) = a.slices[dimension],
            case .places(let other, let otherStep, let otherCount) = b.slices[dimension]
        else { return true }
        let places = Set(stride(from: first, to: first + step * count, by: step))
        return stride(from: other, to: other + otherStep * otherCount, by: otherStep).contains { places.contains($0) }
    }
}
