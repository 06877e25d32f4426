// More of GGML's block formats to Float: integers of 2 to 5 bits, powers of three, and indices into sixteen values. As in Dequantize.swift.

/// q4_1: half d, half m, 16 bytes of two nibbles q as in q4_0; d * q + m.
package func dequantizeQ4_1(_ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>, _ blockCount: Int) {
    for block in 0..<blockCount {
        let start = source + block &* 20
        let d = half(start)
        let m = half(start + 2)
        let q = (start + 4).assumingMemoryBound(to: UInt8.self)
        let out = target + block &* 32
        for i in 0..<16 {
            out[i] = d * Float(q[i] & 15) + m
            out[16 &+ i] = d * Float(q[i] &>> 4) + m
        }
    }
}

/// q5_0: half d, 32 bits h, 16 bytes of two nibbles; bit i of h is the fifth of element i's q; d * (q - 16).
package func dequantizeQ5_0(_ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>, _ blockCount: Int) {
    for block in 0..<blockCount {
        let start = source + block &* 22
        let d = half(start)
        let h = (start + 2).loadUnaligned(as: UInt32.self)
        let q = (start + 6).assumingMemoryBound(to: UInt8.self)
        let out = target + block &* 32
        for i in 0..<16 {
            let bit = UInt32(truncatingIfNeeded: i)
            let low = UInt32(q[i] & 15) | ((h &>> bit) & 1) &<< 4
            let high = UInt32(q[i] &>> 4) | ((h &>> (bit &+ 16)) & 1) &<< 4
            out[i] = d * Float(Int32(bitPattern: low) &- 16)
            out[16 &+ i] = d * Float(Int32(bitPattern: high) &- 16)
        }
    }
}

/// q5_1: half d, half m, then as q5_0; d * q + m.
package func dequantizeQ5_1(_ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>, _ blockCount: Int) {
    for block in 0..<blockCount {
        let start = source + block &* 24
        let d = half(start)
        let m = half(start + 2)
        let h = (start + 4).loadUnaligned(as: UInt32.self)
        let q = (start + 8).assumingMemoryBound(to: UInt8.self)
        let out = target + block &* 32
        for i in 0..<16 {
            let bit = UInt32(truncatingIfNeeded: i)
            let low = UInt32(q[i] & 15) | ((h &>> bit) & 1) &<< 4
            let high = UInt32(q[i] &>> 4) | ((h &>> (bit &+ 16)) & 1) &<< 4
            out[i] = d * Float(Int32(bitPattern: low)) + m
            out[16 &+ i] = d * Float(Int32(bitPattern: high)) + m
        }
    }
}

/// q2_k: 16 bytes of a 4-bit scale s and a 4-bit minimum m, 64 bytes of four q, half d, half dmin.
/// The 256 elements are 16 groups of 16: (d * s) * q - (dmin * m). Each 32 bytes hold four runs of 32 elements, low bits first.
package func dequantizeQ2_K(_ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>, _ blockCount: Int) {
    for block in 0..<blockCount {
        let start = source + block &* 84
        let packed = start.assumingMemoryBound(to: UInt8.self)
        let d = half(start + 80)
        let dmin = half(start + 82)
        for group in 0..<16 {
            let scale = d * Float(packed[group] & 15)
            let minimum = dmin * Float(packed[group] &>> 4)
            let place: Int = 16 &+ (group &>> 3) &* 32 &+ (group & 1) &* 16
            let q = packed + place
            let shift = UInt8(truncatingIfNeeded: (group &>> 1) & 3) &* 2
            let out = target + (block &* 256 &+ group &* 16)
            for i in 0..<16 { out[i] = scale * Float((q[i] &>> shift) & 3) - minimum }
        }
    }
}

