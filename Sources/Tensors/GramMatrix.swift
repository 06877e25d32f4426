/// A^T A or A A^T in single precision, computed tile by tile so that the bits do not depend on the number of threads.
struct GramMatrix: Sendable {
    let size: Int
    private let elements: Matrix<Float>

    private static let tile = 256

    /// - Parameter side: `columns` for A^T A, `rows` for A A^T.
    init(of source: some RowSource, side: Subspace.Side, threads: Int) throws {
        let rows = source.rows
        let columns = source.columns
        let dense = try Self.dense(source, threads: threads)
        let size = side == .columns ? columns : rows
        self.size = size
        let tiles = (size + Self.tile - 1) / Self.tile
        let pairs = (0..<tiles).flatMap { i in (i..<tiles).map { (i, $0) } }
        let target = SharedBuffer(Buffer<Float>(uninitialized: size * size))
        try Parallel.forEach(count: pairs.count, threads: threads) { index in
            let (i, j) = (pairs[index].0 * Self.tile, pairs[index].1 * Self.tile)
            let (m, n) = (min(Self.tile, size - i), min(Self.tile, size - j))
            dense.withElements { elements in
                let base = elements.baseAddress!
                let gram = target.buffer.base
                switch (side, i == j) {
                case (.columns, true):
                    Float.gram(.ofColumns, n: m, k: rows, base + i, columns, gram + i * size + i, size)
                case (.rows, true):
                    Float.gram(.ofRows, n: m, k: columns, base + i * columns, columns, gram + i * size + i, size)
                case (.columns, false):
                    Float.gemm(
                        .yes, .no, m: m, n: n, k: rows, alpha: 1, base + i, columns, base + j, columns, beta: 0,
                        gram + i * size + j, size)
                case (.rows, false):
                    Float.gemm(
                        .no, .yes, m: m, n: n, k: columns, alpha: 1, base + i * columns, columns, base + j * columns, columns, beta: 0,
                        gram + i * size + j, size)
                }
            }
        }
        elements = Matrix(rows: size, columns: size) { matrix in
            let gram = target.buffer.base
            for i in 0..<size {
                for j in 0..<i { matrix[i * size + j] = gram[j * size + i] }
                for j in i..<size { matrix[i * size + j] = gram[i * size + j] }
            }
        }
    }

    /// output [block, size] = input [block, size] times the matrix.
    func multiply(_ block: Int, _ input: UnsafePointer<Float>, _ output: UnsafeMutablePointer<Float>) {
        output.update(repeating: 0, count: block * size)
        elements.withElements { SkinnyProduct.add(block, input, size, $0.baseAddress!, size, size, output) }
    }

    /// All rows of the source in memory.
    static func dense(_ source: some RowSource, threads: Int) throws -> Matrix<Float> {
        let rowsPerPiece = max(1, (1 << 18) / max(source.columns, 1))
        let pieces = (source.rows + rowsPerPiece - 1) / rowsPerPiece
        let columns = source.columns
        return try Matrix<Float>(rows: source.rows, columns: columns) { target in
            let shared = SharedPointer(target.baseAddress!)
            try Parallel.forEach(count: pieces, threads: threads) { piece in
                let range = piece * rowsPerPiece..<min((piece + 1) * rowsPerPiece, source.rows)
                source.fill(range, shared.pointer + range.lowerBound * columns)
            }
        }
    }
}
