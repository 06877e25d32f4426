import Archives
import FoundationEssentials
import Testing

@testable import Checkpoints

/// The values of bit patterns by PyTorch and numpy.
private struct Patterns: Decodable {
    struct Integers: Decodable {
        let hex: String
        let doubles: [Double]
    }
    /// The Float bits of the 256 patterns of each 8-bit format.
    let eight: [String: [UInt32]]
    /// FNV-1a over the Float bits of all 65536 half-precision patterns, each NaN as 0x7fc00000.
    let halfDigest: String
    let integers: [String: Integers]

    static func load() throws -> Patterns {
        try JSONDecoder().decode(Patterns.self, from: Data(TorchFixtures.bytes("patterns.json")))
    }
}

private func record(_ dtype: DType, _ shape: [Int], _ bytes: [UInt8]) throws -> TensorRecord {
    try TensorRecord(name: "t", dtype: dtype, shape: shape, bytes: ByteRegion(copying: bytes))
}

struct ValuesTests {
    @Test func everyHalfPatternHasItsValue() throws {
        let bytes = (0..<65536).flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] }
        var digest: UInt64 = 0xCBF2_9CE4_8422_2325
        for value in try record(.f16, [65536], bytes).floats() {
            digest = (digest ^ UInt64(value.isNaN ? 0x7FC0_0000 : value.bitPattern)) &* 0x100_0000_01B3
        }
        #expect(String(digest) == (try Patterns.load().halfDigest))
    }

    @Test func everyEightBitPatternHasItsValue() throws {
        let patterns = try Patterns.load()
        for dtype in [DType.f8e4m3fn, .f8e5m2, .f8e4m3fnuz, .f8e5m2fnuz] {
            let expected = try #require(patterns.eight[dtype.rawValue]).map { Float(bitPattern: $0) }
            let values = try record(dtype, [256], (0..<256).map { UInt8($0) }).floats()
            for (pattern, (value, wanted)) in zip(values, expected).enumerated() {
                #expect(
                    value.isNaN ? wanted.isNaN : value.bitPattern == wanted.bitPattern, "\(dtype.rawValue) pattern \(pattern)")
            }
        }
    }

    @Test func wideIntegersRoundToNearestDouble() throws {
        for (name, expected) in try Patterns.load().integers {
            let dtype = try #require(DType(rawValue: name))
            let digits = Array(expected.hex)
            let bytes = try stride(from: 0, to: digits.count, by: 2).map {
                try #require(UInt8(String(digits[$0...$0 + 1]), radix: 16))
            }
            let tensor = try record(dtype, [expected.doubles.count], bytes)
            #expect(tensor.doubles() == expected.doubles)
            #expect(tensor.floats() == expected.doubles.map { Float($0) })
        }
    }

    @Test func doublesRoundToNearestFloat() throws {
        let values: [Double] = [1 + 0x1p-24, 1 + 0x1.8p-23, 1e300, -0.1, 0x1p-149, .infinity]
        let bytes = values.flatMap { value in (0..<8).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) } }
        #expect(try record(.f64, [6], bytes).floats() == [1, 1 + 0x1p-22, .infinity, -0.1, 0x1p-149, .infinity])
        #expect(try record(.f64, [6], bytes).doubles() == values)
    }

    /// Element [i, j] of every view below is the number of its place in the storage.
    private static let storage = ByteRegion(copying: (0..<30000).flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] })

    @Test(arguments: [
        ([100, 150], [1, 100], 7), ([150, 100], [100, 1], 0), ([70, 65], [1, 130], 3), ([5, 3, 4], [1, 20, 5], 2),
        ([3, 2000], [2000, 2], 11), ([4, 5], [0, 1], 9), ([4, 5], [1, 0], 9), ([2, 3, 4], [0, 0, 0], 1), ([1, 9], [1, 3], 0),
    ])
    func stridedViewsAreReadInTheirOwnOrder(_ view: (shape: [Int], strides: [Int], offset: Int)) throws {
        let tensor = try TensorRecord(
            name: "t", dtype: .u16, shape: view.shape, strides: view.strides, offset: view.offset, storage: Self.storage)
        let expected = (0..<tensor.elementCount).map { place -> Float in
            var rest = place
            var index = view.offset
            for (length, stride) in zip(view.shape, view.strides).reversed() {
                index += rest % length * stride
                rest /= length
            }
            return Float(index)
        }
        #expect(tensor.floats() == expected)
        #expect(tensor.doubles() == expected.map { Double($0) })
        for range in [0..<1, 1..<3, 3..<tensor.elementCount, tensor.elementCount / 3..<tensor.elementCount / 3 * 2 + 1] {
            var part = [Float](repeating: -1, count: range.count)
            part.withUnsafeMutableBufferPointer { tensor.fill($0, elements: range) }
            #expect(part == Array(expected[range]))
        }
    }

    @Test func scalarsAndEmptyTensorsHaveOneAndNoValues() throws {
        #expect(try record(.i8, [], [0xFF]).floats() == [-1])
        #expect(try record(.f32, [0, 3], []).floats() == [])
        #expect(try record(.bool, [3], [0, 1, 255]).doubles() == [0, 1, 1])
        #expect(try record(.bf16, [2], [0xC0, 0x3F, 0x80, 0xFF]).floats() == [1.5, -.infinity])
    }
}
