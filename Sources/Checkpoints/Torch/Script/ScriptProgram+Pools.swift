import Archives

extension ScriptProgram {
    /// Makes what the constants of a frozen script were in the model parameters of their own.
    mutating func unpool() {
        let constants = tensors.filter { weights.holds($0.key) }
        guard !constants.isEmpty else { return }
        let pools = ScriptPools(nodes, constants) { unused($0) }
        nodes = pools.nodes
        turned = pools.turned
        for (constant, reader) in pools.outside { weights.rename(constant, unused(reader)) }
        for copy in pools.copies {
            guard let record = tensors[copy.constant] else { continue }
            let bytes = record.gathered().withUnsafeBytes { ByteRegion(copying: Array($0)) }
            divided.append(
                TensorRecord(name: copy.name, dtype: record.dtype, shape: record.shape, strides: nil, bytes: bytes, derived: nil))
            shapes[copy.name] = shapes[copy.constant]
            types[copy.name] = types[copy.constant]
            if copy.role.hasPrefix("running_") { fixed.insert(copy.name) }
        }
        shared = pools.shared.map { weights.names[$0] ?? $0 }
    }
}
