import Checkpoints

/// What the numbers of tensors say of them: masks and tables of sines and cosines are not learned.
struct ConstantNumbers {
    private let checkpoint: Checkpoint

    init(_ checkpoint: Checkpoint) { self.checkpoint = checkpoint }

    /// Whether a tensor is all ones, or all zeros.
    func isOneNumber(_ tensor: String) -> Bool {
        guard let values = values(tensor), let first = values.first, first == 0 || first == 1 else { return false }
        return values.allSatisfy { $0 == first }
    }

    /// The masks, and the tables of angles, among tensors. Each is read once, and once more where it may be the other half of another.
    func masksAndAngles(among tensors: [String]) -> Set<String> {
        var found: Set<String> = []
        /// What may be sines or cosines whose other half is a tensor of its own, by shape; with the numbers that it begins with.
        var halves: [[Int]: [(tensor: String, start: [Double])]] = [:]
        for tensor in tensors {
            guard let shape = checkpoint[tensor]?.shape, let values = values(tensor) else { continue }
            if Self.isMask(values) {
                found.insert(tensor)
            } else if Self.mayBeAngles(values) {
                if Self.isWholeCircle(values, width: shape.last ?? 1) { found.insert(tensor) }
                halves[shape, default: []].append((tensor, Array(values.prefix(Self.startLength))))
            }
        }
        for group in halves.values {
            for (place, (tensor, start)) in group.enumerated() {
                for (other, otherStart) in group.dropFirst(place + 1)
                where !(found.contains(tensor) && found.contains(other)) && Self.isCircle(zip(start, otherStart)) {
                    guard let values = values(tensor), let others = self.values(other), Self.isCircle(zip(values, others)) else { continue }
                    found.formUnion([tensor, other])
                }
            }
        }
        return found
    }

    /// The numbers that tell most pairs of tensors apart before either is read again.
    private static let startLength = 64

    private func values(_ tensor: String) -> [Double]? {
        guard let record = checkpoint[tensor], record.elementCount <= 1 << 24 else { return nil }
        return record.doubles()
    }

    /// Whether numbers are not all finite, or are 0 in some places and in all others 1 or one large negative number.
    private static func isMask(_ values: [Double]) -> Bool {
        if values.contains(where: { !$0.isFinite }) { return true }
        var mask = MaskNumbers<Double>(orOnes: true)
        return mask.take(values) && mask.other != nil && values.contains(0)
    }

    /// Whether numbers can be sines or cosines, and are not what weights begin with: all ones, or all zeros.
    private static func mayBeAngles(_ values: [Double]) -> Bool {
        values.count >= 4 && values.allSatisfy { abs($0) <= 1.0001 } && !values.allSatisfy { $0 == values[0] }
    }

    /// Whether the squares of each pair sum to 1.
    private static func isCircle(_ pairs: some Sequence<(Double, Double)>) -> Bool {
        pairs.allSatisfy { abs($0 * $0 + $1 * $1 - 1) < 1e-4 }
    }

    /// Whether numbers are sines and cosines in one table: those of the other half of each row, or each with its neighbour.
    private static func isWholeCircle(_ values: [Double], width: Int) -> Bool {
        guard width % 2 == 0, width < values.count else { return false }
        if isCircle(stride(from: 0, to: values.count, by: 2).lazy.map { (values[$0], values[$0 + 1]) }) { return true }
        let half = width / 2
        return isCircle(values.indices.lazy.filter { $0 % width < half }.map { (values[$0], values[$0 + half]) })
    }
}
