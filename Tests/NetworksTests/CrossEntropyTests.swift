import Checkpoints
import Glibc
import Tensors
import TestSupport
import Testing

@testable import Networks

struct CrossEntropyTests {
    @Test func a_case_by_hand() {
        // Probabilities 1/4 and 3/4; the second row does not count.
        let logits = Tensor(shape: [2, 2], [0, 1.098_612_3, 5, 5])
        let rows = CrossEntropy.forward(logits, targets: [0, -1], team: Team(size: 1))
        #expect(abs(rows.losses[0] - log(4)) < 1e-7 && rows.losses[1] == 0)
        #expect(rows.predictions == [1, 0] && rows.counted == 1 && abs((rows.mean ?? 0) - log(4)) < 1e-7)
        let gradient = MutableTensor(uninitialized: [2, 2])
        CrossEntropy.backward(logits, targets: [0, -1], weight: 2, into: gradient, team: Team(size: 1))
        #expect(zip(gradient.elements, [-1.5, 1.5, 0, 0]).allSatisfy { abs($0 - $1) < 5e-7 })
        #expect(CrossEntropy.forward(logits, targets: [-1, -1], team: Team(size: 1)).mean == nil)
    }

    @Test(arguments: ["cross_entropy", "cross_entropy_large", "cross_entropy_one"])
    func losses_and_gradients_are_those_of_pytorch(name: String) throws {
        let checkpoint = try Checkpoint.open(Fixtures.path("operations/\(SequenceFile.name)"))
        func numbers(_ part: String) throws -> [Double] { try #require(checkpoint["\(name).\(part)"]).doubles() }
        let record = try #require(checkpoint["\(name).logits"])
        let logits = Tensor(shape: record.shape, record.floats())
        let targets = try numbers("targets").map { Int32($0) }
        #expect(targets.contains(-1))
        for threads in [1, 3] {
            let team = Team(size: threads)
            let rows = CrossEntropy.forward(logits, targets: targets, team: team)
            for (found, expected) in zip(rows.losses, try numbers("losses")) {
                #expect(abs(found - expected) <= 5e-7 * max(1, abs(expected)))
            }
            #expect(rows.predictions == (try numbers("best").map { Int32($0) }))
            let apart = MutableTensor(uninitialized: logits.shape)
            CrossEntropy.backward(logits, targets: targets, weight: 0.25, into: apart, team: team)
            let within = logits.copied()
            CrossEntropy.backward(within, targets: targets, weight: 0.25, into: within, team: team)
            for gradient in [apart, within] {
                for (found, expected) in zip(gradient.elements, try numbers("gradient")) { #expect(abs(Double(found) - expected) < 2e-7) }
            }
        }
    }

    @Test func many_rows_do_not_depend_on_the_number_of_threads() {
        let logits = OperationCheck.random([700, 133], seed: 1, scale: 3)
        let targets = (0..<700).map { Int32($0 % 134 - 1) }
        let one = CrossEntropy.forward(logits, targets: targets, team: Team(size: 1))
        #expect(CrossEntropy.forward(logits, targets: targets, team: Team(size: 3)) == one)
        #expect(one.counted == 700 - targets.filter { $0 < 0 }.count)
    }
}
