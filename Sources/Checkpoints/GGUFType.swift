/// GGML's tensor types by their numbers.
enum GGUFType {
    /// The element type of the types that are read.
    static func dtype(_ number: UInt32) -> DType? {
        switch number {
        case 0: .f32
        case 1: .f16
        case 2: .q4_0
        case 3: .q4_1
        case 6: .q5_0
        case 7: .q5_1
        case 8: .q8_0
        case 10: .q2_k
        case 11: .q3_k
        case 12: .q4_k
        case 13: .q5_k
        case 14: .q6_k
        case 16: .iq2_xxs
        case 17: .iq2_xs
        case 18: .iq3_xxs
        case 19: .iq1_s
        case 20: .iq4_nl
        case 21: .iq3_s
        case 22: .iq2_s
        case 23: .iq4_xs
        case 24: .i8
        case 25: .i16
        case 26: .i32
        case 27: .i64
        case 28: .f64
        case 29: .iq1_m
        case 30: .bf16
        case 34: .tq1_0
        case 35: .tq2_0
        case 39: .mxfp4
        case 40: .nvfp4
        default: nil
        }
    }

    /// The name of any type, or its number.
    static func name(_ number: UInt32) -> String { names[number] ?? "number \(number)" }

    private static let names: [UInt32: String] = [
        0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 9: "Q8_1", 10: "Q2_K", 11: "Q3_K", 12: "Q4_K",
        13: "Q5_K", 14: "Q6_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S",
        22: "IQ2_S", 23: "IQ4_XS", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64", 29: "IQ1_M", 30: "BF16", 34: "TQ1_0",
        35: "TQ2_0", 39: "MXFP4", 40: "NVFP4", 41: "Q1_0",
    ]
}
