import Text

/// Running sums of rows of numbers and of their products, from which correlations follow: sum x and sum x x^T, in double precision.
///
/// The first row is subtracted from all, so that what never changes has sums of exactly 0, and a large mean costs few digits. The sums do not
/// depend on the number of threads. The memory is that of width^2 doubles.
package final class CorrelationSums {
    package let width: Int
    /// The number of rows.
    package private(set) var count = 0
    private var origin: [Double] = []
    private var sums: [Double]
    /// The products of each two columns; below the diagonal blocks of ``tile`` nothing.
    private var products: [Double]

    private static let tile = 256
    /// The rows that are added at once.
    private static let piece = 1024

    package init(width: Int) {
        self.width = width
        sums = [Double](repeating: 0, count: width)
        products = [Double](repeating: 0, count: width * width)
    }

    /// The memory of the sums in bytes; the largest number if it overflows.
    package static func byteCount(width: Int) -> Int {
        let (square, overflow) = width.multipliedReportingOverflow(by: width)
        let (bytes, more) = square.multipliedReportingOverflow(by: MemoryLayout<Double>.size)
        return overflow || more ? .max : bytes
    }

    /// Adds rows.
    ///
    /// - Parameters:
    ///   - outer, inner: the places before and after the columns: x[outer, width, inner] has outer * inner rows.
    package func add(_ values: UnsafeBufferPointer<Float>, outer: Int, inner: Int, team: Team) {
        precondition(values.count == outer * width * inner, "\(values.count) numbers for \(outer) x \(width) x \(inner)")
        let total = outer * inner
        guard total > 0, width > 0 else { return }
        func value(_ row: Int, _ column: Int) -> Double { Double(values[(row / inner * width + column) * inner + row % inner]) }
        if origin.isEmpty { origin = (0..<width).map { value(0, $0) } }
        count += total
        let buffer = UnsafeMutableBufferPointer<Double>.allocate(capacity: min(total, Self.piece) * width)
        defer { buffer.deallocate() }
        var first = 0
        while first < total {
            let rows = min(Self.piece, total - first)
            for row in 0..<rows {
                for column in 0..<width {
                    let moved = value(first + row, column) - origin[column]
                    buffer[row * width + column] = moved
                    sums[column] += moved
                }
            }
            add(buffer.baseAddress, rows: rows, team: team)
            first += rows
        }
    }

    /// products += A^T A for A [rows, width].
    private func add(_ rows: UnsafeMutablePointer<Double>?, rows count: Int, team: Team) {
        guard let rows else { return }
        let width = width
        let starts = Array(stride(from: 0, to: width, by: Self.tile))
        let tiles = starts.flatMap { row in starts.filter { $0 >= row }.map { (row, $0) } }
        products.withUnsafeMutableBufferPointer { target in
            guard let base = target.baseAddress else { return }
            let (source, sum) = (SharedPointer(rows), SharedPointer(base))
            team.forEach(tiles.count) { number in
                let (row, column) = tiles[number]
                Double.gemm(
                    .yes, .no, m: min(Self.tile, width - row), n: min(Self.tile, width - column), k: count, alpha: 1,
                    source.pointer + row, width, source.pointer + column, width, beta: 1, sum.pointer + row * width + column, width)
            }
        }
    }

    /// The sum of the squared distances from the mean; exactly 0 for a column that never changes.
    private func variation(_ column: Int) -> Double {
        let square = products[column * width + column]
        let rest = square - sums[column] * sums[column] / Double(count)
        // What rounding leaves of nothing.
        return rest > 1e-12 * square ? rest : 0
    }

    /// The squares of the correlations of each two columns, [width, width], in single precision: r^2 with
    /// r_ij = (sum x_i x_j - sum x_i sum x_j / n) / sqrt(v_i v_j), v_i = sum x_i^2 - (sum x_i)^2 / n.
    ///
    /// A column that never changes has 0 with all and on the diagonal; the others have `own` there.
    ///
    /// - Throws: ``Problem`` for numbers that are not finite.
    package func squaredCorrelations(own: Float) throws -> Tensor {
        let result = MutableTensor.zeros([width, width])
        guard count > 0 else { return result }
        let scales = (0..<width).map { column -> Double in
            let variation = variation(column)
            return variation > 0 ? 1 / variation.squareRoot() : 0
        }
        guard sums.allSatisfy(\.isFinite), scales.allSatisfy(\.isFinite), (0..<width).allSatisfy({ products[$0 * width + $0].isFinite })
        else {
            throw Problem("activations are not finite", expected: "numbers")
        }
        result.withMutableElements { target in
            for row in 0..<width where scales[row] > 0 {
                target[row * width + row] = own
                for column in row + 1..<max(width, row + 1) where scales[column] > 0 {
                    let correlation =
                        (products[row * width + column] - sums[row] * sums[column] / Double(count)) * scales[row] * scales[column]
                    let square = Float(min(1, correlation * correlation))
                    target[row * width + column] = square
                    target[column * width + row] = square
                }
            }
        }
        return result
    }
}
