import Tensors
import Testing
import Text

@testable import Networks

/// Norms of each head's vectors alone.
struct HeadNormTests {
    private let random = OperationCheck.random

    @Test func eachHeadIsDividedByItsOwnRootOfTheMeanSquare() throws {
        // (1, 7) has the mean square 25 and (3, 3) has 9; the weights are (1 + 1, 1 - 1).
        let check = OperationCheck(
            operation: HeadNorm(headDimension: 2, kind: .rootMeanSquare(offset: 1), epsilon: 0),
            inputs: [Tensor(shape: [1, 1, 4], [1, 7, 3, 3])], parameters: [Tensor(shape: [2], [1, -1])])
        #expect(try check.forward().elements == [0.4, 0, 2, 0])
    }

    @Test func eachHeadLosesItsOwnMean() throws {
        // (1, 3) and (10, 6): means 2 and 8, deviations 1 and 2; times (2, 3) plus (1, 1).
        let check = OperationCheck(
            operation: HeadNorm(headDimension: 2, kind: .layer, epsilon: 0), inputs: [Tensor(shape: [1, 4], [1, 3, 10, 6])],
            parameters: [Tensor(shape: [2], [2, 3]), Tensor(shape: [2], [1, 1])])
        #expect(try check.forward().elements == [-1, 4, 3, -2])
    }

    @Test(
        arguments: [
            ("rms", 4, .rootMeanSquare(offset: 0), 1e-6), ("rms_offset", 3, .rootMeanSquare(offset: 1), 1e-6),
            ("rms_wide", 32, .rootMeanSquare(offset: 0), 1e-5), ("layer", 7, .layer, 1e-5),
        ] as [(String, Int, HeadNorm.Kind, Float)])
    func theyAreThoseOfPyTorch(name: String, headDimension: Int, kind: HeadNorm.Kind, epsilon: Float) throws {
        try OperationCheck.expectMatchesPyTorch(
            HeadNorm(headDimension: headDimension, kind: kind, epsilon: epsilon), file: "heads.safetensors", name, tolerance: 2e-6)
    }

    @Test func theyHaveTheGradientsOfTheirDifferences() throws {
        try OperationCheck(
            operation: HeadNorm(headDimension: 4, kind: .rootMeanSquare(offset: 0), epsilon: 1e-5), inputs: [random([2, 2, 12], 1, 1)],
            parameters: [random([4], 2, 1)]
        ).expectDifferencesAgree()
        try OperationCheck(
            operation: HeadNorm(headDimension: 5, kind: .layer, epsilon: 1e-5), inputs: [random([2, 2, 10], 1, 1)],
            parameters: [random([5], 2, 1), random([5], 3, 1)]
        ).expectDifferencesAgree()
    }

    @Test func theyDoNotDependOnTheNumberOfThreads() throws {
        try OperationCheck(
            operation: HeadNorm(headDimension: 19, kind: .rootMeanSquare(offset: 0), epsilon: 1e-5), inputs: [random([3, 70, 133], 1, 1)],
            parameters: [random([19], 2, 1)]
        ).expectThreadsAgree()
    }

    @Test func rowsThatAreNoHeadsAreRefused() {
        let norm = HeadNorm(headDimension: 4, kind: .layer, epsilon: 0)
        #expect(throws: Problem("the rows are not heads side by side", expected: "heads of 4", found: "2x7")) {
            try norm.outputShape(inputs: [[2, 7]], parameters: [[4]], batch: .values([2, 7]))
        }
        #expect(throws: Problem("the norm reads a different width", expected: "8 numbers", found: "4")) {
            try norm.outputShape(inputs: [[2, 8]], parameters: [[8]], batch: .values([2, 8]))
        }
    }
}
