import COpenBLAS
import Kernels
import KernelsV3

/// Stored element types to Float and Double, by the kernels that fit this CPU.
///
/// Sources may have any alignment. Each function reads `count` elements (or blocks) and writes as many (or the blocks'
/// elements); the caller answers for both lengths. Every Float result is exact but for the types that a Float cannot
/// hold, which are offered in Double.
package enum Conversion {
    private static let isWide = modinspect_cpu_supports_v3() != 0

    package static func f32(_ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>, _ count: Int) {
        Kernels.convertF32(source, target, count)
    }
    package static func f64(_ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Double>, _ count: Int) {
        Kernels.convertF64(source, target, count)
    }
    /// Rounds to the nearest Float, ties to even.
    package static func f64(_ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>, _ count: Int) {
        isWide ? KernelsV3.convertF64(source, target, count) : Kernels.convertF64(source, target, count)
    }
    package static func bf16(_ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>, _ count: Int) {
        isWide ? KernelsV3.convertBF16(source, target, count) : Kernels.convertBF16(source, target, count)
    }
    package static func f16(_ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>, _ count: Int) {
        isWide ? KernelsV3.convertF16(source, target, count) : Kernels.convertF16(source, target, count)
    }
    package static func i8(_ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>, _ count: Int) {
        isWide ? KernelsV3.convertI8(source, target, count) : Kernels.convertI8(source, target, count)
    }
    package static func u8(_ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>, _ count: Int) {
        isWide ? KernelsV3.convertU8(source, target, count) : Kernels.convertU8(source, target, count)
    }
    package static func i16(_ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>, _ count: Int) {
        isWide ? KernelsV3.convertI16(source, target, count) : Kernels.convertI16(source, target, count)
    }
    package static func u16(_ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>, _ count: Int) {
        isWide ? KernelsV3.convertU16(source, target, count) : Kernels.convertU16(source, target, count)
    }
    package static func i32(_ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Double>, _ count: Int) {
        isWide ? KernelsV3.convertI32(source, target, count) : Kernels.convertI32(source, target, count)
    }
    package static func u32(_ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Double>, _ count: Int) {
        isWide ? KernelsV3.convertU32(source, target, count) : Kernels.convertU32(source, target, count)
    }
    /// Rounds to the nearest Double, ties to even.
    package static func i64(_ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Double>, _ count: Int) {
        isWide ? KernelsV3.convertI64(source, target, count) : Kernels.convertI64(source, target, count)
    }
    /// Rounds to the nearest Double, ties to even.
    package static func u64(_ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Double>, _ count: Int) {
        isWide ? KernelsV3.convertU64(source, target, count) : Kernels.convertU64(source, target, count)
    }

    /// Truth values: 0 is false, every other byte true.
    package static func bool(_ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>, _ count: Int) {
        table(truth, source, target, count)
    }
    /// 8-bit floats of the given layout.
    package static func f8(
        _ layout: EightBitFloat, _ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>, _ count: Int
    ) {
        let values =
            switch layout {
            case .e4m3fn: e4m3fn
            case .e5m2: e5m2
            case .e4m3fnuz: e4m3fnuz
            case .e5m2fnuz: e5m2fnuz
            }
        table(values, source, target, count)
    }

    private static func table(
        _ values: [Float], _ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>, _ count: Int
    ) {
        values.withUnsafeBufferPointer { Kernels.convertTable(source, $0.baseAddress!, target, count) }
    }

    private static let truth: [Float] = (0..<256).map { $0 == 0 ? 0 : 1 }
    private static let e4m3fn = EightBitFloat.e4m3fn.values
    private static let e5m2 = EightBitFloat.e5m2.values
    private static let e4m3fnuz = EightBitFloat.e4m3fnuz.values
    private static let e5m2fnuz = EightBitFloat.e5m2fnuz.values
}

/// The layouts of 8-bit floating point, as PyTorch names them: exponent and mantissa bits, `fn` without infinities, `uz` without a
/// negative zero, whose pattern is the only NaN.
package enum EightBitFloat: Sendable {
    case e4m3fn, e5m2, e4m3fnuz, e5m2fnuz

    /// The values of the 256 patterns.
    var values: [Float] { (0..<256).map { value(pattern: $0) } }

    private func value(pattern: Int) -> Float {
        let (mantissaBits, bias) =
            switch self {
            case .e4m3fn: (3, 7)
            case .e5m2: (2, 15)
            case .e4m3fnuz: (3, 8)
            case .e5m2fnuz: (2, 16)
            }
        let magnitude = pattern & 0x7F
        let exponent = magnitude >> mantissaBits
        let mantissa = magnitude & (1 << mantissaBits - 1)
        let isNegative = pattern >= 128
        switch self {
        case .e4m3fn where magnitude == 0x7F: return .nan
        case .e5m2 where exponent == 31: return mantissa != 0 ? .nan : (isNegative ? -.infinity : .infinity)
        case .e4m3fnuz where pattern == 0x80, .e5m2fnuz where pattern == 0x80: return .nan
        default: break
        }
        let significand = Float(exponent == 0 ? mantissa : mantissa + 1 << mantissaBits)
        let result = Float(sign: .plus, exponent: max(exponent, 1) - bias - mantissaBits, significand: significand)
        return isNegative ? -result : result
    }
}
