/// Rows of the samples of a batch, copied or added from one sequence to another.
package enum SequenceRows {
    /// Where the rows of a sample are: row r of sample s is row s * `stride` + `first` + r * `step` of the tensor.
    package struct Places: Sendable {
        package let first: Int
        /// The rows from one sample to the next; 0 for rows that all samples share.
        package let stride: Int
        /// The rows from one row of a sample to the next; 0 for a single row in the place of all.
        package let step: Int

        package init(first: Int = 0, stride: Int, step: Int = 1) {
            self.first = first
            self.stride = stride
            self.step = step
        }

        fileprivate func row(_ row: Int, of sample: Int) -> Int { sample * stride + first + row * step }
    }

    /// target rows = source rows, `count` of each sample, `width` elements each.
    package static func copy(
        _ count: Int, samples: Int, width: Int, from source: Tensor, _ read: Places, to target: MutableTensor, _ written: Places,
        team: Team
    ) {
        check(count, samples, width, source, read)
        check(count, samples, width, target, written)
        team.forEach(samples * count, step: RowSoftmax.step(max(width, 1))) { rows in
            for place in rows {
                let (sample, row) = (place / count, place % count)
                (target.mutablePointer + written.row(row, of: sample) * width).update(
                    from: source.pointer + read.row(row, of: sample) * width, count: width)
            }
        }
    }

    /// target rows += scale * source rows, in the order of samples and rows.
    package static func add(
        _ count: Int, samples: Int, width: Int, scale: Float = 1, from source: Tensor, _ read: Places, to target: MutableTensor,
        _ written: Places, team: Team
    ) {
        check(count, samples, width, source, read)
        check(count, samples, width, target, written)
        // Rows may share their target: a piece is a range of the width over all rows.
        team.forEach(width, step: 64) { columns in
            for sample in 0..<samples {
                for row in 0..<count {
                    let x = source.pointer + read.row(row, of: sample) * width
                    let y = target.mutablePointer + written.row(row, of: sample) * width
                    for i in columns { y[i] += scale * x[i] }
                }
            }
        }
    }

    private static func check(_ count: Int, _ samples: Int, _ width: Int, _ tensor: Tensor, _ places: Places) {
        guard count > 0, samples > 0 else { return }
        precondition(places.first >= 0 && places.stride >= 0 && places.step >= 0, "\(places)")
        precondition((places.row(count - 1, of: samples - 1) + 1) * width <= tensor.count, "\(places) of \(tensor.shape)")
    }
}
