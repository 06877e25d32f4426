// GGML's block formats whose elements are points of a lookup grid, to Float. `grid` holds the points, 8 or 4 signed bytes each; `signs` maps
// seven bits to eight whose number of ones is even. Blocks have 256 elements and any alignment.

/// Eight elements: a scale times a point, negated if the bit of `signs` is one.
@inline(__always)
private func signed(_ point: UnsafePointer<Int8>, _ signs: UInt8, _ scale: Float, _ out: UnsafeMutablePointer<Float>) {
    for i in 0..<8 {
        let sign = ((UInt32(signs) &>> UInt32(truncatingIfNeeded: i)) & 1) &<< 31
        out[i] = Float(bitPattern: (scale * Float(point[i])).bitPattern ^ sign)
    }
}

/// The same with two points of four.
@inline(__always)
private func signed(
    _ first: UnsafePointer<Int8>, _ second: UnsafePointer<Int8>, _ signs: UInt8, _ scale: Float, _ out: UnsafeMutablePointer<Float>
) {
    for i in 0..<4 {
        let bit = UInt32(truncatingIfNeeded: i)
        let sign = ((UInt32(signs) &>> bit) & 1) &<< 31
        out[i] = Float(bitPattern: (scale * Float(first[i])).bitPattern ^ sign)
    }
    for i in 0..<4 {
        let bit = UInt32(truncatingIfNeeded: i &+ 4)
        let sign = ((UInt32(signs) &>> bit) & 1) &<< 31
        out[4 &+ i] = Float(bitPattern: (scale * Float(second[i])).bitPattern ^ sign)
    }
}

/// iq2_xxs: half d, for each 32 elements four indices of 8 bits and 32 bits with four signs of 7 bits and a scale s;
/// d * (0.5 + s) * 0.25.
package func dequantizeIQ2_XXS(
    _ source: UnsafeRawPointer, _ grid: UnsafePointer<Int8>, _ signs: UnsafePointer<UInt8>, _ target: UnsafeMutablePointer<Float>,
    _ blockCount: Int
) {
    for block in 0..<blockCount {
        let start = source + block &* 66
        let d = half(start)
        for group in 0..<8 {
            let part = start + (2 &+ group &* 8)
            let indices = part.assumingMemoryBound(to: UInt8.self)
            let word = (part + 4).loadUnaligned(as: UInt32.self)
            let scale = d * (0.5 + Float(word &>> 28)) * 0.25
            let out = target + (block &* 256 &+ group &* 32)
            for i in 0..<4 {
                let sign = signs[Int((word &>> (UInt32(i) &* 7)) & 127)]
                signed(grid + Int(indices[i]) &* 8, sign, scale, out + i &* 8)
            }
        }
    }
}

/// iq2_xs: half d, 32 words of an index of 9 bits and a sign of 7, 8 bytes of two scales s of 16 elements; d * (0.5 + s) * 0.25.
package func dequantizeIQ2_XS(
    _ source: UnsafeRawPointer, _ grid: UnsafePointer<Int8>, _ signs: UnsafePointer<UInt8>, _ target: UnsafeMutablePointer<Float>,
    _ blockCount: Int
) {
    for block in 0..<blockCount {
        let start = source + block &* 74
        let d = half(start)
        let scales = (start + 66).assumingMemoryBound(to: UInt8.self)
        for i in 0..<32 {
            let word = (start + (2 &+ i &* 2)).loadUnaligned(as: UInt16.self)
            let s = (scales[i &>> 2] &>> (UInt8((i &>> 1) & 1) &* 4)) & 15
            let scale = d * (0.5 + Float(s)) * 0.25
            signed(grid + Int(word & 511) &* 8, signs[Int(word &>> 9)], scale, target + (block &* 256 &+ i &* 8))
        }
    }
}

/// iq2_s: half d, 32 low bytes of indices, 32 bytes of signs, 8 bytes with four high pairs of bits, 8 bytes of scales as in iq2_xs.
package func dequantizeIQ2_S(
    _ source: UnsafeRawPointer, _ grid: UnsafePointer<Int8>, _ target: UnsafeMutablePointer<Float>, _ blockCount: Int
) {
    for block in 0..<blockCount {
        let start = source + block &* 82
        let d = half(start)
        let bytes = (start + 2).assumingMemoryBound(to: UInt8.self)
        for i in 0..<32 {
            let high = Int(bytes[64 &+ (i &>> 2)] &>> (UInt8(i & 3) &* 2)) & 3
            let index = Int(bytes[i]) | high &<< 8
            let s = (bytes[72 &+ (i &>> 2)] &>> (UInt8((i &>> 1) & 1) &* 4)) & 15
            let scale = d * (0.5 + Float(s)) * 0.25
            signed(grid + index &* 8, bytes[32 &+ i], scale, target + (block &* 256 &+ i &* 8))
        }
    }
}

