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
        elements.withElements {
            Float.gemm(
                .no, .no, m: block, n: size, k: size, alpha: 1, input, size, $0.baseAddress!, size, beta: 0, output, size)
        }
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

/// Products with A^T A without forming it: every tile of rows is read once a product and used for both factors.
struct DirectProduct: Sendable {
    private let dense: Matrix<Float>
    private let threads: Int
    /// The sums of the tiles are added in this many fixed groups, whatever the number of threads.
    private static let groups = 8

    init(of source: some RowSource, threads: Int) throws {
        dense = try GramMatrix.dense(source, threads: threads)
        self.threads = threads
    }

    /// output [block, columns] = (A^T A input^T)^T.
    func multiply(_ block: Int, _ input: UnsafePointer<Float>, _ output: UnsafeMutablePointer<Float>) throws {
        let rows = dense.rows
        let columns = dense.columns
        let partial = SharedBuffer(Buffer<Float>(uninitialized: Self.groups * block * columns))
        let shared = SharedPointer(UnsafeMutablePointer(mutating: input))
        // A tile of rows should stay in the second-level cache between its two uses.
        let tileRows = max(8, (1 << 17) / max(columns, 1))
        let rowsPerGroup = (rows + Self.groups - 1) / Self.groups
        try Parallel.forEach(count: Self.groups, threads: threads) { group in
            let sum = partial.buffer.base + group * block * columns
            sum.update(repeating: 0, count: block * columns)
            let images = Buffer<Float>(uninitialized: tileRows * block)
            let end = min((group + 1) * rowsPerGroup, rows)
            dense.withElements { elements in
                for first in stride(from: group * rowsPerGroup, to: end, by: tileRows) {
                    let height = min(tileRows, end - first)
                    let tile = elements.baseAddress! + first * columns
                    // images [block, height] = input [block, columns] tile^T
                    Float.gemm(
                        .no, .yes, m: block, n: height, k: columns, alpha: 1, shared.pointer, columns, tile, columns, beta: 0,
                        images.base, height)
                    Float.gemm(
                        .no, .no, m: block, n: columns, k: height, alpha: 1, images.base, height, tile, columns, beta: 1, sum, columns)
                }
            }
        }
        let total = block * columns
        output.update(from: partial.buffer.base, count: total)
        for group in 1..<Self.groups {
            let sum = partial.buffer.base + group * total
            for i in 0..<total { output[i] += sum[i] }
        }
    }
}

/// A buffer that several threads write in places of their own.
struct SharedBuffer<Scalar: BitwiseCopyable>: @unchecked Sendable {
    let buffer: Buffer<Scalar>
    init(_ buffer: Buffer<Scalar>) { self.buffer = buffer }
}

/// A pointer that several threads use in places of their own, within the call that owns the memory.
struct SharedPointer<Scalar>: @unchecked Sendable {
    let pointer: UnsafeMutablePointer<Scalar>
    init(_ pointer: UnsafeMutablePointer<Scalar>) { self.pointer = pointer }
}
