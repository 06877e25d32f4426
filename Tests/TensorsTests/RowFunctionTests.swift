import Glibc
import Testing

@testable import Tensors

/// Functions of rows against double precision, for widths around the lengths of vectors and of partial sums.
struct RowFunctionTests {
    private let team = Team(size: 1)
    private static let widths = Array(1...35) + [511, 512, 513, 527, 1100]

    private func normal(_ shape: [Int], _ seed: UInt64, scale: Double = 1, shift: Double = 0) -> Tensor {
        var generator = SeededGenerator(seed: seed)
        return Tensor(shape: shape, (0..<shape.reduce(1, *)).map { _ in Float(generator.normal() * scale + shift) })
    }

    private func expectClose(_ found: Tensor, _ expected: [Double], _ tolerance: Double, _ what: String) {
        let scale = max(1e-30, expected.map(abs).max() ?? 0)
        let worst = zip(found.elements, expected).map { abs(Double($0) - $1) }.max() ?? 0
        #expect(worst <= tolerance * scale, "\(what): off by \(worst) of \(scale)")
    }

    @Test(arguments: widths)
    func softmax_is_right_for_every_width(width: Int) {
        let x = normal([2, width], 1, scale: 3)
        let y = MutableTensor(uninitialized: [2, width])
        RowSoftmax.apply(to: x, into: y, team: team)
        for row in 0..<2 {
            let values = x[row..<row + 1].elements.map(Double.init)
            let sum = values.reduce(0) { $0 + exp($1) }
            let largest = values.max() ?? 0
            for (found, value) in zip(y[row..<row + 1].elements, values) {
                let expected = exp(value) / sum
                // The difference from the largest is rounded before the exponential.
                #expect(abs(Double(found) - expected) <= (5e-7 + 6e-8 * (largest - value)) * expected)
            }
        }
    }

    @Test func a_vocabulary_of_equal_logits_is_uniform() {
        let width = 128_256
        let x = MutableTensor(shape: [1, width], [Float](repeating: 0.1, count: width))
        RowSoftmax.apply(to: x, into: x, team: team)
        #expect(x.elements.allSatisfy { abs($0 * Float(width) - 1) < 2e-7 })
    }

    @Test func forbidden_places_get_exactly_nothing() {
        let x = MutableTensor(shape: [1, 20], (0..<20).map { $0 % 3 == 0 ? Float($0) * 1e4 : -.infinity })
        RowSoftmax.apply(to: x, into: x, team: team)
        #expect(x.elements == (0..<20).map { $0 == 18 ? 1 : 0 })
    }

    @Test(arguments: widths)
    func norms_are_right_for_every_width(width: Int) {
        let x = normal([3, width], 2, scale: 2, shift: 5)
        let (weight, bias) = (normal([width], 3), normal([width], 4))
        let y = MutableTensor(uninitialized: [3, width])
        func reference(_ body: ([Double]) -> [Double]) -> [Double] {
            (0..<3).flatMap { body(x[$0..<$0 + 1].elements.map(Double.init)) }
        }
        let (w, b) = (weight.elements.map(Double.init), bias.elements.map(Double.init))
        func layer(_ x: [Double]) -> [Double] {
            let mean = x.reduce(0, +) / Double(width)
            let variance = x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(width)
            return x.map { ($0 - mean) / (variance + Double(Float(1e-3))).squareRoot() }
        }
        Normalization.apply(.layer, epsilon: 1e-3, to: x, weight: weight, bias: bias, into: y, team: team)
        expectClose(y, reference { zip(layer($0), zip(w, b)).map { $0 * $1.0 + $1.1 } }, 1e-6, "layer \(width)")
        Normalization.apply(.layer, epsilon: 1e-3, to: x, weight: weight, bias: nil, into: y, team: team)
        expectClose(y, reference { zip(layer($0), w).map { $0 * $1 } }, 1e-6, "layer without bias \(width)")
        Normalization.apply(.layer, epsilon: 1e-3, to: x, weight: nil, bias: nil, into: y, team: team)
        expectClose(y, reference(layer), 1e-6, "bare layer \(width)")
        Normalization.apply(.rootMeanSquare(offset: 1), epsilon: 1e-3, to: x, weight: weight, bias: nil, into: y, team: team)
        expectClose(
            y,
            reference { x in
                let root = (x.reduce(0) { $0 + $1 * $1 } / Double(width) + Double(Float(1e-3))).squareRoot()
                return x.indices.map { x[$0] / root * (1 + w[$0]) }
            }, 1e-6, "root mean square \(width)")
    }

    @Test func a_row_far_from_zero_keeps_its_variance() {
        // 4096 numbers around 30000 with a deviation of 0.1: the rounding of a mean in single precision is 1% of that.
        let width = 4096
        let x = normal([1, width], 5, scale: 0.1, shift: 30_000)
        let y = MutableTensor(uninitialized: [1, width])
        Normalization.apply(.layer, epsilon: 0, to: x, weight: nil, bias: nil, into: y, team: team)
        let values = x.elements.map(Double.init)
        let mean = values.reduce(0, +) / Double(width)
        let deviation = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(width)).squareRoot()
        expectClose(y, values.map { ($0 - mean) / deviation }, 1e-6, "far row")
    }

    @Test func spoilt_rows_spoil_themselves_alone() {
        var numbers = normal([3, 40], 6).elements
        numbers[45] = .nan
        let x = Tensor(shape: [3, 40], numbers)
        let y = MutableTensor(uninitialized: [3, 40])
        let ones = Tensor(shape: [40], [Float](repeating: 1, count: 40))
        for body in [
            { RowSoftmax.apply(to: x, into: y, team: team) },
            { Normalization.apply(.layer, epsilon: 0, to: x, weight: nil, bias: nil, into: y, team: team) },
            { Normalization.apply(.rootMeanSquare(offset: 0), epsilon: 0, to: x, weight: ones, bias: nil, into: y, team: team) },
        ] {
            body()
            #expect(y.elements.indices.allSatisfy { y.elements[$0].isNaN == ($0 / 40 == 1) })
        }
    }

    @Test(arguments: widths)
    func losses_are_right_for_every_width(width: Int) {
        let x = normal([2, width], 7, scale: 3)
        let target = Int32(width / 2)
        let (losses, best) = RowCrossEntropy.losses(x, targets: [target, target], team: team)
        for row in 0..<2 {
            let values = x[row..<row + 1].elements.map(Double.init)
            let expected = log(values.reduce(0) { $0 + exp($1) }) - values[Int(target)]
            #expect(abs(losses[row] - expected) < 1e-6)
            #expect(values[Int(best[row])] == values.max())
        }
    }

    @Test func the_best_is_the_first_of_equals_and_nan_comes_before_all() {
        func best(_ numbers: [Float]) -> Int32 {
            RowCrossEntropy.losses(Tensor(shape: [1, numbers.count], numbers), targets: [-1], team: team).best[0]
        }
        var numbers = [Float](repeating: 0, count: 50)
        #expect(best(numbers) == 0)
        (numbers[37], numbers[21], numbers[49]) = (2, 2, 2)
        #expect(best(numbers) == 21)
        (numbers[44], numbers[48]) = (.nan, .nan)
        #expect(best(numbers) == 44)
        #expect(best([-.infinity, -.infinity]) == 0)
        #expect(best([.nan]) == 0)
    }
}
