import Checkpoints

extension NetworkWords {
    /// The tensors of numbers that the file has and the network does not read, in the file's order, which words must name if they are not to be
    /// missed: not what no run reads, as counts of batches, or settings of operators.
    static func unread(by network: Network, in checkpoint: Checkpoint) -> [String] {
        let unused = Set(network.unusedTensors)
        let modules = ModuleNames(checkpoint)
        // A single number of an ONNX file may be a setting of an operator, unless a module has it: the bias of a head with one output.
        func isAlone(_ tensor: TensorRecord) -> Bool {
            guard checkpoint.graph != nil, checkpoint.module?.graphFile == nil, tensor.elementCount == 1 else { return false }
            let owner = tensor.name.lastIndex(of: ".").map { String(tensor.name[..<$0]) }
            return (owner.flatMap { modules[$0]?.tensors.count } ?? 0) < 2
        }
        return checkpoint.tensors.filter { tensor in
            unused.contains(tensor.name) && tensor.dtype.isFloatingPoint && !isAlone(tensor)
                && !ONNXNetwork.isSetting(tensor.name, in: checkpoint)
        }.map(\.name)
    }
}
