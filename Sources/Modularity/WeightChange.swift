import Tensors

/// How far the weights of a layer moved from one state of a model, W, to another, V.
package struct WeightChange: Sendable, Equatable {
    /// One weight that changed.
    package struct Entry: Sendable, Equatable {
        package let row: Int
        package let column: Int
        package let before: Double
        package let after: Double

        var magnitude: Double { abs(after - before) }

        /// Larger changes first; ties in row-major order.
        static func precedes(_ one: Entry, _ other: Entry) -> Bool {
            (-one.magnitude, one.row, one.column) < (-other.magnitude, other.row, other.column)
        }
    }

    /// ||V - W|| / ||W|| in Frobenius norms; nil if W is zero.
    package let relativeNorm: Double?
    /// The weights that changed most by |V_ij - W_ij|, in descending order; unchanged weights are not included.
    package let largest: [Entry]
}

/// Gathers a ``WeightChange`` from bands of rows, so that neither matrix must be in memory as a whole.
package struct WeightChangeSum: Sendable {
    private let limit: Int
    private var changeSquares = SquareSum()
    private var weightSquares = SquareSum()
    private var entries: [WeightChange.Entry] = []
    /// The magnitude that a change must exceed to be among the largest.
    private var threshold = 0.0

    /// - Parameter limit: how many of the largest changes to keep, at least 1.
    package init(keeping limit: Int) {
        precondition(limit > 0, "the largest \(limit) changes")
        self.limit = limit
    }

    /// Adds a band of rows. Bands come in the order of the rows; all weights must be finite.
    ///
    /// - Parameter firstRow: the row of the whole matrix that the bands' first row is.
    package mutating func add(before: WeightMatrix, after: WeightMatrix, firstRow: Int) {
        precondition(
            before.rows == after.rows && before.columns == after.columns,
            "\(before.rows) x \(before.columns) and \(after.rows) x \(after.columns) weights")
        switch (before, after) {
        case (.single(let before), .single(let after)): add(before, after, firstRow)
        case (.single(let before), .double(let after)): add(before, after, firstRow)
        case (.double(let before), .single(let after)): add(before, after, firstRow)
        case (.double(let before), .double(let after)): add(before, after, firstRow)
        }
    }

    /// The change over all bands.
    package var change: WeightChange {
        let ratio = changeSquares.rootOfRatio(to: weightSquares)
        return WeightChange(
            relativeNorm: ratio.isFinite ? ratio : nil, largest: Array(entries.sorted(by: WeightChange.Entry.precedes).prefix(limit)))
    }

    private mutating func add<Before: Widening, After: Widening>(_ before: Matrix<Before>, _ after: Matrix<After>, _ firstRow: Int) {
        for row in 0..<before.rows {
            before.withRow(row) { old in
                after.withRow(row) { new in
                    // Four sums side by side: one would wait for itself.
                    var changes = SIMD4<Double>.zero
                    var weights = SIMD4<Double>.zero
                    var largest = SIMD4<Double>.zero
                    let whole = old.count - old.count % 4
                    var place = 0
                    while place < whole {
                        let w = SIMD4(old[place].wide, old[place + 1].wide, old[place + 2].wide, old[place + 3].wide)
                        let v = SIMD4(new[place].wide, new[place + 1].wide, new[place + 2].wide, new[place + 3].wide)
                        let difference = v - w
                        changes += difference * difference
                        weights += w * w
                        largest.replace(with: difference, where: difference .> largest)
                        largest.replace(with: -difference, where: -difference .> largest)
                        place += 4
                    }
                    while place < old.count {
                        let (w, v) = (old[place].wide, new[place].wide)
                        changes[0] += (v - w) * (v - w)
                        weights[0] += w * w
                        largest[0] = max(largest[0], abs(v - w))
                        place += 1
                    }
                    changeSquares.add(changes.sum()) { old.indices.map { (new[$0].wide, old[$0].wide) } }
                    weightSquares.add(weights.sum()) { old.indices.map { (old[$0].wide, 0) } }
                    if largest.max() > threshold { keep(old, new, firstRow + row) }
                }
            }
        }
    }

    /// Keeps what of a row exceeds the threshold.
    private mutating func keep<Before: Widening, After: Widening>(
        _ old: UnsafeBufferPointer<Before>, _ new: UnsafeBufferPointer<After>, _ row: Int
    ) {
        for column in old.indices {
            let entry = WeightChange.Entry(row: row, column: column, before: old[column].wide, after: new[column].wide)
            guard entry.magnitude > threshold else { continue }
            entries.append(entry)
            // Sorting occasionally costs less than keeping order all the time.
            guard entries.count >= max(2 * limit, 64) else { continue }
            entries.sort(by: WeightChange.Entry.precedes)
            entries.removeLast(entries.count - limit)
            threshold = entries[limit - 1].magnitude
        }
    }
}

/// A sum of squares of differences, as a number times a power of four where it leaves the range of a Double.
private struct SquareSum {
    private var sum = 0.0
    /// The sum is `sum` times 4^`exponent`.
    private var exponent = 0

    /// Adds the squares of some differences.
    ///
    /// - Parameters:
    ///   - plain: their sum as computed, which may have overflowed or underflowed.
    ///   - pairs: the numbers whose differences these are, read only then.
    mutating func add(_ plain: Double, of pairs: () -> [(Double, Double)]) {
        if plain > 1e-280, plain.isFinite { return add(plain, exponent: 0) }
        let pairs = pairs()
        let largest = pairs.reduce(0) { max($0, abs($1.0), abs($1.1)) }
        guard largest > 0 else { return }
        // Half of the largest becomes about 1/2: the difference of two large numbers would overflow too.
        let scale = Int(largest.exponent) + 1
        let squares = pairs.reduce(0.0) {
            let part = Double(sign: .plus, exponent: -scale, significand: $1.0) - Double(sign: .plus, exponent: -scale, significand: $1.1)
            return $0 + part * part
        }
        if squares > 0 { add(squares, exponent: scale) }
    }

    private mutating func add(_ value: Double, exponent other: Int) {
        if sum == 0 {
            (sum, exponent) = (value, other)
        } else if other <= exponent {
            sum += Double(sign: .plus, exponent: 2 * (other - exponent), significand: value)
        } else {
            sum = value + Double(sign: .plus, exponent: 2 * (exponent - other), significand: sum)
            exponent = other
        }
    }

    func rootOfRatio(to other: SquareSum) -> Double {
        Double(sign: .plus, exponent: exponent - other.exponent, significand: (sum / other.sum).squareRoot())
    }
}

/// A stored type of weights that is widened without loss.
private protocol Widening: BinaryFloatingPoint, BitwiseCopyable, Sendable {
    var wide: Double { get }
}

extension Float: Widening {
    fileprivate var wide: Double { Double(self) }
}

extension Double: Widening {
    fileprivate var wide: Double { self }
}
