import Checkpoints
import Text

/// Stored matrices that are repeated for every sample before they multiply: torch.export decomposes a linear layer so, where the rows that it
/// reads are not neighbours in memory.
extension GraphConversion {
    /// A stored matrix that is repeated only to be the right factor of products; nil for anything else.
    ///
    /// Its source stays the matrix, and its shapes are those of the repetitions.
    ///
    /// - Parameter wanted: the shapes to which the operator repeats, one for each probe.
    func repeatedMatrix(_ node: ONNXModel.Node, _ value: GraphValue, to wanted: [[Int]]) -> GraphValue? {
        guard let stored = value.parameter, stored.shape.count == 2, !stored.type.isWhole, value.shapes.allSatisfy({ $0 == stored.shape }),
            wanted.count == probes.count, wanted.allSatisfy({ $0.count > 2 && $0.suffix(2) == stored.shape[...] }),
            let output = node.outputs.first, isRightFactor(output)
        else { return nil }
        return GraphValue(source: .parameter(stored), type: value.type, shapes: wanted)
    }

    /// Whether all that read a value multiply by it from the left, some of them after a change of its shape.
    private func isRightFactor(_ output: String, depth: Int = 0) -> Bool {
        guard depth < 8, let reading = readers[output], !reading.isEmpty, model.outputs.first?.name != output else { return false }
        return reading.allSatisfy { index in
            let node = model.nodes[index]
            guard node.domain.isEmpty, node.outputs.count == 1 else { return false }
            switch node.operation {
            case "MatMul": return node.inputs.count == 2 && node.inputs[1] == output && node.inputs[0] != output
            case "Reshape": return node.inputs.first == output && isRightFactor(node.outputs[0], depth: depth + 1)
            default: return false
            }
        }
    }

    /// Whether a value is a stored matrix that is repeated.
    func isRepeated(_ value: GraphValue) -> Bool {
        guard let stored = value.parameter else { return false }
        return value.shapes.contains { $0.count > stored.shape.count }
    }

    /// The repetitions of a stored matrix as what makes them.
    mutating func repeatedApart(_ value: GraphValue, _ name: String) throws(Problem) -> GraphValue {
        guard let stored = value.parameter, isRepeated(value) else { return value }
        guard let template = template(value.shapes) else {
            throw Problem("the shape depends on the batch in a way that is not followed")
        }
        let once = GraphValue(source: .parameter(stored), type: value.type, shapes: probes.map { _ in stored.shape })
        return try add("\(name).repeated", Rearrangement(.repeated(template)), [try site(of: once, for: name)], type: value.type)
    }
}
