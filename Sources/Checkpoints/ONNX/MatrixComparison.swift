import Archives
import Glibc
import Tensors

/// Whether one stored matrix has the numbers of another, bit by bit, in the same order or turned round.
struct MatrixComparison {
    private let first: TensorRecord
    private let second: TensorRecord
    private let isTurned: Bool
    private let rows: Int
    private let columns: Int

    /// - Parameters:
    ///   - first: [rows, columns], as the file has it.
    ///   - second: [columns, rows] if `isTurned`, otherwise [rows, columns].
    init(_ first: TensorRecord, _ second: TensorRecord, isTurned: Bool) {
        (self.first, self.second, self.isTurned) = (first, second, isTurned)
        (rows, columns) = (first.shape[0], first.shape[1])
    }

    /// A few places that tell most matrices apart.
    static func samples(rows: Int, columns: Int) -> [(row: Int, column: Int)] {
        (0..<16).map { (row: $0 * (rows - 1) / 15, column: $0 * 7 % columns) }
    }

    /// Whether all numbers are equal. Reads all of both matrices only if a sample of them is.
    func areEqual() -> Bool {
        guard first.dtype == second.dtype, first.dtype.isFloatingPoint, first.dtype.elementsPerBlock == 1, first.strides == nil,
            second.strides == nil, first.bytes.count == second.bytes.count
        else { return false }
        let isEqual =
            switch first.dtype.bytesPerBlock {
            case 1: areEqual(of: UInt8.self)
            case 2: areEqual(of: UInt16.self)
            case 4: areEqual(of: UInt32.self)
            case 8: areEqual(of: UInt64.self)
            default: false
            }
        first.bytes.discardPages()
        second.bytes.discardPages()
        return isEqual
    }

    private func areEqual<Word: FixedWidthInteger & SIMDScalar>(of _: Word.Type) -> Bool {
        let width = MemoryLayout<Word>.size
        return first.bytes.withUnsafeBytes { x in
            second.bytes.withUnsafeBytes { y in
                guard let a = x.baseAddress, let b = y.baseAddress, x.count == rows * columns * width, y.count == x.count else {
                    return false
                }
                func element(_ row: Int, _ column: Int) -> Word {
                    a.loadUnaligned(fromByteOffset: (row * columns + column) * width, as: Word.self)
                }
                let (down, across) = isTurned ? (1, rows) : (columns, 1)
                let areSame = Self.samples(rows: rows, columns: columns).allSatisfy { place in
                    element(place.row, place.column)
                        == b.loadUnaligned(fromByteOffset: (place.row * down + place.column * across) * width, as: Word.self)
                }
                guard areSame else { return false }
                nonisolated(unsafe) let (p, q) = (a, b)
                let stripes = (rows + Self.stripe - 1) / Self.stripe
                // Opening a file should take no longer than the disk needs.
                let threads = rows * columns < 1 << 20 ? 1 : min(4, Parallel.availableCores)
                let results = try? Parallel.map(count: stripes, threads: threads) { number -> Bool in
                    let range = number * Self.stripe..<min(rows, (number + 1) * Self.stripe)
                    guard isTurned else {
                        let bytes = range.lowerBound * columns * width..<range.upperBound * columns * width
                        return memcmp(p + bytes.lowerBound, q + bytes.lowerBound, bytes.count) == 0
                    }
                    return Self.isTurned(p, q, rows: rows, columns: columns, in: range, of: Word.self)
                }
                return results?.allSatisfy { $0 } ?? false
            }
        }
    }

    /// The rows that a thread compares at a time: of as many columns as a line of the cache holds, they stay there.
    private static let stripe = 512

    /// Whether some rows of x [rows, columns] are those columns of y [columns, rows]: squares of four rows and columns, which fill registers.
    private static func isTurned<Word: FixedWidthInteger & SIMDScalar>(
        _ x: UnsafeRawPointer, _ y: UnsafeRawPointer, rows: Int, columns: Int, in range: Range<Int>, of _: Word.Type
    ) -> Bool {
        typealias Four = SIMD4<Word>
        typealias Eight = SIMD8<Word>
        let width = MemoryLayout<Word>.size
        let (down, across) = (columns * width, rows * width)
        let whole = (rows: range.lowerBound + range.count / 4 * 4, columns: columns / 4 * 4)
        for left in stride(from: 0, to: whole.columns, by: 16) {
            var different = Four.zero
            for column in stride(from: left, to: min(left + 16, whole.columns), by: 4) {
                var p = x + (range.lowerBound * down + column * width)
                var q = y + (column * across + range.lowerBound * width)
                for _ in stride(from: range.lowerBound, to: whole.rows, by: 4) {
                    func row(_ place: Int) -> Four { (p + place * down).loadUnaligned(as: Four.self) }
                    func column(_ place: Int) -> Four { (q + place * across).loadUnaligned(as: Four.self) }
                    let (upper, lower) = (Eight(lowHalf: row(0), highHalf: row(1)), Eight(lowHalf: row(2), highHalf: row(3)))
                    let even = Eight(lowHalf: upper.evenHalf, highHalf: lower.evenHalf)
                    let odd = Eight(lowHalf: upper.oddHalf, highHalf: lower.oddHalf)
                    different |= (even.evenHalf ^ column(0)) | (odd.evenHalf ^ column(1))
                    different |= (even.oddHalf ^ column(2)) | (odd.oddHalf ^ column(3))
                    p += 4 * down
                    q += 4 * width
                }
            }
            guard different == .zero else { return false }
        }
        func areSame(_ row: Int, _ column: Int) -> Bool {
            (x + (row * down + column * width)).loadUnaligned(as: Word.self)
                == (y + (column * across + row * width)).loadUnaligned(as: Word.self)
        }
        for row in range {
            for column in (row < whole.rows ? whole.columns : 0)..<columns where !areSame(row, column) { return false }
        }
        return true
    }
}
