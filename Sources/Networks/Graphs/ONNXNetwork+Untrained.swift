import Checkpoints
import Text

/// What a graph reads and training leaves as it is, or trains without the file's saying that it is learned.
extension ONNXNetwork {
    /// The names of those among tensors that a file of PyTorch's older exporter has under names of modules that are none of weights or biases: they
    /// may be parameters or buffers.
    static func unsaid(_ tensors: [ONNXModel.Stored]) -> [String] {
        let names = tensors.filter { $0.isLearned == nil }.map(\.tensor)
        func isOfModule(_ name: String) -> Bool { [".weight", ".bias"].contains(where: name.hasSuffix) }
        guard names.contains(where: isOfModule) else { return [] }
        return names.filter { !isOfModule($0) && !$0.hasSuffix("in_proj_weight") && !$0.hasSuffix("in_proj_bias") }
            .filter { !ConstantTensors.isExporters($0) }.sorted()
    }

    /// Numbers without a dimension that the operators in `order` read, and that the file does not call learned.
    static func fixedNumbers(_ order: [Int], _ model: ONNXModel) -> [String] {
        var names: Set<String> = []
        for name in order.lazy.flatMap({ model.nodes[$0].inputs }) {
            guard let stored = model.stored[name], stored.shape.isEmpty, !stored.type.isWhole, stored.isLearned == nil,
                !ConstantTensors.isExporters(name)
            else { continue }
            names.insert(stored.tensor)
        }
        return names.sorted()
    }

    /// Floating-point tensors that the operators in `order` read and that are no parameters of the network: what the file says the model has
    /// learned, and what PyTorch's exporters may have computed of that. The scales of a change of size are none.
    static func untrained(
        _ order: [Int], _ model: ONNXModel, _ ties: TiedTensors, read parameters: Set<String>
    ) -> Set<String> {
        var names: Set<String> = []
        for node in order.lazy.map({ model.nodes[$0] }) where node.operation != "Resize" && node.operation != "Upsample" {
            for name in node.inputs {
                guard let stored = model.stored[name], !stored.type.isWhole, stored.isLearned != false,
                    stored.isLearned == true || name.hasPrefix("onnx::") || !ConstantTensors.isExporters(name),
                    !parameters.contains(ties.first(stored.tensor))
                else { continue }
                names.insert(stored.tensor)
            }
        }
        return names
    }

    /// Whether a tensor is a setting of operators, which an exporter keeps among the weights: numbers in a script's code, lengths and axes.
    static func isSetting(_ name: String, in checkpoint: Checkpoint) -> Bool {
        guard let record = checkpoint[name] else { return false }
        if name.hasPrefix("CONSTANTS.") { return record.shape.isEmpty }
        return ConstantTensors.isExporters(name) && (!record.dtype.isFloatingPoint || record.elementCount == 1)
    }
}
