/// Matrices one after the other, each decoded by rows and shown transposed.
struct TransposedRows: DerivedValues {
    let rows: PackedRows
    /// The rows of each stored matrix.
    let rowCount: Int

    var summary: String { rows.summary }
    var stored: [TensorRecord] { rows.stored }
    var selection: [Int] { [rowCount] }
    var isCertainlyFinite: Bool { rows.isCertainlyFinite }

    func fill(_ target: UnsafeMutableBufferPointer<Float>, elements: Range<Int>) {
        // Element (m, c, r) of the result is element (m, r, c) of what is stored.
        let columns = rows.columns
        var position = elements.lowerBound
        while position < elements.upperBound {
            let line = position / rowCount
            let (matrix, column) = line.quotientAndRemainder(dividingBy: columns)
            let lines = min((elements.upperBound - 1) / rowCount + 1 - line, columns - column, 256)
            let end = min(elements.upperBound, (line + lines) * rowCount)
            let part = UnsafeMutableBufferPointer(rebasing: target[position - elements.lowerBound..<end - elements.lowerBound])
            fill(part, from: position - line * rowCount, matrix: matrix, columns: column..<column + lines)
            position = end
        }
    }

    /// - Parameter first: the place in the first line with which the part begins.
    private func fill(_ target: UnsafeMutableBufferPointer<Float>, from first: Int, matrix: Int, columns: Range<Int>) {
        let band = RowDecoding.band
        let firstRow = columns.count == 1 ? first : 0
        let lastRow = columns.count == 1 ? first + target.count : rowCount
        withUnsafeTemporaryAllocation(of: Float.self, capacity: band * columns.count) { scratch in
            guard let base = scratch.baseAddress else { return }
            for start in stride(from: firstRow, to: lastRow, by: band) {
                let end = min(start + band, lastRow)
                rows.decode(
                    rows: matrix * rowCount + start..<matrix * rowCount + end, columns: columns, base, stride: columns.count)
                for column in 0..<columns.count {
                    for row in start..<end {
                        let place = column * rowCount + row - first
                        if place >= 0, place < target.count { target[place] = base[(row - start) * columns.count + column] }
                    }
                }
            }
        }
    }
}
