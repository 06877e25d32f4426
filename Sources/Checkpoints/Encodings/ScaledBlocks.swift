import Tensors

/// A matrix of small numbers, of which blocks share a scale.
struct ScaledBlocks: RowDecoder {
    let summary: String
    let stored: [TensorRecord]
    let columns: Int
    /// Eight-bit numbers.
    let codes: TensorRecord
    /// [block rows, block columns].
    let scales: TensorRecord
    let blockRows: Int
    let blockColumns: Int
    /// The rows of one matrix if several are stacked; blocks do not cross their borders.
    let matrixRows: Int
    /// Multiplied with the scaled number.
    var factor: Float = 1
    /// Integers of the scales' shape that are subtracted from the stored number.
    var zeros: TensorRecord? = nil

    var isCertainlyFinite: Bool {
        guard let bound = codes.boundOfCodes, (bound + (zeros?.largestMagnitude ?? 0)).isFinite else { return false }
        return ((bound + (zeros?.largestMagnitude ?? 0)) * scales.largestMagnitude).isFinite
    }

    func decode(rows: Range<Int>, columns range: Range<Int>, _ target: UnsafeMutablePointer<Float>, stride: Int) {
        let perRow = (columns - 1) / blockColumns + 1
        let perMatrix = (matrixRows - 1) / blockRows + 1
        let blocks = range.lowerBound / blockColumns..<(range.upperBound - 1) / blockColumns + 1
        for row in rows {
            let place = target + (row - rows.lowerBound) * stride
            codes.fill(
                UnsafeMutableBufferPointer(start: place, count: range.count),
                elements: row * columns + range.lowerBound..<row * columns + range.upperBound)
            let blockRow = row / matrixRows * perMatrix + row % matrixRows / blockRows
            let elements = blockRow * perRow + blocks.lowerBound..<blockRow * perRow + blocks.upperBound
            scales.withFloats(elements) { numbers in
                for block in blocks {
                    let start = max(block * blockColumns, range.lowerBound)
                    let end = min((block + 1) * blockColumns, range.upperBound)
                    let zero = zeros.map { $0.withFloats(elements) { $0[block - blocks.lowerBound] } } ?? 0
                    PackedCodes.scale(
                        place + (start - range.lowerBound), zero: zero, scale: numbers[block - blocks.lowerBound], end - start)
                    if factor != 1 { PackedCodes.scale(place + (start - range.lowerBound), zero: 0, scale: factor, end - start) }
                }
            }
        }
    }
}
