// Integer codes of a few bits, and what they mean with their scales. Sources are bytes of any alignment.

/// The eight nibbles of a word, low first, as eight bytes.
@inline(__always)
private func spread(_ word: UInt32) -> UInt64 {
    var x = UInt64(word)
    x = (x | x &<< 16) & 0x0000_FFFF_0000_FFFF
    x = (x | x &<< 8) & 0x00FF_00FF_00FF_00FF
    return (x | x &<< 4) & 0x0F0F_0F0F_0F0F_0F0F
}

/// The eight pairs of bits of half a word, low first, as eight bytes.
@inline(__always)
private func spreadPairs(_ half: UInt16) -> UInt64 {
    var x = UInt64(half)
    x = (x | x &<< 24) & 0x0000_00FF_0000_00FF
    x = (x | x &<< 12) & 0x000F_000F_000F_000F
    return (x | x &<< 6) & 0x0303_0303_0303_0303
}

@inline(__always)
private func store(_ bytes: UInt64, _ target: UnsafeMutablePointer<UInt8>) {
    UnsafeMutableRawPointer(target).storeBytes(of: bytes, as: UInt64.self)
}

/// Codes that follow each other without gaps, low bits first: eight codes in `bits` bytes.
///
/// - available: the bytes at `source`. Codes beyond them are 0.
/// - groups: eight codes each.
package func unpackCodes(
    _ source: UnsafeRawPointer, _ available: Int, _ bits: Int, _ groups: Int, _ target: UnsafeMutablePointer<UInt8>
) {
    let whole = min(groups, available / bits)
    switch bits {
    case 4: for i in 0..<whole { store(spread(source.loadUnaligned(fromByteOffset: i &* 4, as: UInt32.self)), target + i &* 8) }
    case 2: for i in 0..<whole { store(spreadPairs(source.loadUnaligned(fromByteOffset: i &* 2, as: UInt16.self)), target + i &* 8) }
    case 8: UnsafeMutableRawPointer(target).copyMemory(from: source, byteCount: whole &* 8)
    default: for i in 0..<whole { unpackGroup(source + i &* bits, bits, bits, target + i &* 8) }
    }
    for i in whole..<groups { unpackGroup(source + i &* bits, max(0, available &- i &* bits), bits, target + i &* 8) }
}

@inline(__always)
private func unpackGroup(_ source: UnsafeRawPointer, _ available: Int, _ bits: Int, _ target: UnsafeMutablePointer<UInt8>) {
    var x: UInt64 = 0
    for byte in 0..<min(bits, available) {
        x |= UInt64(source.loadUnaligned(fromByteOffset: byte, as: UInt8.self)) &<< UInt64(truncatingIfNeeded: byte &* 8)
    }
    let mask = UInt64(1) &<< UInt64(truncatingIfNeeded: bits) &- 1
    for k in 0..<8 { target[k] = UInt8(truncatingIfNeeded: x &>> UInt64(truncatingIfNeeded: k &* bits) & mask) }
}

/// Codes packed down the columns of a matrix of words, as GPTQ has them: a word holds 32 / bits codes of one column, three words 32 codes of
/// 3 bits.
///
/// - stride: the words from a row to the next.
/// - units: rows of words; of 3 bits, threes of rows.
/// - columns: neighbouring columns; column c goes to `target + c * targetStride`.
package func unpackColumns(
    _ source: UnsafeRawPointer, _ stride: Int, _ bits: Int, _ units: Int, _ columns: Int, _ target: UnsafeMutablePointer<UInt8>,
    _ targetStride: Int
) {
    let rowBytes = stride &* 4
    for unit in 0..<units {
        for column in 0..<columns {
            let out = target + column &* targetStride
            let place = source + (unit &* (bits == 3 ? 3 : 1) &* rowBytes &+ column &* 4)
            let word = place.loadUnaligned(as: UInt32.self)
            switch bits {
            case 4: store(spread(word), out + unit &* 8)
            case 2:
                store(spreadPairs(UInt16(truncatingIfNeeded: word)), out + unit &* 16)
                store(spreadPairs(UInt16(truncatingIfNeeded: word &>> 16)), out + (unit &* 16 &+ 8))
            case 8: UnsafeMutableRawPointer(out + unit &* 4).storeBytes(of: word, as: UInt32.self)
            default:
                let second = place.loadUnaligned(fromByteOffset: rowBytes, as: UInt32.self)
                let third = place.loadUnaligned(fromByteOffset: 2 &* rowBytes, as: UInt32.self)
                let low = UInt64(word) | UInt64(second) &<< 32
                let high = UInt64(second) &>> 28 | UInt64(third) &<< 4
                for k in 0..<20 { out[unit &* 32 &+ k] = UInt8(truncatingIfNeeded: low &>> UInt64(truncatingIfNeeded: 3 &* k) & 7) }
                for k in 0..<12 { out[unit &* 32 &+ 20 &+ k] = UInt8(truncatingIfNeeded: high &>> UInt64(truncatingIfNeeded: 3 &* k) & 7) }
            }
        }
    }
}

