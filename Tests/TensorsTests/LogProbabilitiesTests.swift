import Glibc
import Testing

@testable import Tensors

struct LogProbabilitiesTests {
    private func total(_ logits: [Float]) -> Double { logits.withUnsafeBufferPointer(LogProbabilities.total) }

    private func divergence(_ p: [Float], _ q: [Float]) -> Double {
        p.withUnsafeBufferPointer { p in q.withUnsafeBufferPointer { LogProbabilities.divergence(p, from: $0) } }
    }

    @Test func totals_worked_out_by_hand() {
        #expect(abs(total([0, 0, 0, 0]) - log(4)) < 1e-15)
        #expect(total([3]) == 3)
        #expect(total([]) == -.infinity)
        #expect(total([-.infinity, 2]) == 2)
        #expect(total([-.infinity, -.infinity]) == -.infinity)
        #expect(total([.infinity, 1]) == .infinity)
        #expect(total([.nan, 1]).isNaN)
        // No overflow, and nothing lost beside a large element.
        #expect(abs(total([3e38, 3e38]) / 3e38 - 1) < 1e-6)
        #expect(abs(total([10, 10 - 30]) - (10 + log1p(exp(-30)))) < 1e-15)
    }

    /// Lengths around the number of terms that are added side by side.
    @Test(arguments: [1, 2, 63, 64, 65, 200, 1000])
    func rows_are_those_of_the_definition(count: Int) {
        var generator = SeededGenerator(seed: 3)
        let p = (0..<count).map { _ in Float(generator.normal() * 4) }
        let q = (0..<count).map { _ in Float(generator.normal() * 4) }
        let (a, b) = (log(p.reduce(0) { $0 + exp(Double($1)) }), log(q.reduce(0) { $0 + exp(Double($1)) }))
        #expect(abs(total(p) - a) < 1e-13)
        let expected = zip(p, q).reduce(0) { $0 + exp(Double($1.0) - a) * (Double($1.0) - a - Double($1.1) + b) }
        #expect(abs(divergence(p, q) - expected) < 1e-12)
        #expect(abs(divergence(p, p)) < 1e-15)
    }

    @Test func what_has_no_probability_adds_nothing() {
        // p = (1/2, 1/2, 0), q = (1/4, 1/4, 1/2).
        let (p, q): ([Float], [Float]) = ([0, 0, -.infinity], [0, 0, Float(log(2.0))])
        #expect(abs(divergence(p, q) - log(2)) < 1e-7)
        #expect(divergence(q, p) == .infinity)
        #expect(divergence([.nan, 1], [0, 1]).isNaN && divergence([0, 1], [0, .nan]).isNaN && divergence([.nan], [.nan]).isNaN)
    }
}
