import Foundation
import Testing

@testable import Tensors

@Suite struct LossTargetTests {
    /// [classes, samples] from scores sample by sample.
    private func table(_ scores: [[Double]]) -> FeatureTable {
        let table = FeatureTable(features: scores[0].count, samples: scores.count)
        for (sample, row) in scores.enumerated() {
            for (place, score) in row.enumerated() { table.pointer(place)[sample] = score }
        }
        return table
    }

    private var scores: [[Double]] {
        var generator = SeededGenerator(seed: 1, purpose: "losses")
        var rows = (0..<37).map { _ in (0..<7).map { _ in 8 * generator.normal() } }
        rows += [
            [0, 0, 0, 0, 0, 0, 0], [900, -900, 0, 0, 0, 0, 0], [-1, 1e-9, 0, 0, 0, 0, 0], [-700, -701, -702, -703, -704, -705, -706],
        ]
        return rows
    }

    private func logSum(_ scores: [Double]) -> Double {
        let largest = scores.max() ?? 0
        return largest + log(scores.reduce(0) { $0 + exp($1 - largest) })
    }

    @Test func labelsGiveTheCrossEntropy() {
        let labels = scores.indices.map { Int32($0 % 7) }
        let losses = LossTarget.labels(labels, classes: 7).losses(table(scores))
        for (sample, row) in scores.enumerated() {
            let expected = logSum(row) - row[Int(labels[sample])]
            #expect(abs(losses[sample] - expected) <= 1e-14 * max(1, abs(logSum(row))), "\(sample)")
        }
    }

    @Test func divergencesAreThoseOfTheDefinition() {
        let reference = scores.map { $0.map { 0.9 * $0 + 0.25 } }
        let target = LossTarget.divergence(from: table(reference))
        let one = LossTarget.divergence(from: table(reference), ofClass: 2)
        let losses = target.losses(table(scores))
        let ofOne = one.losses(table(scores))
        var (sum, sumOfOne) = (0.0, 0.0)
        for (row, base) in zip(scores, reference) {
            let (p, q) = (base.map { $0 - logSum(base) }, row.map { $0 - logSum(row) })
            sum += zip(p, q).reduce(0) { $0 + exp($1.0) * ($1.0 - $1.1) }
            func two(_ scores: [Double]) -> [Double] {
                let others = logSum(scores.enumerated().filter { $0.offset != 2 }.map(\.element))
                return [scores[2] - logSum([scores[2], others]), others - logSum([scores[2], others])]
            }
            sumOfOne += zip(two(base), two(row)).reduce(0) { $0 + (exp($1.0) > 0 ? exp($1.0) * ($1.0 - $1.1) : 0) }
        }
        #expect(abs(losses.reduce(0, +) - target.entropy - sum) < 1e-11)
        #expect(abs(ofOne.reduce(0, +) - one.entropy - sumOfOne) < 1e-11)
        // A model compared with itself has no change.
        #expect(abs(target.losses(table(reference)).reduce(0, +) - target.entropy) < 1e-11)
        #expect(abs(one.losses(table(reference)).reduce(0, +) - one.entropy) < 1e-11)
    }

    @Test func aLossDoesNotDependOnItsPlace() {
        // A single sample is computed in the remainders of vectors, all samples together in whole vectors.
        let labels = scores.indices.map { Int32($0 % 7) }
        let together = LossTarget.labels(labels, classes: 7).losses(table(scores))
        for (sample, row) in scores.enumerated() {
            #expect(LossTarget.labels([labels[sample]], classes: 7).losses(table([row])) == [together[sample]])
        }
    }
}