/// Codes of 4 bits packed along the rows of a matrix of words whose nibbles are the columns 0 2 4 6 1 3 5 7 of eight, as AWQ has them.
///
/// - stride: the words from a row to the next.
/// - words: neighbouring words; column c of the eight of word w goes to `target + (8 * w + c) * targetStride`.
package func unpackInterleaved(
    _ source: UnsafeRawPointer, _ stride: Int, _ rows: Int, _ words: Int, _ target: UnsafeMutablePointer<UInt8>, _ targetStride: Int
) {
    // Eight rows at once: each column gets its eight codes in one store.
    let whole = rows & ~7
    for row in Swift.stride(from: 0, to: whole, by: 8) {
        for place in 0..<words {
            var codes = SIMD8<UInt32>()
            for i in 0..<8 { codes[i] = source.loadUnaligned(fromByteOffset: ((row &+ i) &* stride &+ place) &* 4, as: UInt32.self) }
            let out = target + (place &* 8 &* targetStride &+ row)
            for pair in 0..<4 {
                storeNibbles(codes &>> UInt32(truncatingIfNeeded: 4 &* pair), out + 2 &* pair &* targetStride)
                storeNibbles(codes &>> UInt32(truncatingIfNeeded: 4 &* pair &+ 16), out + (2 &* pair &+ 1) &* targetStride)
            }
        }
    }
    for row in whole..<rows {
        for place in 0..<words {
            let word = source.loadUnaligned(fromByteOffset: (row &* stride &+ place) &* 4, as: UInt32.self)
            let out = target + (place &* 8 &* targetStride &+ row)
            for pair in 0..<4 {
                let even = word &>> UInt32(truncatingIfNeeded: 4 &* pair)
                let odd = word &>> UInt32(truncatingIfNeeded: 4 &* pair &+ 16)
                out[2 &* pair &* targetStride] = UInt8(truncatingIfNeeded: even & 15)
                out[(2 &* pair &+ 1) &* targetStride] = UInt8(truncatingIfNeeded: odd & 15)
            }
        }
    }
}

/// The lowest four bits of eight words as bytes.
@inline(__always)
private func storeNibbles(_ words: SIMD8<UInt32>, _ target: UnsafeMutablePointer<UInt8>) {
    let bytes = SIMD8<UInt8>(truncatingIfNeeded: words & 15)
    UnsafeMutableRawPointer(target).storeBytes(of: bytes, as: SIMD8<UInt8>.self)
}

/// (code - zero) * scale.
package func scaleCodes(
    _ codes: UnsafePointer<UInt8>, _ zero: Float, _ scale: Float, _ target: UnsafeMutablePointer<Float>, _ count: Int
) {
    for i in 0..<count { target[i] = (Float(codes[i]) - zero) * scale }
}

/// (code - zero) * scale, each code with the zero and the scale of its group.
package func scaleIndexedCodes(
    _ codes: UnsafePointer<UInt8>, _ groups: UnsafePointer<Int32>, _ zeros: UnsafePointer<Float>, _ scales: UnsafePointer<Float>,
    _ target: UnsafeMutablePointer<Float>, _ count: Int
) {
    for i in 0..<count {
        let group = Int(groups[i])
        target[i] = (Float(codes[i]) - zeros[group]) * scales[group]
    }
}

/// code * scale + bias, the product rounded before the sum.
package func shiftCodes(
    _ codes: UnsafePointer<UInt8>, _ scale: Float, _ bias: Float, _ target: UnsafeMutablePointer<Float>, _ count: Int
) {
    for i in 0..<count { target[i] = Float(codes[i]) * scale + bias }
}

/// table[code] * scale.
package func lookUpCodes(
    _ codes: UnsafePointer<UInt8>, _ table: UnsafePointer<Float>, _ scale: Float, _ target: UnsafeMutablePointer<Float>, _ count: Int
) {
    for i in 0..<count { target[i] = table[Int(codes[i])] * scale }
}

/// (value - zero) * scale.
package func scaleValues(_ target: UnsafeMutablePointer<Float>, _ zero: Float, _ scale: Float, _ count: Int) {
    for i in 0..<count { target[i] = (target[i] - zero) * scale }
}
