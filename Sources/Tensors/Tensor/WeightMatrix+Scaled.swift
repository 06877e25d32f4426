extension WeightMatrix {
    /// The exponents of the largest |w| within which squares and sums of doubles neither overflow nor lose digits that count.
    private static let harmlessExponents = -400...400

    /// The binary exponent of the largest |w|; nil for a matrix of zeros and for one with weights that are not finite.
    ///
    /// Single precision gives nil too: its squares and sums are computed in double precision, which holds them all.
    package var largestExponent: Int? {
        guard case .double(let matrix) = self else { return nil }
        let largest = matrix.withElements { $0.reduce(0.0) { $1.isFinite ? max($0, abs($1)) : .infinity } }
        return largest > 0 && largest.isFinite ? Int(largest.exponent) : nil
    }

    /// The even power of two by which matrices whose largest exponent is `exponent` are to be multiplied; 0 if their scale does no harm.
    package static func scalingExponent(_ exponent: Int?) -> Int {
        guard let exponent, !harmlessExponents.contains(exponent) else { return 0 }
        // A power of four, so that the roots of sums keep their bits too.
        return -exponent / 2 * 2
    }

    /// The matrix over its largest |w|, rounded to a power of four, where its squares would overflow or underflow: clusters and scores do not
    /// depend on the scale. Any other matrix is returned unchanged.
    package var inRange: WeightMatrix { scaled(byPowerOfTwo: Self.scalingExponent(largestExponent)) }

    /// The matrix times 2^exponent.
    package func scaled(byPowerOfTwo exponent: Int) -> WeightMatrix {
        guard exponent != 0, case .double(let matrix) = self else { return self }
        return .double(
            Matrix(rows: matrix.rows, columns: matrix.columns) { target in
                matrix.withElements { source in
                    for place in source.indices { target[place] = Double(sign: .plus, exponent: exponent, significand: source[place]) }
                }
            })
    }
}
