import Tensors

/// A matrix that is stored transposed, its codes packed into words down the columns (GPTQ) or along the rows (AWQ), with scales and zero
/// points [groups, out].
struct PackedColumns: RowDecoder {
    enum Order {
        /// A word holds neighbours of one column of the stored matrix.
        case columns
        /// A word holds eight neighbours of a row of the stored matrix, in the order 0 2 4 6 1 3 5 7.
        case interleaved
    }

    let summary: String
    let stored: [TensorRecord]
    /// The in-neurons.
    let columns: Int
    /// The out-neurons.
    let rows: Int
    let order: Order
    let bits: Int
    let codes: TensorRecord
    let scales: TensorRecord
    /// [groups, out * bits / 32] words.
    let zeros: TensorRecord
    /// The number that is added to a stored zero point, modulo the range of its bits.
    let zeroShift: Int
    let groups: Int
    let groupSize: Int
    /// The group of each in-neuron, already checked; nil if it follows from ``groupSize``.
    let groupOfColumn: [Int32]?

    var isCertainlyFinite: Bool { (scales.largestMagnitude * 256).isFinite }

    /// Along the rows of the stored matrix, each of which lies on pages of its own, a line of the cache holds the codes of 128 rows.
    var band: Int { order == .interleaved ? 128 : RowDecoding.band }

    func decode(rows: Range<Int>, columns range: Range<Int>, _ target: UnsafeMutablePointer<Float>, stride: Int) {
        // Whole units of codes: 32 places hold whole words of every number of bits.
        let start = range.lowerBound / 32 * 32
        let end = min((range.upperBound + 31) / 32 * 32, columns)
        // Neighbouring rows would share the sets of the cache if they lay a power of two apart.
        let codeStride = (end - start + 7) / 8 * 8 + 72
        let firstRow = rows.lowerBound / 8 * 8
        let bandRows = (rows.upperBound + 7) / 8 * 8 - firstRow
        let groupRange = groupOfColumn == nil ? range.lowerBound / groupSize..<(range.upperBound - 1) / groupSize + 1 : 0..<groups
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: bandRows * codeStride) { unpacked in
            withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * rows.count * groupRange.count) { numbers in
                guard let codes = unpacked.baseAddress, let scales = numbers.baseAddress else { return }
                let zeros = scales + rows.count * groupRange.count
                unpack(rows, firstRow, bandRows, start..<end, codes, codeStride)
                readGroups(rows, groupRange, scales, zeros)
                for row in rows {
                    let place = order == .columns ? row - rows.lowerBound : row - firstRow
                    let base = (row - rows.lowerBound) * groupRange.count
                    apply(
                        codes + place * codeStride - start, range, groupRange.lowerBound, scales + base, zeros + base,
                        target + (row - rows.lowerBound) * stride)
                }
            }
        }
    }

    private func unpack(
        _ rows: Range<Int>, _ firstRow: Int, _ bandRows: Int, _ range: Range<Int>, _ target: UnsafeMutablePointer<UInt8>, _ stride: Int
    ) {
        codes.bytes.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            switch order {
            case .columns:
                let words = range.lowerBound * bits / 32
                let units = bits == 3 ? range.count / 32 : range.count * bits / 32
                PackedCodes.unpackColumns(
                    base + (words * self.rows + rows.lowerBound) * 4, stride: self.rows, bits: bits, units: units, columns: rows.count,
                    target, targetStride: stride)
            case .interleaved:
                PackedCodes.unpackInterleaved(
                    base + (range.lowerBound * (self.rows / 8) + firstRow / 8) * 4, stride: self.rows / 8, rows: range.count,
                    words: bandRows / 8, target, targetStride: stride)
            }
        }
    }

    /// Scales and zero points by rows: [rows, groups].
    private func readGroups(
        _ rows: Range<Int>, _ groupRange: Range<Int>, _ scaleTarget: UnsafeMutablePointer<Float>, _ zeroTarget: UnsafeMutablePointer<Float>
    ) {
        let width = self.rows * bits / 32
        let mask = UInt64(1) << UInt64(bits) - 1
        zeros.bytes.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            for (place, group) in groupRange.enumerated() {
                let first = group * self.rows
                scales.withFloats(first + rows.lowerBound..<first + rows.upperBound) { values in
                    for i in 0..<rows.count { scaleTarget[i * groupRange.count + place] = values[i] }
                }
                for row in rows {
                    let bit: Int
                    switch order {
                    case .columns: bit = row * bits
                    case .interleaved: bit = row / 8 * 32 + (row % 2 * 4 + row % 8 / 2) * 4
                    }
                    let word = group * width + bit / 32
                    var code = UInt64(base.loadUnaligned(fromByteOffset: word * 4, as: UInt32.self))
                    if bit % 32 + bits > 32 { code |= UInt64(base.loadUnaligned(fromByteOffset: word * 4 + 4, as: UInt32.self)) << 32 }
                    let zero = (code >> UInt64(bit % 32) + UInt64(zeroShift)) & mask
                    zeroTarget[(row - rows.lowerBound) * groupRange.count + place] = Float(zero)
                }
            }
        }
    }

    private func apply(
        _ codes: UnsafeMutablePointer<UInt8>, _ range: Range<Int>, _ firstGroup: Int, _ scales: UnsafeMutablePointer<Float>,
        _ zeros: UnsafeMutablePointer<Float>, _ target: UnsafeMutablePointer<Float>
    ) {
        if let groupOfColumn {
            groupOfColumn.withUnsafeBufferPointer {
                PackedCodes.scale(
                    codes + range.lowerBound, groups: $0.baseAddress! + range.lowerBound, zeros: zeros, scales: scales, target, range.count)
            }
            return
        }
        var column = range.lowerBound
        while column < range.upperBound {
            let group = column / groupSize
            let end = min((group + 1) * groupSize, range.upperBound)
            PackedCodes.scale(
                codes + column, zero: zeros[group - firstGroup], scale: scales[group - firstGroup], target + (column - range.lowerBound),
                end - column)
            column = end
        }
    }
}
