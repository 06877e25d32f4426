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
    /// GGML block formats: blocks of 32 (q4_0, q8_0) or 256 (q4_k, q6_k) weights that share their scales.
    case q4_0, q8_0, q4_k, q6_k

    /// The number of elements that are stored together: 1, or the block's length.
    package var elementsPerBlock: Int {
        switch self {
        case .q4_0, .q8_0: 32
        case .q4_k, .q6_k: 256
        default: 1
        }
    }

    /// The bytes of one block; for the types of one element a block, the bytes of the element.
    package var bytesPerBlock: Int {
        switch self {
        case .f64, .i64, .u64: 8
        case .f32, .i32, .u32: 4
        case .f16, .bf16, .i16, .u16: 2
        case .f8e4m3fn, .f8e5m2, .f8e4m3fnuz, .f8e5m2fnuz, .i8, .u8, .bool: 1
        case .q4_0: 18
        case .q8_0: 34
        case .q4_k: 144
        case .q6_k: 210
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
