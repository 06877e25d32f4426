extension ReducedMatrix {
    /// The matrix with fewer cells, each with its share of those that it lies over.
    ///
    /// A mean weights the old cells by the area that they share with the new one, so that cells of uneven size leave no pattern; the greatest
    /// is that of all of them; the nearest is the one in the middle. Cells that are NaN are left out; a cell over nothing else is NaN.
    ///
    /// - Parameters:
    ///   - newWidth: at most the width.
    ///   - newHeight: at most the height.
    func shrunk(width newWidth: Int, height newHeight: Int, method: Method) -> ReducedMatrix {
        precondition(
            (1...width).contains(newWidth) && (1...height).contains(newHeight), "\(newWidth) x \(newHeight) of \(width) x \(height)")
        guard newWidth < width || newHeight < height else { return self }
        if method == .nearest {
            let columns = (0..<newWidth).map { (2 * $0 + 1) * width / (2 * newWidth) }
            let rows = (0..<newHeight).map { (2 * $0 + 1) * height / (2 * newHeight) }
            return ReducedMatrix(
                width: newWidth, height: newHeight, values: rows.flatMap { row in columns.map { values[row * width + $0] } })
        }
        let columns = Self.overlaps(of: width, with: newWidth)
        let rows = Self.overlaps(of: height, with: newHeight)
        let isMaximum = method == .maximum
        var sums = [Double](repeating: isMaximum ? -.infinity : 0, count: newWidth * newHeight)
        var weights = [Double](repeating: 0, count: newWidth * newHeight)
        values.withUnsafeBufferPointer { values in
            for row in rows {
                for column in columns {
                    let value = Double(values[row.old * width + column.old])
                    if value.isNaN { continue }
                    let place = row.new * newWidth + column.new
                    let weight = row.length * column.length
                    weights[place] += weight
                    if isMaximum {
                        if value > sums[place] { sums[place] = value }
                    } else {
                        sums[place] += weight * value
                    }
                }
            }
        }
        return ReducedMatrix(
            width: newWidth, height: newHeight,
            values: zip(sums, weights).map { $1 == 0 ? .nan : Float(isMaximum ? $0 : $0 / $1) })
    }

    /// An old cell, a new one that it lies under, and the length that they share: whole numbers, `old` times `new` for the whole side.
    private struct Overlap {
        var old: Int
        var new: Int
        var length: Double
    }

    private static func overlaps(of old: Int, with new: Int) -> [Overlap] {
        var overlaps: [Overlap] = []
        var (cell, target, place) = (0, 0, 0)
        while cell < old {
            let (end, targetEnd) = ((cell + 1) * new, (target + 1) * old)
            let next = min(end, targetEnd)
            overlaps.append(Overlap(old: cell, new: target, length: Double(next - place)))
            place = next
            if end == next { cell += 1 }
            if targetEnd == next { target += 1 }
        }
        return overlaps
    }
}
