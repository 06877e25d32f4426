import Tensors
import Testing
import Text

@testable import Networks

/// Norms of groups of channels, and of each channel.
struct GroupNormTests {
    private let random = OperationCheck.random

    @Test func groupsAndChannelsByHand() throws {
        // The first group holds 1, 3 and 3, 5: mean 3, variance 2; times 2 plus 1, and times 1 plus 0.
        let images = Tensor(shape: [1, 4, 1, 2], [1, 3, 3, 5, 1, 1, 1, 1])
        let parameters = [Tensor(shape: [4], [2, 1, 1, 1]), Tensor(shape: [4], [1, 0, 7, 8])]
        let found = try OperationCheck(operation: GroupNorm(groups: 2, epsilon: 0.25), inputs: [images], parameters: parameters).forward()
        // Root of 2.25: 1.5.
        let expected: [Float] = [1 - 2 * 2 / 1.5, 1, 0, 2 / 1.5, 7, 7, 8, 8]
        #expect(zip(found.elements, expected).allSatisfy { abs($0 - $1) < 1e-6 })
        let channels = try OperationCheck(operation: GroupNorm(groups: nil, epsilon: 0.25), inputs: [images], parameters: parameters)
            .forward()
        // Each channel: mean 2, variance 1; mean 4, variance 1.
        let root = Float(1.25).squareRoot()
        let own: [Float] = [1 - 2 / root, 1 + 2 / root, -1 / root, 1 / root, 7, 7, 8, 8]
        #expect(zip(channels.elements, own).allSatisfy { abs($0 - $1) < 1e-6 })
    }

    @Test(arguments: [nil, 1, 2, 4], [0, 1, 2]) func theGradientsAreTheDifferences(groups: Int?, parameters: Int) throws {
        try OperationCheck(
            operation: GroupNorm(groups: groups), inputs: [random([2, 4, 3, 2], 1, 1)],
            parameters: Array([random([4], 2, 1), random([4], 3, 1)].prefix(parameters))
        ).expectDifferencesAgree()
    }

    @Test(arguments: [[3, 6], [3, 6, 5], [2, 6, 2, 2, 3]]) func samplesHaveChannelsAndAnyNumberOfDimensions(shape: [Int]) throws {
        try OperationCheck(
            operation: GroupNorm(groups: 2), inputs: [random(shape, 1, 1)], parameters: [random([6], 2, 1), random([6], 3, 1)]
        ).expectDifferencesAgree()
    }

    @Test(arguments: [nil, 4] as [Int?]) func theyDoNotDependOnTheNumberOfThreads(groups: Int?) throws {
        try OperationCheck(
            operation: GroupNorm(groups: groups), inputs: [random([9, 20, 13, 11], 1, 1)],
            parameters: [random([20], 2, 1), random([20], 3, 1)]
        ).expectThreadsAgree()
    }

    @Test(
        arguments: [
            (nil, [2, 4, 3], []), (nil, [2, 4, 3, 2], [[3]]), (3, [2, 4, 3, 2], []), (0, [2, 4, 3, 2], []), (2, [4], []),
            (2, [2, 4], [[4], [2]]),
        ] as [(Int?, [Int], [[Int]])])
    func shapesThatDoNotFitAreRefused(groups: Int?, input: [Int], parameters: [[Int]]) {
        #expect(throws: Problem.self) {
            try GroupNorm(groups: groups).outputShape(inputs: [input], parameters: parameters, batch: .values(input))
        }
    }
}
