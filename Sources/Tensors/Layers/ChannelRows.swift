/// The channels of images as rows, and rows as channels.
package enum ChannelRows {
    /// Each sample's matrix [rows, columns] of `source` turned over into `target`.
    package static func transpose(
        _ source: Tensor, samples: Int, rows: Int, columns: Int, into target: MutableTensor, team: Team
    ) {
        precondition(source.count == samples * rows * columns && target.count == source.count, "\(source.shape) to \(target.shape)")
        let size = rows * columns
        team.forEach(samples) { sample in
            Transposition.write(
                UnsafeBufferPointer(start: source.pointer + sample * size, count: size), rows: rows, columns: columns,
                to: UnsafeMutableBufferPointer(start: target.mutablePointer + sample * size, count: size), targetStride: rows)
        }
    }

    /// Each sample's matrix [rows, columns] of `source` turned over and added to `target`.
    package static func addTransposed(
        _ source: Tensor, samples: Int, rows: Int, columns: Int, to target: MutableTensor, team: Team
    ) {
        precondition(source.count == samples * rows * columns && target.count == source.count, "\(source.shape) to \(target.shape)")
        let side = 16
        let bands = (columns + side - 1) / side
        team.forEach(samples * bands) { piece in
            let (sample, band) = (piece / bands, piece % bands)
            let x = source.pointer + sample * rows * columns
            let y = target.mutablePointer + sample * rows * columns
            let range = band * side..<min(columns, (band + 1) * side)
            for start in stride(from: 0, to: rows, by: side) {
                for column in range {
                    for row in start..<min(rows, start + side) { y[column * rows + row] += x[row * columns + column] }
                }
            }
        }
    }

    /// y[c, p] = factors[c] * x[c, p] for rows of `places` elements each; the factors begin again after the last one.
    package static func scale(
        _ source: Tensor, by factors: Tensor, places: Int, into target: MutableTensor, team: Team
    ) {
        precondition(source.count == target.count && factors.count > 0 && places > 0, "\(source.shape) to \(target.shape)")
        let (rows, period) = (source.count / places, factors.count)
        team.forEach(rows, step: max(1, Elementwise.piece / places)) { range in
            for row in range {
                let factor = factors.pointer[row % period]
                let (x, y) = (source.pointer + row * places, target.mutablePointer + row * places)
                for i in 0..<places { y[i] = factor * x[i] }
            }
        }
    }

    /// gradient[c, p] += factors[c] * dy[c, p].
    package static func addScaled(
        _ outputGradient: Tensor, by factors: Tensor, places: Int, to gradient: MutableTensor, team: Team
    ) {
        precondition(outputGradient.count == gradient.count && factors.count > 0 && places > 0, "\(gradient.shape)")
        let (rows, period) = (gradient.count / places, factors.count)
        team.forEach(rows, step: max(1, Elementwise.piece / places)) { range in
            for row in range {
                let factor = factors.pointer[row % period]
                let (dy, dx) = (outputGradient.pointer + row * places, gradient.mutablePointer + row * places)
                for i in 0..<places { dx[i] += factor * dy[i] }
            }
        }
    }

    /// gradient[c] += the sum over p, and over the rows that share factor c, of x[c, p] * dy[c, p].
    package static func addFactorGradient(
        _ source: Tensor, _ outputGradient: Tensor, places: Int, to gradient: MutableTensor, team: Team
    ) {
        precondition(source.count == outputGradient.count && gradient.count > 0 && places > 0, "\(source.shape)")
        let (rows, period) = (source.count / places, gradient.count)
        team.forEach(period, step: 32) { factors in
            // Row after row, so that neighbours are read together where there is one place.
            for start in stride(from: 0, to: rows, by: period) {
                for factor in factors {
                    let (x, dy) = (source.pointer + (start + factor) * places, outputGradient.pointer + (start + factor) * places)
                    var sum: Float = 0
                    for i in 0..<places { sum += x[i] * dy[i] }
                    gradient.mutablePointer[factor] += sum
                }
            }
        }
    }
}
