/// Single-precision numbers to the element types that files store, rounded to the nearest with ties to even.
///
/// Targets may have any alignment. NaN stays NaN; numbers beyond the type's range become infinite; a caller that must not lose them checks first.
package enum Rounding {
    package static func f32(_ source: UnsafePointer<Float>, _ target: UnsafeMutableRawPointer, _ count: Int) {
        for i in 0..<count {
            target.storeBytes(of: source[i].bitPattern.littleEndian, toByteOffset: i &* 4, as: UInt32.self)
        }
    }

    package static func f64(_ source: UnsafePointer<Float>, _ target: UnsafeMutableRawPointer, _ count: Int) {
        for i in 0..<count {
            target.storeBytes(of: Double(source[i]).bitPattern.littleEndian, toByteOffset: i &* 8, as: UInt64.self)
        }
    }

    package static func bf16(_ source: UnsafePointer<Float>, _ target: UnsafeMutableRawPointer, _ count: Int) {
        for i in 0..<count {
            let bits = source[i].bitPattern
            // Half of the last kept place, less one where that place is even; a NaN keeps its upper bits and becomes quiet.
            let rounded = UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16)
            let quiet = UInt16(truncatingIfNeeded: bits >> 16) | 0x40
            let result = bits & 0x7FFF_FFFF > 0x7F80_0000 ? quiet : rounded
            target.storeBytes(of: result.littleEndian, toByteOffset: i &* 2, as: UInt16.self)
        }
    }

    package static func f16(_ source: UnsafePointer<Float>, _ target: UnsafeMutableRawPointer, _ count: Int) {
        for i in 0..<count {
            target.storeBytes(of: halfBits(source[i].bitPattern).littleEndian, toByteOffset: i &* 2, as: UInt16.self)
        }
    }

    /// The first finite number that a half cannot hold: rounded to the nearest it would be infinite.
    package static func firstBeyondF16(_ source: UnsafePointer<Float>, _ count: Int) -> Float? {
        firstFinite(source, count, from: halfLimit)
    }

    /// The first finite number that a bfloat16 cannot hold: rounded to the nearest it would be infinite.
    package static func firstBeyondBF16(_ source: UnsafePointer<Float>, _ count: Int) -> Float? {
        // Halfway between the largest bfloat16 and the next power of two; a tie goes to the even one, which is infinity.
        firstFinite(source, count, from: 0x7F7F_8000)
    }

    private static func firstFinite(_ source: UnsafePointer<Float>, _ count: Int, from limit: UInt32) -> Float? {
        var beyond = 0
        for i in 0..<count {
            let magnitude = source[i].bitPattern & 0x7FFF_FFFF
            beyond &+= magnitude >= limit && magnitude < 0x7F80_0000 ? 1 : 0
        }
        guard beyond > 0 else { return nil }
        return (0..<count).lazy.map { source[$0] }.first { $0.isFinite && $0.magnitude.bitPattern >= limit }
    }

    /// 65520, halfway between the largest half and the next power of two.
    private static let halfLimit: UInt32 = 0x477F_F000

    @inline(__always)
    private static func halfBits(_ bits: UInt32) -> UInt16 {
        let sign = UInt16(truncatingIfNeeded: bits >> 16) & 0x8000
        let magnitude = bits & 0x7FFF_FFFF
        if magnitude > 0x7F80_0000 { return sign | 0x7E00 }
        if magnitude >= 0x477F_F000 { return sign | 0x7C00 }
        if magnitude < 0x3880_0000 {
            // Below 2^-14: adding 0.5 leaves the number's multiples of 2^-24 in the last bits, rounded by the addition itself.
            let sum = Float(bitPattern: magnitude) + 0.5
            return sign | UInt16(truncatingIfNeeded: sum.bitPattern &- 0x3F00_0000)
        }
        let rebiased = magnitude &- 0x3800_0000
        return sign | UInt16(truncatingIfNeeded: (rebiased &+ 0xFFF &+ (rebiased >> 13 & 1)) >> 13)
    }
}
