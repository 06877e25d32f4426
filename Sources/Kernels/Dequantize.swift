// GGML's block formats to Float, with the arithmetic of ggml-quants.c in its order, so that the bits agree. Blocks have any alignment.

/// The half-precision number at `source`.
@inline(__always)
func half(_ source: UnsafeRawPointer) -> Float {
    half(bits: source.loadUnaligned(as: UInt16.self))
}

/// The half-precision number of the given bits.
@inline(__always)
func half(bits: UInt16) -> Float {
    let magnitude = UInt32(bits & 0x7FFF) &<< 13
    var value = (Float(bitPattern: magnitude) * Float(bitPattern: UInt32(254 - 15) << 23)).bitPattern
    value |= magnitude >= 0x0F80_0000 ? 0x7F80_0000 : 0
    return Float(bitPattern: value | UInt32(bits & 0x8000) &<< 16)
}

/// q4_0: half d, 16 bytes of two nibbles q; element i is the low nibble of byte i, element 16 + i the high one; d * (q - 8).
package func dequantizeQ4_0(_ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>, _ blockCount: Int) {
    for block in 0..<blockCount {
        let start = source + block &* 18
        let d = half(start)
        let q = (start + 2).assumingMemoryBound(to: UInt8.self)
        let out = target + block &* 32
        for i in 0..<16 {
            out[i] = d * Float(Int32(q[i] & 15) &- 8)
            out[16 &+ i] = d * Float(Int32(q[i] &>> 4) &- 8)
        }
    }
}

/// q8_0: half d, 32 signed bytes q; d * q.
package func dequantizeQ8_0(_ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>, _ blockCount: Int) {
    for block in 0..<blockCount {
        let start = source + block &* 34
        let d = half(start)
        let q = (start + 2).assumingMemoryBound(to: Int8.self)
        let out = target + block &* 32
        for i in 0..<32 { out[i] = Float(q[i]) * d }
    }
}

/// The 6-bit scale and minimum of one of the eight groups of a k block, packed in 12 bytes.
@inline(__always)
func scaleAndMinimum(_ packed: UnsafePointer<UInt8>, _ group: Int) -> (scale: UInt8, minimum: UInt8) {
    if group < 4 { return (packed[group] & 63, packed[group &+ 4] & 63) }
    return (
        (packed[group &+ 4] & 15) | ((packed[group &- 4] &>> 6) &<< 4), (packed[group &+ 4] &>> 4) | ((packed[group] &>> 6) &<< 4)
    )
}

/// q4_k: half d, half dmin, 12 bytes with eight 6-bit scales s and eight 6-bit minima m, 128 bytes of two nibbles q.
/// The 256 elements are eight groups of 32: (d * s) * q - (dmin * m). Each 32 bytes hold two groups, low nibbles first.
package func dequantizeQ4_K(_ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>, _ blockCount: Int) {
    for block in 0..<blockCount {
        let start = source + block &* 144
        let d = half(start)
        let dmin = half(start + 2)
        let packed = (start + 4).assumingMemoryBound(to: UInt8.self)
        let q = (start + 16).assumingMemoryBound(to: UInt8.self)
        let out = target + block &* 256
        for group in 0..<8 {
            let (s, m) = scaleAndMinimum(packed, group)
            let scale = d * Float(s)
            let minimum = dmin * Float(m)
            let nibbles = q + ((group &>> 1) &* 32)
            let shift = UInt8(group & 1) &* 4
            let part = out + group &* 32
            for i in 0..<32 { part[i] = scale * Float((nibbles[i] &>> shift) & 15) - minimum }
        }
    }
}

/// q6_k: 128 bytes with the low four bits of q, 64 bytes with the high two, 16 signed scales s, half d.
/// The 256 elements are 16 groups of 16: (d * s) * (q - 32). Each half block interleaves four runs of 32 elements.
package func dequantizeQ6_K(_ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>, _ blockCount: Int) {
    for block in 0..<blockCount {
        let start = source + block &* 210
        let low = start.assumingMemoryBound(to: UInt8.self)
        let high = (start + 128).assumingMemoryBound(to: UInt8.self)
        let scales = (start + 192).assumingMemoryBound(to: Int8.self)
        let d = half(start + 208)
        let out = target + block &* 256
        for run in 0..<8 {
            let side = run &>> 2
            let quarter = run & 3
            let lowPlace: Int = side &* 64 &+ (quarter & 1) &* 32
            let lowBytes = low + lowPlace
            let lowShift = UInt8(quarter &>> 1) &* 4
            let highBytes = high + side &* 32
            let highShift = UInt8(quarter) &* 2
            for part in 0..<2 {
                let scale = d * Float(scales[run &* 2 &+ part])
                let first = part &* 16
                let values = out + (run &* 32 &+ first)
                for i in 0..<16 {
                    let lowBits = (lowBytes[first &+ i] &>> lowShift) & 15
                    let highBits = (highBytes[first &+ i] &>> highShift) & 3
                    values[i] = scale * Float(Int32(lowBits | (highBits &<< 4)) &- 32)
                }
            }
        }
    }
}
