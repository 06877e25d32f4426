import COpenBLAS

/// Which of the compiled copies of the kernels this CPU runs, found out once.
enum InstructionSet {
    case baseline
    /// x86-64-v3: AVX2, FMA, BMI2.
    case v3
    /// x86-64-v4: AVX-512.
    case v4

    static let current: InstructionSet =
        modinspect_cpu_supports_v4() != 0 ? .v4 : modinspect_cpu_supports_v3() != 0 ? .v3 : .baseline
}
