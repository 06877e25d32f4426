import Tensors

/// The element types that checkpoints store.
package enum DType: String, Sendable, CaseIterable, Codable {
    case f64, f32, f16, bf16
    /// One sign, four exponent and three mantissa bits; bias 7; no infinities, NaN is all ones (`float8_e4m3fn`).
    case f8e4m3fn
    /// One sign, five exponent and two mantissa bits; an IEEE half cut short (`float8_e5m2`).
    case f8e5m2
    /// As `f8e4m3fn` with bias 8; the only NaN is the pattern of negative zero.
    case f8e4m3fnuz
    /// As `f8e5m2` with bias 16, no infinities; the only NaN is the pattern of negative zero.
    case f8e5m2fnuz
    case i64, i32, i16, i8
    case u64, u32, u16, u8
    case bool
    /// GGML's formats of blocks of 32, 64 or 256 weights that share their scales.
    case q4_0, q4_1, q5_0, q5_1, q8_0, q2_k, q3_k, q4_k, q5_k, q6_k
    case iq1_s, iq1_m, iq2_xxs, iq2_xs, iq2_s, iq3_xxs, iq3_s, iq4_nl, iq4_xs, tq1_0, tq2_0, mxfp4, nvfp4

    /// How blocks are decoded; nil for the types whose elements are stored one by one.
    package var blockFormat: BlockFormat? {
        switch self {
        case .q4_0: .q4_0
        case .q4_1: .q4_1
        case .q5_0: .q5_0
        case .q5_1: .q5_1
        case .q8_0: .q8_0
        case .q2_k: .q2_k
        case .q3_k: .q3_k
        case .q4_k: .q4_k
        case .q5_k: .q5_k
        case .q6_k: .q6_k
        case .iq1_s: .iq1_s
        case .iq1_m: .iq1_m
        case .iq2_xxs: .iq2_xxs
        case .iq2_xs: .iq2_xs
        case .iq2_s: .iq2_s
        case .iq3_xxs: .iq3_xxs
        case .iq3_s: .iq3_s
        case .iq4_nl: .iq4_nl
        case .iq4_xs: .iq4_xs
        case .tq1_0: .tq1_0
        case .tq2_0: .tq2_0
        case .mxfp4: .mxfp4
        case .nvfp4: .nvfp4
        default: nil
        }
    }

    /// The number of elements that are stored together: 1, or the block's length.
    package var elementsPerBlock: Int { blockFormat?.elementCount ?? 1 }

    /// The bytes of one block; for the types of one element a block, the bytes of the element.
    package var bytesPerBlock: Int {
        switch self {
        case .f64, .i64, .u64: 8
        case .f32, .i32, .u32: 4
        case .f16, .bf16, .i16, .u16: 2
        case .f8e4m3fn, .f8e5m2, .f8e4m3fnuz, .f8e5m2fnuz, .i8, .u8, .bool: 1
        default: blockFormat?.byteCount ?? 1
        }
    }

    /// Whether the values are real numbers rather than integers or truth values.
    package var isFloatingPoint: Bool {
        switch self {
        case .i64, .i32, .i16, .i8, .u64, .u32, .u16, .u8, .bool: false
        default: true
        }
    }

    /// Whether a Float holds every value of the type exactly.
    package var fitsFloat: Bool {
        switch self {
        case .f64, .i64, .u64, .i32, .u32: false
        default: true
        }
    }
}
