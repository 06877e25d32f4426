import Kernels
import KernelsV3
import KernelsV4

/// The kernels of double precision for this CPU. Their meaning is documented in their source.
struct DoubleKernels: Sendable {
    typealias Numbers = UnsafePointer<Double>
    typealias Target = UnsafeMutablePointer<Double>

    let addScaled: @Sendable (Double, Numbers, Target, Int) -> Void
    let writeScaledSum: @Sendable (Double, Numbers, Numbers, Target, Int) -> Void
    let rectify: @Sendable (Numbers, Target, Int) -> Void
    let raise: @Sendable (Numbers, Target, Int) -> Void
    let logSumExponentials: @Sendable (Numbers, Int, Int, Int, Target, Target) -> Void
    let binaryLosses: @Sendable (Numbers, Numbers, Target, Int) -> Void
    let sumExponentials: @Sendable (UnsafePointer<Float>, Int, Double) -> Double
    let sumDivergence: @Sendable (UnsafePointer<Float>, Double, UnsafePointer<Float>, Double, Int) -> Double

    static let current: DoubleKernels =
        switch InstructionSet.current {
        case .baseline:
            DoubleKernels(
                addScaled: Kernels.addScaled, writeScaledSum: Kernels.writeScaledSum, rectify: Kernels.rectify, raise: Kernels.raise,
                logSumExponentials: Kernels.logSumExponentials, binaryLosses: Kernels.binaryLosses,
                sumExponentials: Kernels.sumExponentials, sumDivergence: Kernels.sumDivergence)
        case .v3:
            DoubleKernels(
                addScaled: KernelsV3.addScaled, writeScaledSum: KernelsV3.writeScaledSum, rectify: KernelsV3.rectify,
                raise: KernelsV3.raise, logSumExponentials: KernelsV3.logSumExponentials, binaryLosses: KernelsV3.binaryLosses,
                sumExponentials: KernelsV3.sumExponentials, sumDivergence: KernelsV3.sumDivergence)
        case .v4:
            DoubleKernels(
                addScaled: KernelsV4.addScaled, writeScaledSum: KernelsV4.writeScaledSum, rectify: KernelsV4.rectify,
                raise: KernelsV4.raise, logSumExponentials: KernelsV4.logSumExponentials, binaryLosses: KernelsV4.binaryLosses,
                sumExponentials: KernelsV4.sumExponentials, sumDivergence: KernelsV4.sumDivergence)
        }
}
