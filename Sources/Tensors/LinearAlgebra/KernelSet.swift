import Kernels
import KernelsV3
import KernelsV4

/// The kernels for this CPU. Their meaning is documented in their source.
struct KernelSet: Sendable {
    typealias Numbers<Scalar> = UnsafePointer<Scalar>
    typealias Target<Scalar> = UnsafeMutablePointer<Scalar>
    typealias NormalizeWide<Scalar> =
        @Sendable (
            Numbers<Scalar>, Int, Double, Numbers<Double>, Double, Numbers<Double>, Target<Double>
        ) -> Void

    let addAbsoluteRowSingle: @Sendable (Numbers<Float>, Int, Target<Double>) -> Double
    let addAbsoluteRowDouble: @Sendable (Numbers<Double>, Int, Target<Double>) -> Double
    let addSquaresRowSingle: @Sendable (Numbers<Float>, Int, Target<Double>, Target<Double>) -> Void
    let addSquaresRowDouble: @Sendable (Numbers<Double>, Int, Target<Double>, Target<Double>) -> Void
    let normalizeRow: @Sendable (Numbers<Float>, Int, Float, Numbers<Float>, Float, Numbers<Float>, Target<Float>) -> Void
    let normalizeRowSingle: NormalizeWide<Float>
    let normalizeRowDouble: NormalizeWide<Double>
    let assignNearest: @Sendable (Numbers<Double>, Int, Int, Int, Numbers<Double>, Int, Target<Int64>, Target<Double>) -> Bool
    let minimumDistances: @Sendable (Numbers<Double>, Int, Int, Int, Numbers<Double>, Target<Double>) -> Double
    let minimumDistancesToFour:
        @Sendable (Numbers<Double>, Int, Int, Int, Numbers<Double>, Numbers<Double>, Target<Double>, Target<Double>) -> Void
    let sumByCluster: @Sendable (Numbers<Double>, Int, Int, Int, Numbers<Int64>, Int, Target<Double>, Target<Int>) -> Void
    let pairDistances: @Sendable (Numbers<Double>, Int, Int, Int, Numbers<Double>, Int, Target<Double>, Target<Double>) -> Void
    let minimumOfDistances: @Sendable (Numbers<Double>, Int, Numbers<Double>, Target<Double>) -> Double
    let smallestTwo: @Sendable (Numbers<Double>, Int, Int, Target<Double>, Target<Int64>, Target<Double>) -> Void
    let multiplyFourByTransposed: @Sendable (Numbers<Float>, Numbers<Float>, Int, Int, Target<Float>, Int) -> Void
    let addFourByMatrix: @Sendable (Numbers<Float>, Int, Numbers<Float>, Int, Int, Target<Float>) -> Void

    let transpose: @Sendable (Numbers<Float>, Int, Int, Int, Target<Float>, Int) -> Void

    static let current: KernelSet =
        switch InstructionSet.current {
        case .baseline:
            KernelSet(
                addAbsoluteRowSingle: Kernels.addAbsoluteRow, addAbsoluteRowDouble: Kernels.addAbsoluteRow,
                addSquaresRowSingle: Kernels.addSquaresRow, addSquaresRowDouble: Kernels.addSquaresRow,
                normalizeRow: Kernels.normalizeRow, normalizeRowSingle: Kernels.normalizeRow,
                normalizeRowDouble: Kernels.normalizeRow, assignNearest: Kernels.assignNearest,
                minimumDistances: Kernels.minimumDistances,
                minimumDistancesToFour: Kernels.minimumDistancesToFour, sumByCluster: Kernels.sumByCluster,
                pairDistances: Kernels.pairDistances,
                minimumOfDistances: Kernels.minimumOfDistances, smallestTwo: Kernels.smallestTwo,
                multiplyFourByTransposed: Kernels.multiplyFourByTransposed, addFourByMatrix: Kernels.addFourByMatrix,
                transpose: Kernels.transpose)
        case .v3:
            KernelSet(
                addAbsoluteRowSingle: KernelsV3.addAbsoluteRow, addAbsoluteRowDouble: KernelsV3.addAbsoluteRow,
                addSquaresRowSingle: KernelsV3.addSquaresRow, addSquaresRowDouble: KernelsV3.addSquaresRow,
                normalizeRow: KernelsV3.normalizeRow, normalizeRowSingle: KernelsV3.normalizeRow,
                normalizeRowDouble: KernelsV3.normalizeRow, assignNearest: KernelsV3.assignNearest,
                minimumDistances: KernelsV3.minimumDistances,
                minimumDistancesToFour: KernelsV3.minimumDistancesToFour, sumByCluster: KernelsV3.sumByCluster,
                pairDistances: KernelsV3.pairDistances,
                minimumOfDistances: KernelsV3.minimumOfDistances, smallestTwo: KernelsV3.smallestTwo,
                multiplyFourByTransposed: KernelsV3.multiplyFourByTransposed, addFourByMatrix: KernelsV3.addFourByMatrix,
                transpose: KernelsV3.transpose)
        case .v4:
            KernelSet(
                addAbsoluteRowSingle: KernelsV4.addAbsoluteRow, addAbsoluteRowDouble: KernelsV4.addAbsoluteRow,
                addSquaresRowSingle: KernelsV4.addSquaresRow, addSquaresRowDouble: KernelsV4.addSquaresRow,
                normalizeRow: KernelsV4.normalizeRow, normalizeRowSingle: KernelsV4.normalizeRow,
                normalizeRowDouble: KernelsV4.normalizeRow, assignNearest: KernelsV4.assignNearest,
                minimumDistances: KernelsV4.minimumDistances,
                minimumDistancesToFour: KernelsV4.minimumDistancesToFour, sumByCluster: KernelsV4.sumByCluster,
                pairDistances: KernelsV4.pairDistances,
                minimumOfDistances: KernelsV4.minimumOfDistances, smallestTwo: KernelsV4.smallestTwo,
                multiplyFourByTransposed: KernelsV4.multiplyFourByTransposed, addFourByMatrix: KernelsV4.addFourByMatrix,
                transpose: KernelsV4.transpose)
        }
}