/// q3_k: 32 bytes h, 64 bytes as in q2_k with the low two bits of q, 12 bytes with sixteen 6-bit scales s, half d.
/// Bit r of h means that q is not lowered by 4 in run r, which is 32 elements long; (d * (s - 32)) * q.
package func dequantizeQ3_K(_ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>, _ blockCount: Int) {
    for block in 0..<blockCount {
        let start = source + block &* 110
        let high = start.assumingMemoryBound(to: UInt8.self)
        let packed = (start + 96).assumingMemoryBound(to: UInt8.self)
        let d = half(start + 108)
        for group in 0..<16 {
            let low: UInt8 = group < 8 ? packed[group] & 15 : packed[group &- 8] &>> 4
            let upper = (packed[8 &+ (group & 3)] &>> (UInt8(truncatingIfNeeded: group &>> 2) &* 2)) & 3
            let scale = d * Float(Int32(low | upper &<< 4) &- 32)
            let side = (group & 1) &* 16
            let q = high + (32 &+ (group &>> 3) &* 32 &+ side)
            let h = high + side
            let shift = UInt8(truncatingIfNeeded: (group &>> 1) & 3) &* 2
            let run = UInt8(truncatingIfNeeded: group &>> 1)
            let out = target + (block &* 256 &+ group &* 16)
            for i in 0..<16 {
                let lowered = Int32(((h[i] &>> run) & 1) ^ 1) &* 4
                out[i] = scale * Float(Int32((q[i] &>> shift) & 3) &- lowered)
            }
        }
    }
}

/// q5_k: as q4_k with 32 bytes h between the scales and the nibbles; bit g of h is the fifth of the q of group g.
package func dequantizeQ5_K(_ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>, _ blockCount: Int) {
    for block in 0..<blockCount {
        let start = source + block &* 176
        let d = half(start)
        let dmin = half(start + 2)
        let packed = (start + 4).assumingMemoryBound(to: UInt8.self)
        let high = (start + 16).assumingMemoryBound(to: UInt8.self)
        for group in 0..<8 {
            let (s, m) = scaleAndMinimum(packed, group)
            let scale = d * Float(s)
            let minimum = dmin * Float(m)
            let nibbles = high + (32 &+ (group &>> 1) &* 32)
            let shift = UInt8(group & 1) &* 4
            let bit = UInt8(truncatingIfNeeded: group)
            let out = target + (block &* 256 &+ group &* 32)
            for i in 0..<32 {
                let q = ((nibbles[i] &>> shift) & 15) | ((high[i] &>> bit) & 1) &<< 4
                out[i] = scale * Float(q) - minimum
            }
        }
    }
}

/// tq1_0: 52 bytes of digits in base three, most significant first as a fraction of 256, half d; d * (digit - 1).
/// 32 bytes of five digits, 16 of five and 4 of four: the first digits of all the bytes come first.
package func dequantizeTQ1_0(_ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>, _ blockCount: Int) {
    for block in 0..<blockCount {
        let start = source + block &* 54
        let d = half(start + 52)
        let bytes = start.assumingMemoryBound(to: UInt8.self)
        let out = target + block &* 256
        ternary(bytes, width: 32, digits: 5, d, out)
        ternary(bytes + 32, width: 16, digits: 5, d, out + 160)
        ternary(bytes + 48, width: 4, digits: 4, d, out + 240)
    }
}

/// The digits of `width` bytes, less one and times a scale.
@inline(__always)
private func ternary(_ bytes: UnsafePointer<UInt8>, width: Int, digits: Int, _ d: Float, _ target: UnsafeMutablePointer<Float>) {
    var power: UInt8 = 1
    for place in 0..<digits {
        let out = target + place &* width
        for i in 0..<width {
            let digit = Int32((UInt16(bytes[i] &* power) &* 3) &>> 8)
            out[i] = d * Float(digit &- 1)
        }
        power = power &* 3
    }
}

/// tq2_0: 64 bytes of four q as in q2_k, half d; d * (q - 1).
package func dequantizeTQ2_0(_ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>, _ blockCount: Int) {
    for block in 0..<blockCount {
        let start = source + block &* 66
        let d = half(start + 64)
        for run in 0..<8 {
            let q = (start + (run &>> 2) &* 32).assumingMemoryBound(to: UInt8.self)
            let shift = UInt8(truncatingIfNeeded: run & 3) &* 2
            let out = target + (block &* 256 &+ run &* 32)
            for i in 0..<32 { out[i] = d * Float(Int32((q[i] &>> shift) & 3) &- 1) }
        }
    }
}

