extension [TensorRecord] {
    /// The groups of tensors that are the same bytes of the file under several names, each in the given order.
    package var tied: [[String]] {
        // Few bytes are shared: only those at one address are compared further.
        var places: [UInt: [Int]] = [:]
        places.reserveCapacity(count)
        for (index, tensor) in enumerated() where tensor.bytes.count > 0 {
            let address = tensor.bytes.withUnsafeBytes { UInt(bitPattern: $0.baseAddress) }
            places[address, default: []].append(index)
        }
        var groups: [[Int]] = []
        for indices in places.values where indices.count > 1 {
            var groupsHere: [View: [Int]] = [:]
            for index in indices { groupsHere[View(self[index]), default: []].append(index) }
            groups += groupsHere.values.filter { $0.count > 1 }
        }
        return groups.sorted { $0[0] < $1[0] }.map { $0.map { self[$0].name } }
    }
}

/// How the bytes at an address are read.
private struct View: Hashable {
    let count: Int
    let dtype: DType
    let shape: [Int]
    let strides: [Int]?
    let isNegated: Bool

    init(_ tensor: TensorRecord) {
        count = tensor.bytes.count
        dtype = tensor.dtype
        shape = tensor.shape
        strides = tensor.strides
        isNegated = tensor.isNegated
    }
}
