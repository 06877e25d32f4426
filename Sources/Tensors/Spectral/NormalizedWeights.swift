/// D_U^-1/2 |W| D_V^-1/2 without its first singular triplet, computed row by row from the weights.
///
/// The first triplet is known: sigma = 1 with the roots of the degrees. Taken out beforehand, it can hide nothing
/// from an iteration. A zero degree has the inverse root 0 (Golechha et al., arXiv 2502.02470).
package struct NormalizedWeights: RowSource {
    /// Rows that are in memory, from `first` on; nil before any are.
    private var weights: WeightMatrix?
    private var first = 0
    /// Gives rows that are not in memory.
    private let read: (@Sendable (Range<Int>) throws -> WeightMatrix)?
    private let rowsAtOnce: Int
    private let rowScales: [Double]
    private let columnScales: [Double]
    private let rowTrivial: [Double]
    private let columnTrivial: [Double]
    private let narrowColumnScales: [Float]
    private let narrowColumnTrivial: [Float]

    package var rows: Int { rowScales.count }
    package var columns: Int { columnScales.count }

    /// - Parameter sums: the degrees of `weights`, finite and not all zero.
    package init(_ weights: WeightMatrix, sums: AbsoluteSums) {
        self.init(weights, read: nil, rowsAtOnce: weights.rows, sums: sums)
    }

    /// Weights that are read in runs of rows, each of which is forgotten before the next.
    ///
    /// - Parameter sums: the degrees of all of them, finite and not all zero.
    package init(
        rowsAtOnce: Int, sums: AbsoluteSums, read: @escaping @Sendable (Range<Int>) throws -> WeightMatrix
    ) {
        self.init(nil, read: read, rowsAtOnce: rowsAtOnce, sums: sums)
    }

    private init(
        _ weights: WeightMatrix?, read: (@Sendable (Range<Int>) throws -> WeightMatrix)?, rowsAtOnce: Int, sums: AbsoluteSums
    ) {
        self.weights = weights
        self.read = read
        self.rowsAtOnce = max(1, rowsAtOnce)
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

    package func forEachRun(_ body: (Range<Int>, NormalizedWeights) throws -> Void) throws {
        guard let read else { return try body(0..<rows, self) }
        for start in stride(from: 0, to: rows, by: rowsAtOnce) {
            let run = start..<min(start + rowsAtOnce, rows)
            var part = self
            (part.weights, part.first) = (try read(run), start)
            try body(run, part)
        }
    }

    private var inMemory: WeightMatrix {
        guard let weights else { preconditionFailure("no rows are in memory") }
        return weights
    }

    package func fill(_ range: Range<Int>, _ target: UnsafeMutablePointer<Float>) {
        guard case .single(let matrix) = inMemory else {
            let wide = Buffer<Double>(uninitialized: range.count * columns)
            fill(range, wide.base)
            for i in 0..<range.count * columns { target[i] = Float(wide.base[i]) }
            return
        }
        for (i, row) in range.enumerated() {
            let out = target + i * columns
            matrix.withRow(row - first) {
                KernelSet.current.normalizeRow(
                    $0.baseAddress!, columns, Float(rowScales[row]), narrowColumnScales, Float(rowTrivial[row]), narrowColumnTrivial, out)
            }
        }
    }

    package func fill(_ range: Range<Int>, _ target: UnsafeMutablePointer<Double>) {
        for (i, row) in range.enumerated() {
            let (scale, trivial) = (rowScales[row], rowTrivial[row])
            let out = target + i * columns
            switch inMemory {
            case .single(let matrix):
                matrix.withRow(row - first) {
                    KernelSet.current.normalizeRowSingle($0.baseAddress!, columns, scale, columnScales, trivial, columnTrivial, out)
                }
            case .double(let matrix):
                matrix.withRow(row - first) {
                    KernelSet.current.normalizeRowDouble($0.baseAddress!, columns, scale, columnScales, trivial, columnTrivial, out)
                }
            }
        }
    }
}
