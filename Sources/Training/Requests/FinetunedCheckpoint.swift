import Archives
import Checkpoints
import Networks
import Tensors

extension CheckpointDraft {
    /// A checkpoint with the weights that a run has come to.
    ///
    /// A stored copy of the embedding that the settings tie to it, and that the network therefore does not read, is left out; batch norm's
    /// counts of batches are carried on.
    ///
    /// - Parameters:
    ///   - step: the step that the weights are of.
    ///   - dtype: of all floating-point tensors; nil for the types that they have.
    init(_ model: LoadedModel, trained trainer: Trainer, step: Int, dtype: DType?) {
        let network = model.network
        let checkpoint = model.checkpoint
        let changed = Dictionary(grouping: trainer.changedParameters) { network.parameters[$0.index].tensorName }
        let values = changed.reduce(into: [String: Tensors.Tensor]()) { values, entry in
            let (name, parameters) = entry
            if let record = checkpoint[name], parameters.contains(where: { !network.parameters[$0.index].slices.isEmpty }) {
                values[name] = record.floats(
                    replacing: parameters.map { (network.parameters[$0.index].slices, trainer.parameters[$0]) })
            } else if let parameter = parameters.first {
                let numbers = trainer.parameters[parameter]
                values[name] = network.parameters[parameter.index].stored?.storing(numbers) ?? numbers
            }
        }
        let copies = checkpoint.tensors.map(\.name).filter {
            Self.isOutputMatrix($0) && network.parameter(named: $0) == nil && !network.unusedTensors.contains($0)
        }
        self.init(checkpoint, replacing: values, omitting: Set(copies), dtype: dtype)
        let batches = trainer.order.batchCount(beforeStep: step)
        for (place, tensor) in tensors.enumerated() where tensor.name.hasSuffix(Self.countSuffix) {
            let norm = tensor.name.dropLast(Self.countSuffix.count)
            guard values[norm + ".running_mean"] != nil, let mean = network.parameter(named: norm + ".running_mean"),
                let stored = checkpoint[tensor.name], stored.dtype == .i64,
                stored.elementCount == 1
            else { continue }
            let updates = trainer.updates(ofMean: mean)
            tensors[place] = .init(name: tensor.name, dtype: .i64, shape: tensor.shape) {
                () -> ByteRegion in
                let before = stored.gathered().withUnsafeBytes { $0.loadUnaligned(as: Int64.self) }
                let after = Int64(littleEndian: before) &+ Int64(batches * updates)
                return ByteRegion(copying: withUnsafeBytes(of: after.littleEndian) { Array($0) })
            }
        }
    }

    private static let countSuffix = ".num_batches_tracked"
}
