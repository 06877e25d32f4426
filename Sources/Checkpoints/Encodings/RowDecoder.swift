import Tensors

/// The numbers of a tensor whose rows are decoded a segment at a time. Leading dimensions count as rows.
protocol RowDecoder: DerivedValues {
    var columns: Int { get }

    /// The rows that are best decoded at once.
    var band: Int { get }

    /// Decodes the columns `columns` of the rows `rows`; row i of them goes to `target + i * stride`. At most ``RowDecoding/segment`` columns.
    func decode(rows: Range<Int>, columns: Range<Int>, _ target: UnsafeMutablePointer<Float>, stride: Int)
}

enum RowDecoding {
    /// The columns that are decoded at once, which bounds the memory of decoding for rows of any length; a multiple of every unit of codes.
    static let segment = 4096
    /// The rows that are decoded at once where the layout asks for no other number.
    static let band = 32
}

extension RowDecoder {
    var band: Int { RowDecoding.band }

    func fill(_ target: UnsafeMutableBufferPointer<Float>, elements: Range<Int>) {
        guard let base = target.baseAddress, columns > 0 else { return }
        var position = elements.lowerBound
        while position < elements.upperBound {
            let place = base + (position - elements.lowerBound)
            let (row, column) = position.quotientAndRemainder(dividingBy: columns)
            let rest = elements.upperBound - position
            let whole = column == 0 ? rest / columns : 0
            if whole > 0 {
                decodeBand(row..<row + min(whole, band), 0..<columns, place)
                position += min(whole, band) * columns
            } else {
                let count = min(columns - column, rest)
                decodeBand(row..<row + 1, column..<column + count, place)
                position += count
            }
        }
    }

    private func decodeBand(_ rows: Range<Int>, _ range: Range<Int>, _ target: UnsafeMutablePointer<Float>) {
        for start in stride(from: range.lowerBound, to: range.upperBound, by: RowDecoding.segment) {
            let end = min(start + RowDecoding.segment, range.upperBound)
            decode(rows: rows, columns: start..<end, target + (start - range.lowerBound), stride: columns)
        }
    }
}

/// Numbers that belong to groups of codes, read in single precision.
extension TensorRecord {
    /// The largest magnitude of the elements; infinite if one is not finite.
    var largestMagnitude: Float {
        let length = 1 << 12
        return withUnsafeTemporaryAllocation(of: Float.self, capacity: length) { piece in
            var largest: Float = 0
            for start in stride(from: 0, to: elementCount, by: length) {
                let part = UnsafeMutableBufferPointer(rebasing: piece[..<min(length, elementCount - start)])
                fill(part, elements: start..<start + part.count)
                for value in part where !(value.magnitude <= largest) { largest = value.isFinite ? value.magnitude : .infinity }
            }
            return largest
        }
    }

    /// The largest magnitude that the codes of a type can represent; nil if some elements are codes of infinity or NaN.
    var boundOfCodes: Float? {
        let exponent: UInt8
        switch dtype {
        case .i8, .u8: return 256
        case .f8e4m3fn: exponent = 0x7F
        case .f8e5m2: exponent = 0x7C
        default: return nil
        }
        let isFinite = bytes.withUnsafeBytes { bytes in
            var special = 0
            for byte in bytes { special &+= byte & exponent == exponent ? 1 : 0 }
            return special == 0
        }
        return isFinite ? (dtype == .f8e4m3fn ? 448 : 57344) : nil
    }

    /// Calls `body` with the elements `range`.
    func withFloats<Result>(_ range: Range<Int>, _ body: (UnsafePointer<Float>) -> Result) -> Result {
        withUnsafeTemporaryAllocation(of: Float.self, capacity: max(range.count, 1)) { values in
            fill(UnsafeMutableBufferPointer(rebasing: values[..<range.count]), elements: range)
            return body(UnsafePointer(values.baseAddress!))
        }
    }
}
