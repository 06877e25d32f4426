/// The bytes that a tensor is read from, and how.
private struct Place: Hashable {
    let address: UInt
    let count: Int
    let dtype: DType
    let shape: [Int]
    let strides: [Int]?
}

extension [TensorRecord] {
    /// The groups of tensors that are the same bytes of the file under several names, each in the given order.
    public var tied: [[String]] {
        var groups: [Place: [String]] = [:]
        var order: [Place] = []
        for tensor in self where tensor.bytes.count > 0 {
            let address = tensor.bytes.withUnsafeBytes { UInt(bitPattern: $0.baseAddress) }
            let place = Place(
                address: address, count: tensor.bytes.count, dtype: tensor.dtype, shape: tensor.shape, strides: tensor.strides)
            if groups[place] == nil { order.append(place) }
            groups[place, default: []].append(tensor.name)
        }
        return order.compactMap { groups[$0] }.filter { $0.count > 1 }
    }
}
