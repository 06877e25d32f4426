import COpenBLAS
import Kernels
import KernelsV3

/// GGML's formats of blocks of weights that share their scales.
package enum BlockFormat: Sendable, CaseIterable {
    case q4_0, q4_1, q5_0, q5_1, q8_0
    case q2_k, q3_k, q4_k, q5_k, q6_k
    case iq1_s, iq1_m, iq2_xxs, iq2_xs, iq2_s, iq3_xxs, iq3_s, iq4_nl, iq4_xs
    case tq1_0, tq2_0
    case mxfp4, nvfp4

    /// The elements of a block.
    package var elementCount: Int {
        switch self {
        case .q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .iq4_nl, .mxfp4: 32
        case .nvfp4: 64
        default: 256
        }
    }

    /// The bytes of a block.
    package var byteCount: Int {
        switch self {
        case .q4_0, .iq4_nl: 18
        case .q4_1: 20
        case .q5_0: 22
        case .q5_1: 24
        case .q8_0: 34
        case .q2_k: 84
        case .q3_k, .iq3_s: 110
        case .q4_k: 144
        case .q5_k: 176
        case .q6_k: 210
        case .iq1_s: 50
        case .iq1_m: 56
        case .iq2_xxs, .tq2_0: 66
        case .iq2_xs: 74
        case .iq2_s: 82
        case .iq3_xxs: 98
        case .iq4_xs: 136
        case .tq1_0: 54
        case .mxfp4: 17
        case .nvfp4: 36
        }
    }
}

extension Conversion {
    private static let isV3 = modinspect_cpu_supports_v3() != 0

    /// Blocks to Float, every one of them whole; the bits are those of `gguf.quants`.
    package static func blocks(
        _ format: BlockFormat, _ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>, _ blockCount: Int
    ) {
        switch format {
        case .q4_0: (isV3 ? KernelsV3.dequantizeQ4_0 : Kernels.dequantizeQ4_0)(source, target, blockCount)
        case .q4_1: (isV3 ? KernelsV3.dequantizeQ4_1 : Kernels.dequantizeQ4_1)(source, target, blockCount)
        case .q5_0: (isV3 ? KernelsV3.dequantizeQ5_0 : Kernels.dequantizeQ5_0)(source, target, blockCount)
        case .q5_1: (isV3 ? KernelsV3.dequantizeQ5_1 : Kernels.dequantizeQ5_1)(source, target, blockCount)
        case .q8_0: (isV3 ? KernelsV3.dequantizeQ8_0 : Kernels.dequantizeQ8_0)(source, target, blockCount)
        case .q2_k: (isV3 ? KernelsV3.dequantizeQ2_K : Kernels.dequantizeQ2_K)(source, target, blockCount)
        case .q3_k: (isV3 ? KernelsV3.dequantizeQ3_K : Kernels.dequantizeQ3_K)(source, target, blockCount)
        case .q4_k: (isV3 ? KernelsV3.dequantizeQ4_K : Kernels.dequantizeQ4_K)(source, target, blockCount)
        case .q5_k: (isV3 ? KernelsV3.dequantizeQ5_K : Kernels.dequantizeQ5_K)(source, target, blockCount)
        case .q6_k: (isV3 ? KernelsV3.dequantizeQ6_K : Kernels.dequantizeQ6_K)(source, target, blockCount)
        case .tq1_0: (isV3 ? KernelsV3.dequantizeTQ1_0 : Kernels.dequantizeTQ1_0)(source, target, blockCount)
        case .tq2_0: (isV3 ? KernelsV3.dequantizeTQ2_0 : Kernels.dequantizeTQ2_0)(source, target, blockCount)
        case .iq4_nl, .iq4_xs, .mxfp4, .nvfp4: chosenValues(format, source, target, blockCount)
        case .iq1_s, .iq1_m, .iq2_xxs, .iq2_xs, .iq2_s, .iq3_xxs, .iq3_s: gridPoints(format, source, target, blockCount)
        }
    }

    private static func chosenValues(
        _ format: BlockFormat, _ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>, _ blockCount: Int
    ) {
        (format == .mxfp4 || format == .nvfp4 ? doubledE2M1 : nonlinear).withUnsafeBufferPointer { values in
            guard let values = values.baseAddress else { return }
            switch format {
            case .iq4_nl: (isV3 ? KernelsV3.dequantizeIQ4_NL : Kernels.dequantizeIQ4_NL)(source, values, target, blockCount)
            case .iq4_xs: (isV3 ? KernelsV3.dequantizeIQ4_XS : Kernels.dequantizeIQ4_XS)(source, values, target, blockCount)
            case .mxfp4: (isV3 ? KernelsV3.dequantizeMXFP4 : Kernels.dequantizeMXFP4)(source, values, target, blockCount)
            default: (isV3 ? KernelsV3.dequantizeNVFP4 : Kernels.dequantizeNVFP4)(source, values, target, blockCount)
            }
        }
    }

    private static func gridPoints(
        _ format: BlockFormat, _ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>, _ blockCount: Int
    ) {
        let grid =
            switch format {
            case .iq2_xxs: LookupGrid.iq2_xxs
            case .iq2_xs: LookupGrid.iq2_xs
            case .iq2_s: LookupGrid.iq2_s
            case .iq3_xxs: LookupGrid.iq3_xxs
            case .iq3_s: LookupGrid.iq3_s
            default: LookupGrid.iq1
            }
        grid.bytes.withUnsafeBufferPointer { points in
            LookupGrid.signs.withUnsafeBufferPointer { signs in
                guard let points = points.baseAddress, let signs = signs.baseAddress else { return }
                switch format {
                case .iq1_s: (isV3 ? KernelsV3.dequantizeIQ1_S : Kernels.dequantizeIQ1_S)(source, points, target, blockCount)
                case .iq1_m: (isV3 ? KernelsV3.dequantizeIQ1_M : Kernels.dequantizeIQ1_M)(source, points, target, blockCount)
                case .iq2_xxs:
                    (isV3 ? KernelsV3.dequantizeIQ2_XXS : Kernels.dequantizeIQ2_XXS)(source, points, signs, target, blockCount)
                case .iq2_xs: (isV3 ? KernelsV3.dequantizeIQ2_XS : Kernels.dequantizeIQ2_XS)(source, points, signs, target, blockCount)
                case .iq2_s: (isV3 ? KernelsV3.dequantizeIQ2_S : Kernels.dequantizeIQ2_S)(source, points, target, blockCount)
                case .iq3_xxs:
                    (isV3 ? KernelsV3.dequantizeIQ3_XXS : Kernels.dequantizeIQ3_XXS)(source, points, signs, target, blockCount)
                default: (isV3 ? KernelsV3.dequantizeIQ3_S : Kernels.dequantizeIQ3_S)(source, points, target, blockCount)
                }
            }
        }
    }

    /// The sixteen values of iq4_nl and iq4_xs.
    private static let nonlinear: [Float] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]
    /// e2m1, doubled; the negative zero is none.
    private static let doubledE2M1: [Float] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12]
}
