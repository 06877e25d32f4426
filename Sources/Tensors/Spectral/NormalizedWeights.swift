/// D_U^-1/2 |W| D_V^-1/2 without its first singular triplet, computed row by row from the weights.
///
/// The first triplet is known: sigma = 1 with the roots of the degrees. Taken out beforehand, it can hide nothing
/// from an iteration. A zero degree has the inverse root 0 (Golechha et al., arXiv 2502.02470).
package struct NormalizedWeights: RowSource {
    private let weights: WeightMatrix
    private let rowScales: [Double]
    private let columnScales: [Double]
    private let rowTrivial: [Double]
    private let columnTrivial: [Double]
    private let narrowColumnScales: [Float]
    private let narrowColumnTrivial: [Float]

    package var rows: Int { weights.rows }
    package var columns: Int { weights.columns }

    /// - Parameter sums: the degrees of `weights`, finite and not all zero.
    package init(_ weights: WeightMatrix, sums: AbsoluteSums) {
        self.weights = weights
        let total = sums.rows.reduce(0, +)
        let root = total.squareRoot()
        func inverseRoot(_ x: Double) -> Double { x > 0 ? 1 / x.squareRoot() : 0 }
        rowScales = sums.rows.map(inverseRoot)
        columnScales = sums.columns.map(inverseRoot)
        rowTrivial = sums.rows.map { $0.squareRoot() / root }
        columnTrivial = sums.columns.map { $0.squareRoot() / root }
        narrowColumnScales = columnScales.map { Float($0) }
        narrowColumnTrivial = columnTrivial.map { Float($0) }
    }

    /// The unit vectors of the known triplet: the roots of the degrees.
    package var trivialVectors: (left: [Double], right: [Double]) { (rowTrivial, columnTrivial) }

    package func fill(_ range: Range<Int>, _ target: UnsafeMutablePointer<Float>) {
        guard case .single(let matrix) = weights else {
            let wide = Buffer<Double>(uninitialized: range.count * columns)
            fill(range, wide.base)
            for i in 0..<range.count * columns { target[i] = Float(wide.base[i]) }
            return
        }
        for (i, row) in range.enumerated() {
            let out = target + i * columns
            matrix.withRow(row) {
                KernelSet.current.normalizeRow(
                    $0.baseAddress!, columns, Float(rowScales[row]), narrowColumnScales, Float(rowTrivial[row]), narrowColumnTrivial, out)
            }
        }
    }

    package func fill(_ range: Range<Int>, _ target: UnsafeMutablePointer<Double>) {
        for (i, row) in range.enumerated() {
            let (scale, trivial) = (rowScales[row], rowTrivial[row])
            let out = target + i * columns
            switch weights {
            case .single(let matrix):
                matrix.withRow(row) {
                    KernelSet.current.normalizeRowSingle($0.baseAddress!, columns, scale, columnScales, trivial, columnTrivial, out)
                }
            case .double(let matrix):
                matrix.withRow(row) {
                    KernelSet.current.normalizeRowDouble($0.baseAddress!, columns, scale, columnScales, trivial, columnTrivial, out)
                }
            }
        }
    }
}
