import Tensors

/// The out-neurons of a weight matrix whose rows equal, or are multiples of, the row of another out-neuron.
struct RepeatedNeurons {
    /// A neuron and the first neuron whose row it repeats.
    struct Pair: Equatable {
        let neuron: Int
        let first: Int
    }

    /// In ascending order of the neuron. Rows of zeros are not among them.
    private(set) var equal: [Pair] = []
    /// Those that equal no other row and are a multiple of one.
    private(set) var proportional: [Pair] = []

    /// How far each weight of a multiple may be from the product, relative to it: rows are rounded to single precision.
    private static let tolerance = 1e-6
    /// A row is compared with so many of the rows that its projections do not tell it apart from.
    private static let mostComparisons = 64

    private struct Projection {
        let row: Int
        let first: Double
        let second: Double
    }

    /// Multiples have equal projections on any direction, up to sign and rounding, once they are scaled to length 1. Only rows whose
    /// projections on two random directions agree are compared weight by weight. Cost: rows x columns, and sorting the rows.
    init(_ weights: WeightMatrix) {
        var generator = SeededGenerator(seed: 0, purpose: "directions")
        let directions = (0..<2).map { _ in (0..<weights.columns).map { _ in 2 * generator.uniform() - 1 } }
        var projections: [Projection] = []
        projections.reserveCapacity(weights.rows)
        weights.forEachRow { row, values in
            let (squares, first, second) = directions[0].withUnsafeBufferPointer { one in
                directions[1].withUnsafeBufferPointer { two in Self.products(values, one, two) }
            }
            guard squares > 0, squares.isFinite else { return }
            let length = squares.squareRoot()
            projections.append(Projection(row: row, first: abs(first) / length, second: abs(second) / length))
        }
        projections.sort { ($0.first, $0.row) < ($1.first, $1.row) }
        var classes: [[Int]] = []
        /// The classes whose rows are within the tolerance of the current one, by the projections of one of them.
        var open: [(projection: Projection, place: Int)] = []
        for projection in projections {
            open.removeAll { projection.first - $0.projection.first > Self.tolerance * max(1, projection.first) }
            let candidates = open.suffix(Self.mostComparisons)
            let found = candidates.first { candidate in
                abs(candidate.projection.second - projection.second) <= Self.tolerance * max(1, projection.second)
                    && Self.areMultiples(weights, candidate.projection.row, projection.row)
            }
            if let found {
                classes[found.place].append(projection.row)
            } else {
                open.append((projection, classes.count))
                classes.append([projection.row])
            }
        }
        for rows in classes where rows.count > 1 { add(rows.sorted(), of: weights) }
        equal.sort { $0.neuron < $1.neuron }
        proportional.sort { $0.neuron < $1.neuron }
    }

    /// The products of a row with itself and two others; four sums at a time, since one addition would wait for the one before it.
    private static func products(
        _ values: UnsafeBufferPointer<Double>, _ one: UnsafeBufferPointer<Double>, _ two: UnsafeBufferPointer<Double>
    ) -> (Double, Double, Double) {
        var (squares, first, second) = (SIMD4<Double>.zero, SIMD4<Double>.zero, SIMD4<Double>.zero)
        let whole = values.count / 4 * 4
        for column in stride(from: 0, to: whole, by: 4) {
            let four = SIMD4(values[column], values[column + 1], values[column + 2], values[column + 3])
            squares += four * four
            first += four * SIMD4(one[column], one[column + 1], one[column + 2], one[column + 3])
            second += four * SIMD4(two[column], two[column + 1], two[column + 2], two[column + 3])
        }
        var sums = (squares.sum(), first.sum(), second.sum())
        for column in whole..<values.count {
            sums.0 += values[column] * values[column]
            sums.1 += values[column] * one[column]
            sums.2 += values[column] * two[column]
        }
        return sums
    }

    private mutating func add(_ rows: [Int], of weights: WeightMatrix) {
        /// The first row of each set of equal ones.
        var firsts: [Int] = []
        for row in rows {
            if let first = firsts.first(where: { Self.areEqual(weights, $0, row) }) {
                equal.append(Pair(neuron: row, first: first))
            } else {
                if let first = firsts.first { proportional.append(Pair(neuron: row, first: first)) }
                if firsts.count < Self.mostComparisons { firsts.append(row) }
            }
        }
    }

    private static func areEqual(_ weights: WeightMatrix, _ a: Int, _ b: Int) -> Bool {
        (0..<weights.columns).allSatisfy { weights[a, $0] == weights[b, $0] }
    }

    /// Whether one row is the other times a number, which may be negative.
    private static func areMultiples(_ weights: WeightMatrix, _ a: Int, _ b: Int) -> Bool {
        var (product, squares) = (0.0, 0.0)
        for column in 0..<weights.columns {
            product += weights[a, column] * weights[b, column]
            squares += weights[a, column] * weights[a, column]
        }
        let factor = product / squares
        return (0..<weights.columns).allSatisfy { column in
            let expected = factor * weights[a, column]
            return abs(expected - weights[b, column]) <= tolerance * abs(expected)
        }
    }
}
