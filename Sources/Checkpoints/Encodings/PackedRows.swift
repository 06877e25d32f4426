import Tensors

/// A matrix whose rows are codes side by side, and whose groups of neighbours in a row share the numbers that decode them.
struct PackedRows: RowDecoder {
    /// How a code becomes a number.
    enum Meaning {
        /// (code - zero) * scale; the zero is a constant, or one of each group.
        case offset(zero: Float, zeros: Zeros?)
        /// code * scale + bias.
        case bias(TensorRecord)
        /// table[code] * scale.
        case table([Float])
    }

    /// Zero points packed as codes down the columns, as compressed-tensors does: [ceil(rows * bits / 32), groups].
    struct Zeros {
        let record: TensorRecord
        let bits: Int
        let groups: Int

        func zero(row: Int, group: Int, in base: UnsafeRawPointer) -> Float {
            let bit = row * bits
            var code = UInt64(base.loadUnaligned(fromByteOffset: (bit / 32 * groups + group) * 4, as: UInt32.self))
            if bit % 32 + bits > 32 {
                code |= UInt64(base.loadUnaligned(fromByteOffset: ((bit / 32 + 1) * groups + group) * 4, as: UInt32.self)) << 32
            }
            return Float(code >> UInt64(bit % 32) & (1 << UInt64(bits) - 1))
        }
    }

    /// How a group's scale is made of what is stored.
    enum Scale {
        /// A number a group.
        case number(TensorRecord)
        /// One number for all.
        case one(TensorRecord)
        /// A number a group and one for all: divided by, or multiplied by.
        case divided(TensorRecord, by: Float)
        case multiplied(TensorRecord, by: Float)
        /// A power of two: the byte less 127.
        case exponent(TensorRecord)

        var record: TensorRecord {
            switch self {
            case .number(let record), .one(let record), .divided(let record, _), .multiplied(let record, _), .exponent(let record): record
            }
        }
    }

    let summary: String
    let stored: [TensorRecord]
    let columns: Int
    let codes: TensorRecord
    let rowBytes: Int
    let bits: Int
    /// The columns that share a scale.
    let groupSize: Int
    let groups: Int
    let scale: Scale
    let meaning: Meaning
    /// The group of each column if it does not follow from ``groupSize``; checked.
    var groupOfColumn: [Int32]? = nil

    var isCertainlyFinite: Bool {
        let largest: Float
        switch scale {
        case .number(let record), .one(let record): largest = record.largestMagnitude
        case .divided(let record, let number): largest = record.largestMagnitude / number.magnitude
        case .multiplied(let record, let number): largest = record.largestMagnitude * number.magnitude
        case .exponent(let record): largest = Self.powers[Int(record.largestMagnitude)]
        }
        switch meaning {
        case .offset: return (largest * 256).isFinite
        case .bias(let record): return (largest * 256 + record.largestMagnitude).isFinite
        case .table(let table):
            let bound = table.lazy.filter(\.isFinite).map(\.magnitude).max() ?? 0
            return (largest * bound).isFinite && (table.allSatisfy(\.isFinite) || hasOnlyFiniteCodes(table))
        }
    }

    /// Whether no code stands for a number of the table that is not finite. Only codes of whole bytes are searched.
    private func hasOnlyFiniteCodes(_ table: [Float]) -> Bool {
        guard bits == 8, table.count == 256 else { return false }
        let isFinite = table.map(\.isFinite)
        return codes.bytes.withUnsafeBytes { bytes in bytes.allSatisfy { isFinite[Int($0)] } }
    }

