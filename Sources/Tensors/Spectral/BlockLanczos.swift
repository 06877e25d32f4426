import Text

/// The leading eigenpairs of a symmetric operator that is known only by its products.
///
/// Block Lanczos with full reorthogonalisation and thick restarts. A block as wide as the number of wanted pairs finds
/// repeated eigenvalues (disjoint blocks of a weight matrix have them), which single vectors miss. It ends when every wanted pair's
/// residual |A x - theta x| is below the tolerance times the largest eigenvalue, however many steps that takes.
///
/// Cost: each step multiplies the operator with a block and orthogonalises against the basis, which restarts bound.
struct BlockLanczos<Scalar: BLASScalar> {
    /// In descending order.
    let values: [Double]
    /// Row i is the unit vector of value i: [count, size].
    let vectors: [Scalar]
    /// The largest residual at the end, relative to the largest eigenvalue.
    let residual: Double

    /// A block of row vectors [block, size] and where its product with the operator goes, in the same layout.
    typealias Product = (_ block: Int, _ input: UnsafePointer<Scalar>, _ output: UnsafeMutablePointer<Scalar>) throws -> Void

    /// - Parameters:
    ///   - size: the operator's dimension.
    ///   - count: how many of the algebraically largest eigenpairs, at most a quarter of the size.
    ///   - width: the least number of vectors in a block. Wider blocks need fewer but more expensive steps, which pays if reading the
    ///     operator costs more than computing with it.
    ///   - tolerance: of the residual, relative to the largest eigenvalue; above the rounding of `Scalar`.
    ///   - apply: multiplies the operator with a block.
    /// - Throws: ``Problem`` if the residual stops falling above the tolerance; what `apply` throws.
    init(
        size: Int, count: Int, width: Int = 4, tolerance: Double, generator: inout SeededGenerator, apply: Product
    ) throws {
        precondition(count > 0 && 4 * count <= size, "\(count) pairs of \(size)")
        var basis = LanczosBasis<Scalar>(size: size, count: count, width: width)
        basis.start(&generator)
        var previous: (dimension: Int, residual: Double)?
        var nextCheck = min(basis.capacity, max(8 * basis.block, 3 * count))
        var best = Double.infinity
        var checksWithoutProgress = 0
        while true {
            try basis.extend(apply, &generator)
            let isExhausted = basis.pending == 0
            guard basis.dimension >= nextCheck || isExhausted || basis.dimension + basis.pending > basis.capacity else { continue }
            let pairs = try basis.ritzPairs(count: min(count, basis.dimension))
            let largest = max(pairs.values.first ?? 0, .leastNormalMagnitude)
            let residual = basis.largestResidual(of: pairs) / largest
            if residual <= tolerance || isExhausted {
                values = pairs.values
                vectors = basis.vectors(of: pairs)
                self.residual = residual
                return
            }
            // Rounding may forbid more: a residual that no longer falls but is small is as good as it gets.
            if residual < 0.9 * best {
                best = residual
                checksWithoutProgress = 0
            } else {
                checksWithoutProgress += 1
                if checksWithoutProgress >= 12 {
                    guard best <= 100 * tolerance else {
                        throw Problem("the eigensolver stopped at a residual of \(best), expected \(tolerance)")
                    }
                    values = pairs.values
                    vectors = basis.vectors(of: pairs)
                    self.residual = residual
                    return
                }
            }
            nextCheck = Self.predictedDimension(
                now: (basis.dimension, residual), before: previous, tolerance: tolerance, block: basis.block)
            previous = (basis.dimension, residual)
            if basis.dimension + basis.pending > basis.capacity {
                try basis.restart()
                previous = nil
                nextCheck = basis.capacity
            }
        }
    }

    /// The dimension at which the residual should reach the tolerance if it keeps falling exponentially; a check costs much more than a step.
    private static func predictedDimension(
        now: (dimension: Int, residual: Double), before: (dimension: Int, residual: Double)?, tolerance: Double, block: Int
    ) -> Int {
        let shortest = now.dimension + 2 * block
        let longest = now.dimension + max(6 * block, now.dimension / 2)
        guard let before, now.residual < before.residual, now.dimension > before.dimension else {
            return now.dimension + max(4 * block, now.dimension / 4)
        }
        let slope = (logarithm(before.residual) - logarithm(now.residual)) / Double(now.dimension - before.dimension)
        let steps = (logarithm(now.residual) - logarithm(tolerance)) / slope
        guard steps < Double(longest - now.dimension) else { return longest }
        return max(shortest, now.dimension + Int(steps.rounded(.up)))
    }
}
