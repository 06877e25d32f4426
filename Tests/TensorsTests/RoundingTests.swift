import Tensors
import Testing

@Suite struct RoundingTests {
    /// Single precision, then PyTorch's `half()` and `bfloat16()` of it: ties, subnormals, the ends of the range.
    private static let cases: [(single: UInt32, half: UInt16, brain: UInt16)] = [
        (0x0000_0000, 0x0000, 0x0000), (0x8000_0000, 0x8000, 0x8000), (0x3F80_0000, 0x3C00, 0x3F80), (0x3F80_1000, 0x3C00, 0x3F80),
        (0x3F80_3000, 0x3C02, 0x3F80), (0x3F80_1001, 0x3C01, 0x3F80), (0x3F80_8000, 0x3C04, 0x3F80), (0x3F81_8000, 0x3C0C, 0x3F82),
        (0x3F80_8001, 0x3C04, 0x3F81), (0x3300_0000, 0x0000, 0x3300), (0x3300_0001, 0x0001, 0x3300), (0x3380_0000, 0x0001, 0x3380),
        (0x337F_FFFF, 0x0001, 0x3380), (0x3880_0000, 0x0400, 0x3880), (0x387F_FFFF, 0x0400, 0x3880), (0x387F_E000, 0x0400, 0x3880),
        (0x387F_F000, 0x0400, 0x3880), (0x477F_E000, 0x7BFF, 0x4780), (0x477F_EFFF, 0x7BFF, 0x4780), (0x477F_F000, 0x7C00, 0x4780),
        (0x7F7F_FFFF, 0x7C00, 0x7F80), (0x7F7F_7FFF, 0x7C00, 0x7F7F), (0x7F7F_8000, 0x7C00, 0x7F80), (0xFF80_0000, 0xFC00, 0xFF80),
        (0x7F80_0000, 0x7C00, 0x7F80), (0x0000_0001, 0x0000, 0x0000), (0x0000_8000, 0x0000, 0x0000), (0x0000_8001, 0x0000, 0x0001),
        (0x0001_8000, 0x0000, 0x0002), (0xC2F6_E979, 0xD7B7, 0xC2F7), (0x3586_37BD, 0x0011, 0x3586),
    ]

    private func rounded<Word: FixedWidthInteger>(
        _ values: [Float], _ round: (UnsafePointer<Float>, UnsafeMutableRawPointer, Int) -> Void
    ) -> [Word] {
        var words = [Word](repeating: 0, count: values.count)
        words.withUnsafeMutableBytes { target in
            if let base = target.baseAddress { values.withUnsafeBufferPointer { round($0.baseAddress!, base, values.count) } }
        }
        return words
    }

    @Test func numbersAreRoundedAsPyTorchRoundsThem() {
        let values = Self.cases.map { Float(bitPattern: $0.single) }
        #expect(rounded(values, Rounding.f16) == Self.cases.map(\.half))
        #expect(rounded(values, Rounding.bf16) == Self.cases.map(\.brain))
        #expect(rounded(values, Rounding.f32) == Self.cases.map(\.single))
        #expect(rounded(values, Rounding.f64) == values.map { Double($0).bitPattern })
    }

    @Test func aNumberThatIsNoneStaysNone() {
        let values: [Float] = [.nan, -.nan, Float(bitPattern: 0x7F80_0001)]
        let halves: [UInt16] = rounded(values, Rounding.f16)
        #expect(halves.allSatisfy { $0 & 0x7FFF > 0x7C00 })
        let brains: [UInt16] = rounded(values, Rounding.bf16)
        #expect(brains.allSatisfy { $0 & 0x7FFF > 0x7F80 })
    }

    @Test func everyHalfComesBack() {
        let bits = (UInt16.min...UInt16.max).filter { $0 & 0x7C00 != 0x7C00 }
        let values = bits.map { half -> Float in
            var result: Float = 0
            withUnsafeBytes(of: half.littleEndian) { source in
                withUnsafeMutablePointer(to: &result) { Conversion.f16(source.baseAddress!, $0, 1) }
            }
            return result
        }
        #expect(rounded(values, Rounding.f16) == bits)
    }

    @Test func theFirstNumberThatWouldBecomeInfiniteIsFound() {
        func beyond(_ values: [Float], _ find: (UnsafePointer<Float>, Int) -> Float?) -> Float? {
            values.withUnsafeBufferPointer { find($0.baseAddress!, $0.count) }
        }
        for (bits, half, brain) in Self.cases {
            let value = Float(bitPattern: bits)
            #expect((beyond([0, value], Rounding.firstBeyondF16) != nil) == (value.isFinite && half & 0x7FFF == 0x7C00), "\(value)")
            #expect((beyond([0, value], Rounding.firstBeyondBF16) != nil) == (value.isFinite && brain & 0x7FFF == 0x7F80), "\(value)")
        }
        #expect(beyond([1, .infinity, .nan, -70000, 80000], Rounding.firstBeyondF16) == -70000)
    }
}
