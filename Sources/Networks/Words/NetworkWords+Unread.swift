import Checkpoints

extension NetworkWords {
    /// The tensors of numbers that the file has and the network does not read, in the file's order, which words must name if they are not to be
    /// missed: not what no run reads, as counts of batches, or settings of operators of one number. What a graph reads as settings, as the factors of
    /// 1 of a norm without its own, is among them: the words without the graph do not.
    static func unread(by network: Network, in checkpoint: Checkpoint) -> [String] {
        let read = Set(network.parameters.map { checkpoint.ties.first($0.tensorName) })
        let modules = ModuleNames(checkpoint)
        // A single number of an ONNX file may be a setting of an operator, unless a module has it: the bias of a head with one output.
        func isAlone(_ tensor: TensorRecord) -> Bool {
            guard checkpoint.graph != nil, checkpoint.module?.graphFile == nil, tensor.elementCount == 1 else { return false }
            let owner = tensor.name.lastIndex(of: ".").map { String(tensor.name[..<$0]) }
            return (owner.flatMap { modules[$0]?.tensors.count } ?? 0) < 2
        }
        return checkpoint.tensors.filter { tensor in
            !read.contains(checkpoint.ties.first(tensor.name)) && !tensor.name.hasSuffix("num_batches_tracked")
                && tensor.dtype.isFloatingPoint && !isAlone(tensor)
                && !ONNXNetwork.isSetting(tensor.name, in: checkpoint)
        }.map(\.name)
    }
}
