import Checkpoints
import Tensors
import TestSupport
import Testing
import Text

@testable import Networks

/// Batch norm with stored and with measured statistics.
struct BatchNormTests {
    private let random = OperationCheck.random

    @Test func stored_and_measured_statistics_by_hand() throws {
        // Channel 0 holds 1 and 3: mean 2, biased variance 1. Stored: mean 1, variance 4.
        let rows = Tensor(shape: [2, 1], [1, 3])
        let parameters = [Tensor(shape: [1], [2]), Tensor(shape: [1], [5]), Tensor(shape: [1], [1]), Tensor(shape: [1], [4])]
        let norm = BatchNorm(epsilon: 0)
        #expect(try OperationCheck(operation: norm, inputs: [rows], parameters: parameters).forward().elements == [5, 7])
        #expect(try OperationCheck(operation: norm, inputs: [rows], parameters: parameters, mode: .training).forward().elements == [3, 7])
        #expect(try OperationCheck(operation: norm, inputs: [rows], parameters: Array(parameters.suffix(2))).forward().elements == [0, 1])
        // The batch's unbiased variance is 2.
        let updated = BatchNorm(momentum: 0.25).updatedStatistics(input: rows, mean: parameters[2], variance: parameters[3])
        #expect(updated.mean.elements == [1.25])
        #expect(updated.variance.elements == [3.5])
        let alone = BatchNorm(momentum: 0.25).updatedStatistics(input: rows[0..<1], mean: parameters[2], variance: parameters[3])
        #expect(alone.mean.elements == [1])
        #expect(alone.variance.elements == [4])
    }

    @Test(arguments: [
        ("norm_images", BatchNorm(), RunMode.inference), ("norm_images_training", BatchNorm(epsilon: 1e-3, momentum: 0.3), .training),
        ("norm_plain", BatchNorm(), .inference), ("norm_plain_training", BatchNorm(), .training), ("norm_rows", BatchNorm(), .inference),
        ("norm_rows_training", BatchNorm(), .training), ("norm_cumulative_training", BatchNorm(momentum: nil), .training),
    ])
    func norms_gradients_and_running_statistics_are_pytorchs(name: String, operation: BatchNorm, mode: RunMode) throws {
        try OperationCheck.expectMatchesPyTorch(operation, file: "images.safetensors", name, mode: mode)
        guard mode == .training else { return }
        let checkpoint = try Checkpoint.open(Fixtures.path("operations/images.safetensors"))
        func tensor(_ part: String) throws -> Tensor {
            let record = try #require(checkpoint["\(name).\(part)"])
            return Tensor(shape: record.shape, record.floats())
        }
        let first = checkpoint["\(name).parameter2"] == nil ? 0 : 2
        let updated = operation.updatedStatistics(
            input: try tensor("input0"), mean: try tensor("parameter\(first)"), variance: try tensor("parameter\(first + 1)"))
        for (found, expected) in [(updated.mean, try tensor("updated_mean")), (updated.variance, try tensor("updated_variance"))] {
            #expect(zip(found.elements, expected.elements).allSatisfy { abs($0 - $1) <= 1e-5 })
        }
    }

    @Test(arguments: [RunMode.inference, .training], [[3, 2, 2, 3], [6, 2]])
    func the_gradients_of_batch_norm_are_its_differences(mode: RunMode, shape: [Int]) throws {
        try OperationCheck(
            operation: BatchNorm(), inputs: [random(shape, 1, 1)],
            parameters: [random([2], 2, 1), random([2], 3, 1), random([2], 4, 1), Tensor(shape: [2], [0.7, 1.5])], mode: mode,
            constants: [2, 3]
        ).expectDifferencesAgree()
    }

    @Test(arguments: [[9, 20, 13, 11], [70, 33]])
    func norms_do_not_depend_on_the_number_of_threads(shape: [Int]) throws {
        let channels = [shape[1]]
        try OperationCheck(
            operation: BatchNorm(), inputs: [random(shape, 1, 1)],
            parameters: [random(channels, 2, 1), random(channels, 3, 1), random(channels, 4, 1), random(channels, 5, 1)], mode: .training,
            constants: [2, 3]
        ).expectThreadsAgree()
    }

    @Test func a_large_mean_leaves_the_variance_exact() throws {
        let rows = Tensor(shape: [4096, 1], (0..<4096).map { 10_000 + Float($0 % 2) })
        let variance = MutableTensor.zeros([1])
        ChannelStatistics.measure(rows, mean: MutableTensor.zeros([1]), variance: variance, team: Team(size: 1))
        #expect(variance.elements == [0.25])
    }

    @Test(arguments: [([2, 3, 4], [[3], [3]]), ([2, 3], [[3]]), ([2, 3], [[4], [4]]), ([2, 3], [[3], [3], [3], [4]]), ([2, 3], [])])
    func shapes_that_do_not_fit_are_refused(input: [Int], parameters: [[Int]]) {
        #expect(throws: Problem.self) {
            try BatchNorm().outputShape(inputs: [input], parameters: parameters, batch: .values(input))
        }
    }
}
