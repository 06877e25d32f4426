import Checkpoints

/// Numbers, an array for each sample, which stay in their stored form until a batch needs them.
package struct SampleValues: Sendable {
    /// How stored numbers become values.
    enum Scale: Sendable {
        /// Unchanged.
        case plain
        /// 0 to 255 become 0 to 1, as for pixels.
        case byte
    }

    /// The shape of one sample, slowest dimension first: `[28, 28]`, `[3, 32, 32]`.
    package let shape: [Int]
    /// The numbers of one sample.
    package let valuesPerSample: Int
    /// The number of samples.
    package var count: Int { selection.count }

    private let record: TensorRecord
    private let scale: Scale
    private let normalization: Normalization?
    private let selection: SampleSelection

    /// - Parameters:
    ///   - record: the stored samples one after the other, its first dimension is their number.
    ///   - shape: how one sample's numbers are arranged.
    ///   - normalization: applied after `scale`; for one channel, or for as many as the first dimension of `shape` has.
    init(_ record: TensorRecord, shape: [Int], scale: Scale, normalization: Normalization?) {
        self.record = record
        self.shape = shape
        self.scale = scale
        self.normalization = normalization
        valuesPerSample = shape.reduce(1, *)
        selection = SampleSelection(all: record.shape[0])
        precondition(record.shape[0] * valuesPerSample == record.elementCount, "\(record.shape) for samples of \(shape)")
        precondition([nil, 1, shape[0]].contains(normalization?.means.count), "\(normalization?.means.count ?? 0) channels in \(shape)")
    }

    private init(_ values: SampleValues, _ selection: SampleSelection) {
        shape = values.shape
        valuesPerSample = values.valuesPerSample
        record = values.record
        scale = values.scale
        normalization = values.normalization
        self.selection = selection
    }

    /// Writes the values of the samples one after the other, each in row-major order.
    ///
    /// A byte becomes itself divided by 255, then a mean is subtracted, then a deviation divides: the operations, all in
    /// Float, and so the bits of torchvision's ToTensor and Normalize.
    ///
    /// - Parameters:
    ///   - target: ``valuesPerSample`` places for each of the samples.
    ///   - samples: places in this collection, in any order.
    package func fill(_ target: UnsafeMutableBufferPointer<Float>, samples: some Collection<Int>) {
        precondition(target.count == samples.count * valuesPerSample, "\(target.count) places for \(samples.count) samples of \(shape)")
        var written = 0
        var run = 0..<0
        func convertRun() {
            let elements = run.lowerBound * valuesPerSample..<run.upperBound * valuesPerSample
            record.fill(UnsafeMutableBufferPointer(rebasing: target[written..<written + elements.count]), elements: elements)
            written += elements.count
        }
        for sample in samples {
            let stored = selection[sample]
            if stored == run.upperBound, !run.isEmpty {
                run = run.lowerBound..<stored + 1
            } else {
                convertRun()
                run = stored..<stored + 1
            }
        }
        convertRun()
        finish(target)
    }

    /// The values of the samples as an array; see ``fill(_:samples:)``.
    package func values(of samples: some Collection<Int>) -> [Float] {
        let size = samples.count * valuesPerSample
        return [Float](unsafeUninitializedCapacity: size) { target, count in
            fill(UnsafeMutableBufferPointer(rebasing: target[..<size]), samples: samples)
            count = size
        }
    }

    func selecting(_ samples: [Int]) -> SampleValues { SampleValues(self, selection.selecting(samples)) }

    private func finish(_ target: UnsafeMutableBufferPointer<Float>) {
        if scale == .byte { for place in target.indices { target[place] /= 255 } }
        guard let normalization else { return }
        let channels = normalization.means.count
        let length = channels == 1 ? target.count : valuesPerSample / channels
        guard length > 0 else { return }
        for (number, start) in stride(from: 0, to: target.count, by: length).enumerated() {
            let mean = normalization.means[number % channels]
            let deviation = normalization.deviations[number % channels]
            for place in start..<start + length { target[place] = (target[place] - mean) / deviation }
        }
    }
}
