/// Losses of some samples under their scores, computed side by side.
struct LossRow {
    let target: LossTarget
    private let room: Buffer<Double>

    init(_ target: LossTarget) {
        self.target = target
        room = Buffer(uninitialized: 3 * target.samples)
    }

    /// The rows of scores that ``write(_:stride:count:linear:shares:into:)`` reads: all classes, the one that is asked about last.
    func order() -> [Int] {
        switch target.kind {
        case .shares: Array(0..<target.classes)
        case .oneClass(let label, _): (0..<target.classes).filter { $0 != label } + [label]
        }
    }

    /// losses_j for the scores z [classes in ``order()``, stride].
    ///
    /// - Parameters:
    ///   - linear: of samples with shares, sum_k p_k z_k.
    ///   - shares: of one class, its shares.
    func write(
        _ z: UnsafePointer<Double>, stride: Int, count: Int, linear: UnsafePointer<Double>, shares: UnsafePointer<Double>,
        into losses: UnsafeMutablePointer<Double>
    ) {
        let kernels = DoubleKernels.current
        switch target.kind {
        case .shares:
            kernels.logSumExponentials(z, target.classes, stride, count, room.base, losses)
            kernels.addScaled(-1, linear, losses, count)
        case .oneClass:
            let logits = room.base + 2 * target.samples
            kernels.logSumExponentials(z, target.classes - 1, stride, count, room.base, losses)
            kernels.writeScaledSum(-1, UnsafePointer(losses), z + (target.classes - 1) * stride, logits, count)
            kernels.binaryLosses(UnsafePointer(logits), shares, losses, count)
        }
    }
}

extension LossTarget {
    /// The loss of each sample under scores [classes, samples].
    package func losses(_ scores: FeatureTable) -> [Double] {
        precondition(scores.features == classes && scores.samples == samples, "\(scores.features) x \(scores.samples) scores")
        let row = LossRow(self)
        let ordered: FeatureTable
        var linear = [Double](repeating: 0, count: samples)
        var own = linear
        switch kind {
        case .shares(let shares):
            ordered = scores
            for place in 0..<classes {
                let z = scores.pointer(place)
                for sample in 0..<samples { linear[sample] += shares[sample * classes + place] * z[sample] }
            }
        case .oneClass(_, let shares):
            ordered = FeatureTable(features: classes, samples: samples)
            for (place, source) in row.order().enumerated() { ordered.copy(1, from: scores, first: source, to: place) }
            own = shares
        }
        var losses = [Double](repeating: 0, count: samples)
        linear.withUnsafeBufferPointer { linear in
            own.withUnsafeBufferPointer { own in
                losses.withUnsafeMutableBufferPointer { losses in
                    guard let linear = linear.baseAddress, let own = own.baseAddress, let losses = losses.baseAddress else { return }
                    row.write(UnsafePointer(ordered.pointer(0)), stride: samples, count: samples, linear: linear, shares: own, into: losses)
                }
            }
        }
        return losses
    }
}
