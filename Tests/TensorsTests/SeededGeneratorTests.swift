import Testing

@testable import Tensors

@Suite struct SeededGeneratorTests {
    /// The first outputs of xoshiro256** for the state that SplitMix64 derives from 0, as the authors' reference code gives them.
    @Test func matches_the_reference_generator() {
        var generator = SeededGenerator(seed: 0)
        let first = (0..<3).map { _ in generator.next() }
        #expect(first == [0x99EC_5F36_CB75_F2B4, 0xBF6E_1F78_4956_452A, 0x1A5F_849D_4933_E6E0])
    }

    @Test func streams_of_different_purposes_differ() {
        var a = SeededGenerator(seed: 0, purpose: "fc1")
        var b = SeededGenerator(seed: 0, purpose: "fc2")
        var c = SeededGenerator(seed: 0, purpose: "fc1", index: 1)
        var d = SeededGenerator(seed: 1, purpose: "fc1")
        #expect(Set([a.next(), b.next(), c.next(), d.next()]).count == 4)
    }

    @Test func integers_are_uniform() {
        var generator = SeededGenerator(seed: 5)
        var counts = [Int](repeating: 0, count: 6)
        for _ in 0..<60_000 { counts[generator.integer(below: 6)] += 1 }
        // Five standard deviations of a binomial with n = 60,000 and p = 1/6 are 457.
        #expect(counts.allSatisfy { abs($0 - 10_000) < 457 })
    }

    @Test func normal_numbers_have_the_moments_of_a_normal_distribution() {
        var generator = SeededGenerator(seed: 6)
        let values = (0..<100_000).map { _ in generator.normal() }
        let mean = values.reduce(0, +) / 100_000
        let variance = values.reduce(0) { $0 + $1 * $1 } / 100_000
        #expect(abs(mean) < 0.016)
        #expect(abs(variance - 1) < 0.023)
    }

    @Test func shuffling_keeps_the_elements() {
        var generator = SeededGenerator(seed: 8)
        var elements = Array(0..<1000)
        elements.withUnsafeMutableBufferPointer { generator.shuffle($0) }
        #expect(elements != Array(0..<1000))
        #expect(elements.sorted() == Array(0..<1000))
    }
}