/// iq3_xxs: half d, 64 indices of points of four, eight words with four signs of 7 bits and a scale s of 32 elements; d * (0.5 + s) * 0.5.
package func dequantizeIQ3_XXS(
    _ source: UnsafeRawPointer, _ grid: UnsafePointer<Int8>, _ signs: UnsafePointer<UInt8>, _ target: UnsafeMutablePointer<Float>,
    _ blockCount: Int
) {
    for block in 0..<blockCount {
        let start = source + block &* 98
        let d = half(start)
        for group in 0..<8 {
            let indices = (start + (2 &+ group &* 8)).assumingMemoryBound(to: UInt8.self)
            let word = (start + (66 &+ group &* 4)).loadUnaligned(as: UInt32.self)
            let scale = d * (0.5 + Float(word &>> 28)) * 0.5
            let out = target + (block &* 256 &+ group &* 32)
            for i in 0..<4 {
                let sign = signs[Int((word &>> (UInt32(i) &* 7)) & 127)]
                let first = grid + Int(indices[i &* 2]) &* 4
                let second = grid + Int(indices[i &* 2 &+ 1]) &* 4
                signed(first, second, sign, scale, out + i &* 8)
            }
        }
    }
}

/// iq3_s: half d, 64 low bytes of indices of points of four, 8 bytes with their ninth bits, 32 bytes of signs, 4 bytes of two scales s
/// of 32 elements; d * (1 + 2 s).
package func dequantizeIQ3_S(
    _ source: UnsafeRawPointer, _ grid: UnsafePointer<Int8>, _ target: UnsafeMutablePointer<Float>, _ blockCount: Int
) {
    for block in 0..<blockCount {
        let start = source + block &* 110
        let d = half(start)
        let bytes = (start + 2).assumingMemoryBound(to: UInt8.self)
        for i in 0..<32 {
            let group = i &>> 2
            let s = (bytes[104 &+ (group &>> 1)] &>> (UInt8(group & 1) &* 4)) & 15
            let scale = d * Float(1 &+ 2 &* Int32(s))
            let high = Int(bytes[64 &+ group]) &>> ((i & 3) &* 2)
            let first = Int(bytes[i &* 2]) | (high & 1) &<< 8
            let second = Int(bytes[i &* 2 &+ 1]) | ((high &>> 1) & 1) &<< 8
            signed(grid + first &* 4, grid + second &* 4, bytes[72 &+ i], scale, target + (block &* 256 &+ i &* 8))
        }
    }
}

/// Eight elements: a scale times a point moved by an eighth.
@inline(__always)
private func moved(_ point: UnsafePointer<Int8>, _ delta: Float, _ scale: Float, _ out: UnsafeMutablePointer<Float>) {
    for i in 0..<8 { out[i] = scale * (Float(point[i]) + delta) }
}

/// iq1_s: half d, 32 low bytes of indices, eight words for 32 elements each: four times three high bits, a scale s of three, the sign of
/// the eighth; d * (2 s + 1).
package func dequantizeIQ1_S(
    _ source: UnsafeRawPointer, _ grid: UnsafePointer<Int8>, _ target: UnsafeMutablePointer<Float>, _ blockCount: Int
) {
    for block in 0..<blockCount {
        let start = source + block &* 50
        let d = half(start)
        for group in 0..<8 {
            let indices = (start + (2 &+ group &* 4)).assumingMemoryBound(to: UInt8.self)
            let word = Int((start + (34 &+ group &* 2)).loadUnaligned(as: UInt16.self))
            let scale = d * Float(Int32(truncatingIfNeeded: 2 &* ((word &>> 12) & 7) &+ 1))
            let delta: Float = word & 0x8000 == 0 ? 0.125 : -0.125
            let out = target + (block &* 256 &+ group &* 32)
            for i in 0..<4 {
                let index = Int(indices[i]) | ((word &>> (i &* 3)) & 7) &<< 8
                moved(grid + index &* 8, delta, scale, out + i &* 8)
            }
        }
    }
}

/// iq1_m: 32 low bytes of indices, 16 bytes of two nibbles with three high bits and the sign of the eighth, four words of four scales s of
/// 16 elements and a nibble of d; d * (2 s + 1).
package func dequantizeIQ1_M(
    _ source: UnsafeRawPointer, _ grid: UnsafePointer<Int8>, _ target: UnsafeMutablePointer<Float>, _ blockCount: Int
) {
    for block in 0..<blockCount {
        let start = source + block &* 56
        let bytes = start.assumingMemoryBound(to: UInt8.self)
        @inline(__always) func word(_ place: Int) -> UInt16 { (start + (48 &+ place &* 2)).loadUnaligned(as: UInt16.self) }
        let low = (word(0) & 0xF000) &>> 12 | (word(1) & 0xF000) &>> 8
        let d = half(bits: low | (word(2) & 0xF000) &>> 4 | word(3) & 0xF000)
        for i in 0..<32 {
            let nibble = Int(bytes[32 &+ (i &>> 1)] &>> (UInt8(i & 1) &* 4)) & 15
            let index = Int(bytes[i]) | (nibble & 7) &<< 8
            let s = (word(i &>> 3) &>> (UInt16((i &>> 1) & 3) &* 3)) & 7
            let scale = d * Float(2 &* Int32(s) &+ 1)
            moved(grid + index &* 8, nibble & 8 == 0 ? 0.125 : -0.125, scale, target + (block &* 256 &+ i &* 8))
        }
    }
}
