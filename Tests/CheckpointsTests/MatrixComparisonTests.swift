import Archives
import Testing

@testable import Checkpoints

/// Whether one matrix is another, turned round or not: the sizes leave parts of squares of four, of lines and of stripes over.
@Suite struct MatrixComparisonTests {
    /// The bytes of numbers that are all different, and of the same with rows as columns.
    private static func matrices(_ rows: Int, _ columns: Int, width: Int) -> (own: [UInt8], turned: [UInt8]) {
        func bytes(_ number: Int) -> [UInt8] { (0..<width).map { UInt8(truncatingIfNeeded: number &* 2_654_435_761 >> (8 * $0)) } }
        let own = (0..<rows * columns).flatMap(bytes)
        let turned = (0..<columns).flatMap { column in (0..<rows).flatMap { bytes($0 * columns + column) } }
        return (own, turned)
    }

    private static func areEqual(_ dtype: DType, _ rows: Int, _ columns: Int, _ a: [UInt8], _ b: [UInt8], isTurned: Bool) throws -> Bool {
        MatrixComparison(
            try TensorRecord(name: "a", dtype: dtype, shape: [rows, columns], bytes: ByteRegion(copying: a)),
            try TensorRecord(name: "b", dtype: dtype, shape: isTurned ? [columns, rows] : [rows, columns], bytes: ByteRegion(copying: b)),
            isTurned: isTurned
        ).areEqual()
    }

    @Test(arguments: [(2, 2), (3, 5), (4, 4), (7, 33), (18, 17), (513, 19), (21, 600), (1030, 6)])
    func oneDifferentNumberIsFoundWhereverItIs(rows: Int, columns: Int) throws {
        for (dtype, width) in [(DType.f16, 2), (.f32, 4), (.f64, 8)] {
            let (own, turned) = Self.matrices(rows, columns, width: width)
            #expect(try Self.areEqual(dtype, rows, columns, own, turned, isTurned: true))
            #expect(try Self.areEqual(dtype, rows, columns, own, own, isTurned: false))
            // All places of small matrices, of large ones some that are an odd number apart.
            let step = max(1, rows * columns / 500) | 1
            for place in Array(stride(from: 0, to: rows * columns, by: step)) + [rows * columns - 1] {
                for (bytes, isTurned) in [(turned, true), (own, false)] {
                    var changed = bytes
                    changed[place * width + place % width] ^= 1
                    #expect(
                        try !Self.areEqual(dtype, rows, columns, own, changed, isTurned: isTurned), "\(dtype) \(rows)x\(columns): \(place)")
                }
            }
        }
    }

    @Test func matricesOfOtherTypesAreOthers() throws {
        let (own, turned) = Self.matrices(4, 6, width: 4)
        let first = try TensorRecord(name: "a", dtype: .f32, shape: [4, 6], bytes: ByteRegion(copying: own))
        let whole = try TensorRecord(name: "b", dtype: .i32, shape: [6, 4], bytes: ByteRegion(copying: turned))
        #expect(!MatrixComparison(first, whole, isTurned: true).areEqual())
    }
}
