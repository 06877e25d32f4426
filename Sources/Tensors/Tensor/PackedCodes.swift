import COpenBLAS
import Kernels
import KernelsV3

/// Codes of a few bits to bytes, and bytes to the numbers that they mean, by the kernels that fit this CPU.
///
/// The caller answers for all lengths.
package enum PackedCodes {
    private static let isWide = modinspect_cpu_supports_v3() != 0

    /// Groups of eight codes that follow each other without gaps, low bits first.
    ///
    /// - Parameters:
    ///   - available: the bytes at `source`; codes beyond them are 0.
    ///   - target: eight places a group.
    package static func unpack(
        _ source: UnsafeRawPointer, available: Int, bits: Int, groups: Int, _ target: UnsafeMutablePointer<UInt8>
    ) {
        isWide
            ? KernelsV3.unpackCodes(source, available, bits, groups, target) : Kernels.unpackCodes(source, available, bits, groups, target)
    }

    /// Codes packed down the columns of a matrix of words; a unit is a row of words, of 3 bits three rows.
    ///
    /// - Parameters:
    ///   - stride: the words from a row to the next.
    ///   - targetStride: the places from a column's codes to the next column's.
    package static func unpackColumns(
        _ source: UnsafeRawPointer, stride: Int, bits: Int, units: Int, columns: Int, _ target: UnsafeMutablePointer<UInt8>,
        targetStride: Int
    ) {
        isWide
            ? KernelsV3.unpackColumns(source, stride, bits, units, columns, target, targetStride)
            : Kernels.unpackColumns(source, stride, bits, units, columns, target, targetStride)
    }

    /// Nibbles of the columns 0 2 4 6 1 3 5 7 in each word of a row.
    package static func unpackInterleaved(
        _ source: UnsafeRawPointer, stride: Int, rows: Int, words: Int, _ target: UnsafeMutablePointer<UInt8>, targetStride: Int
    ) {
        isWide
            ? KernelsV3.unpackInterleaved(source, stride, rows, words, target, targetStride)
            : Kernels.unpackInterleaved(source, stride, rows, words, target, targetStride)
    }

    /// (code - zero) * scale.
    package static func scale(
        _ codes: UnsafePointer<UInt8>, zero: Float, scale: Float, _ target: UnsafeMutablePointer<Float>, _ count: Int
    ) {
        isWide ? KernelsV3.scaleCodes(codes, zero, scale, target, count) : Kernels.scaleCodes(codes, zero, scale, target, count)
    }

    /// (code - zero) * scale with the zero and the scale of each code's group.
    package static func scale(
        _ codes: UnsafePointer<UInt8>, groups: UnsafePointer<Int32>, zeros: UnsafePointer<Float>, scales: UnsafePointer<Float>,
        _ target: UnsafeMutablePointer<Float>, _ count: Int
    ) {
        isWide
            ? KernelsV3.scaleIndexedCodes(codes, groups, zeros, scales, target, count)
            : Kernels.scaleIndexedCodes(codes, groups, zeros, scales, target, count)
    }

    /// code * scale + bias.
    package static func shift(
        _ codes: UnsafePointer<UInt8>, scale: Float, bias: Float, _ target: UnsafeMutablePointer<Float>, _ count: Int
    ) {
        isWide ? KernelsV3.shiftCodes(codes, scale, bias, target, count) : Kernels.shiftCodes(codes, scale, bias, target, count)
    }

    /// table[code] * scale.
    package static func lookUp(
        _ codes: UnsafePointer<UInt8>, table: UnsafePointer<Float>, scale: Float, _ target: UnsafeMutablePointer<Float>, _ count: Int
    ) {
        isWide ? KernelsV3.lookUpCodes(codes, table, scale, target, count) : Kernels.lookUpCodes(codes, table, scale, target, count)
    }

    /// (value - zero) * scale in place.
    package static func scale(_ target: UnsafeMutablePointer<Float>, zero: Float, scale: Float, _ count: Int) {
        isWide ? KernelsV3.scaleValues(target, zero, scale, count) : Kernels.scaleValues(target, zero, scale, count)
    }
}