    func decode(rows: Range<Int>, columns range: Range<Int>, _ target: UnsafeMutablePointer<Float>, stride: Int) {
        let first = range.lowerBound / 8
        let eights = (range.upperBound + 7) / 8 - first
        let groupRange = groupOfColumn == nil ? range.lowerBound / groupSize..<(range.upperBound - 1) / groupSize + 1 : 0..<groups
        codes.bytes.withUnsafeBytes { bytes in
            withUnsafeTemporaryAllocation(of: UInt8.self, capacity: eights * 8) { unpacked in
                withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * groupRange.count) { numbers in
                    guard let base = bytes.baseAddress, let codes = unpacked.baseAddress, let scales = numbers.baseAddress else { return }
                    let others = scales + groupRange.count
                    for row in rows {
                        PackedCodes.unpack(
                            base + row * rowBytes + first * bits, available: rowBytes - first * bits, bits: bits, groups: eights, codes)
                        readScales(row: row, groupRange, scales)
                        readOthers(row: row, groupRange, others)
                        apply(codes - first * 8, range, groupRange.lowerBound, scales, others, target + (row - rows.lowerBound) * stride)
                    }
                }
            }
        }
    }

    private func readScales(row: Int, _ range: Range<Int>, _ target: UnsafeMutablePointer<Float>) {
        let elements = row * groups + range.lowerBound..<row * groups + range.upperBound
        if case .exponent(let record) = scale {
            Self.powers.withUnsafeBufferPointer { powers in
                record.bytes.withUnsafeBytes { bytes in
                    for (i, element) in elements.enumerated() { target[i] = powers[Int(bytes[element])] }
                }
            }
            return
        }
        if case .one(let record) = scale {
            for group in 0..<range.count { record.fill(UnsafeMutableBufferPointer(start: target + group, count: 1), elements: 0..<1) }
            return
        }
        scale.record.fill(UnsafeMutableBufferPointer(start: target, count: range.count), elements: elements)
        switch scale {
        case .number, .one, .exponent: break
        case .divided(_, let number): for i in 0..<range.count { target[i] /= number }
        case .multiplied(_, let number): for i in 0..<range.count { target[i] *= number }
        }
    }

    /// 2^(byte - 127); 255 is infinite.
    private static let powers: [Float] = (0..<256).map { $0 == 255 ? .infinity : Float(sign: .plus, exponent: $0 - 127, significand: 1) }

    private func readOthers(row: Int, _ range: Range<Int>, _ target: UnsafeMutablePointer<Float>) {
        switch meaning {
        case .offset(let zero, nil): for i in 0..<range.count { target[i] = zero }
        case .offset(_, let zeros?):
            zeros.record.bytes.withUnsafeBytes { bytes in
                for group in range { target[group - range.lowerBound] = zeros.zero(row: row, group: group, in: bytes.baseAddress!) }
            }
        case .bias(let record):
            let elements = row * groups + range.lowerBound..<row * groups + range.upperBound
            record.fill(UnsafeMutableBufferPointer(start: target, count: range.count), elements: elements)
        case .table: break
        }
    }

    private func apply(
        _ codes: UnsafeMutablePointer<UInt8>, _ range: Range<Int>, _ firstGroup: Int, _ scales: UnsafeMutablePointer<Float>,
        _ others: UnsafeMutablePointer<Float>, _ target: UnsafeMutablePointer<Float>
    ) {
        if let groupOfColumn {
            groupOfColumn.withUnsafeBufferPointer {
                PackedCodes.scale(
                    codes + range.lowerBound, groups: $0.baseAddress! + range.lowerBound, zeros: others, scales: scales, target, range.count
                )
            }
            return
        }
        var column = range.lowerBound
        while column < range.upperBound {
            let group = column / groupSize
            let end = min((group + 1) * groupSize, range.upperBound)
            let place = target + (column - range.lowerBound)
            let scale = scales[group - firstGroup]
            switch meaning {
            case .offset: PackedCodes.scale(codes + column, zero: others[group - firstGroup], scale: scale, place, end - column)
            case .bias: PackedCodes.shift(codes + column, scale: scale, bias: others[group - firstGroup], place, end - column)
            case .table(let table):
                table.withUnsafeBufferPointer {
                    PackedCodes.lookUp(codes + column, table: $0.baseAddress!, scale: scale, place, end - column)
                }
            }
            column = end
        }
    }
}