/// The nibbles of `count` bytes as indices into sixteen values, times a scale: the low ones, then the high ones.
@inline(__always)
private func chosen(
    _ q: UnsafePointer<UInt8>, _ count: Int, _ values: UnsafePointer<Float>, _ scale: Float, _ out: UnsafeMutablePointer<Float>
) {
    for i in 0..<count {
        out[i] = scale * values[Int(q[i] & 15)]
        out[count &+ i] = scale * values[Int(q[i] &>> 4)]
    }
}

/// iq4_nl: half d, 16 bytes of two indices into sixteen values; d * value.
package func dequantizeIQ4_NL(
    _ source: UnsafeRawPointer, _ values: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>, _ blockCount: Int
) {
    for block in 0..<blockCount {
        let start = source + block &* 18
        chosen((start + 2).assumingMemoryBound(to: UInt8.self), 16, values, half(start), target + block &* 32)
    }
}

/// iq4_xs: half d, 16 bits and 4 bytes with the high two and the low four bits of eight scales s, 128 bytes of two indices;
/// (d * (s - 32)) * value for each 32 elements.
package func dequantizeIQ4_XS(
    _ source: UnsafeRawPointer, _ values: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>, _ blockCount: Int
) {
    for block in 0..<blockCount {
        let start = source + block &* 136
        let d = half(start)
        let high = (start + 2).loadUnaligned(as: UInt16.self)
        let low = (start + 4).assumingMemoryBound(to: UInt8.self)
        for group in 0..<8 {
            let lowBits = (low[group &>> 1] &>> (UInt8(group & 1) &* 4)) & 15
            let highBits = UInt8(truncatingIfNeeded: (high &>> (UInt16(group) &* 2)) & 3)
            let scale = d * Float(Int32(lowBits | highBits &<< 4) &- 32)
            let q = (start + (8 &+ group &* 16)).assumingMemoryBound(to: UInt8.self)
            chosen(q, 16, values, scale, target + (block &* 256 &+ group &* 32))
        }
    }
}

/// mxfp4: an exponent e, 16 bytes of two indices into the doubled values of e2m1; 2^(e - 128) * value.
package func dequantizeMXFP4(
    _ source: UnsafeRawPointer, _ values: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>, _ blockCount: Int
) {
    for block in 0..<blockCount {
        let start = source + block &* 17
        let e = UInt32(start.load(as: UInt8.self))
        // The two smallest powers are subnormal.
        let scale = Float(bitPattern: e < 2 ? 0x0020_0000 &<< e : (e &- 1) &<< 23)
        chosen((start + 1).assumingMemoryBound(to: UInt8.self), 16, values, scale, target + block &* 32)
    }
}

/// nvfp4: four scales of e4m3 without a sign, 32 bytes of two indices as in mxfp4; half the scale * value for each 16 elements.
package func dequantizeNVFP4(
    _ source: UnsafeRawPointer, _ values: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>, _ blockCount: Int
) {
    for block in 0..<blockCount {
        let start = source + block &* 36
        let scales = start.assumingMemoryBound(to: UInt8.self)
        for group in 0..<4 {
            let bits = UInt32(scales[group])
            let exponent = (bits &>> 3) & 15
            let mantissa = bits & 7
            let isZero = bits == 0 || bits == 0x7F
            let subnormal = Float(mantissa) * Float(bitPattern: (127 &- 10) &<< 23)
            let normal = Float(bitPattern: (exponent &+ 127 &- 8) &<< 23 | mantissa &<< 20)
            let scale: Float = isZero ? 0 : exponent == 0 ? subnormal : normal
            let q = (start + (4 &+ group &* 8)).assumingMemoryBound(to: UInt8.self)
            chosen(q, 8, values, scale, target + (block &* 64 &+ group &* 16))
        }
    }
}
