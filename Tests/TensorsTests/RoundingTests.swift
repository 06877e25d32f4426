import Tensors
import Testing

@Suite struct RoundingTests {
    /// Single precision, then what PyTorch's `half()` and `bfloat16()` make of it: ties, subnormals, the edges of the range.
    private static let cases: [(single: UInt32, half: UInt16, brain: UInt16)] = [
        (0x00000000, 0x0000, 0x0000), (0x80000000, 0x8000, 0x8000), (0x3F800000, 0x3C00, 0x3F80), (0x3F801000, 0x3C00, 0x3F80),
        (0x3F803000, 0x3C02, 0x3F80), (0x3F801001, 0x3C01, 0x3F80), (0x3F808000, 0x3C04, 0x3F80), (0x3F818000, 0x3C0C, 0x3F82),
        (0x3F808001, 0x3C04, 0x3F81), (0x33000000, 0x0000, 0x3300), (0x33000001, 0x0001, 0x3300), (0x33800000, 0x0001, 0x3380),
        (0x337FFFFF, 0x0001, 0x3380), (0x38800000, 0x0400, 0x3880), (0x387FFFFF, 0x0400, 0x3880), (0x387FE000, 0x0400, 0x3880),
        (0x387FF000, 0x0400, 0x3880), (0x477FE000, 0x7BFF, 0x4780), (0x477FEFFF, 0x7BFF, 0x4780), (0x477FF000, 0x7C00, 0x4780),
        (0x7F7FFFFF, 0x7C00, 0x7F80), (0x7F7F7FFF, 0x7C00, 0x7F7F), (0x7F7F8000, 0x7C00, 0x7F80), (0xFF800000, 0xFC00, 0xFF80),
        (0x7F800000, 0x7C00, 0x7F80), (0x00000001, 0x0000, 0x0000), (0x00008000, 0x0000, 0x0000), (0x00008001, 0x0000, 0x0001),
        (0x00018000, 0x0000, 0x0002), (0xC2F6E979, 0xD7B7, 0xC2F7), (0x358637BD, 0x0011, 0x3586),
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
}
