/// Products with A^T A, or A A^T where A is wider than high, without forming either: every tile of rows is read once a
/// product and used for both factors.
///
/// A wide matrix is transposed as it is read, so that the vectors of the iteration always have the length of the shorter side.
struct DirectProduct: Sendable {
    /// The side that the products' vectors belong to.
    let side: Subspace.Side
    /// A, or its transpose if it is wide.
    private let dense: Matrix<Float>
    private let threads: Int
    /// The sums of the tiles are added in this many fixed groups, whatever the number of threads.
    private static let groups = 8

    init(of source: some RowSource, threads: Int) throws {
        side = source.columns <= source.rows ? .columns : .rows
        dense = try side == .columns ? Self.upright(source, threads) : Self.transposed(source, threads)
        self.threads = threads
    }

    /// Whether each product has to read the matrix from memory: 32 MB are more than a core's share of any cache.
    var isLargerThanCache: Bool { dense.rows * dense.columns > 1 << 23 }

    /// The length of the vectors.
    var size: Int { dense.columns }

    private static func upright(_ source: some RowSource, _ threads: Int) throws -> Matrix<Float> {
        let (rows, columns) = (source.rows, source.columns)
        return try Matrix(rows: rows, columns: columns) { target in
            let shared = SharedPointer(target.baseAddress!)
            try source.forEachRun { run, source in
                try forEachPiece(run, height: max(1, (1 << 18) / max(columns, 1)), threads) { range in
                    source.fill(range, shared.pointer + range.lowerBound * columns)
                }
            }
        }
    }

    private static func transposed(_ source: some RowSource, _ threads: Int) throws -> Matrix<Float> {
        let (rows, columns) = (source.rows, source.columns)
        return try Matrix(rows: columns, columns: rows) { target in
            let shared = SharedPointer(target.baseAddress!)
            try source.forEachRun { run, source in
                // Sixteen rows make whole cache lines of the transpose.
                try forEachPiece(run, height: 16, threads) { range in
                    let piece = Buffer<Float>(uninitialized: range.count * columns)
                    source.fill(range, piece.base)
                    KernelSet.current.transpose(
                        piece.base, columns, range.count, columns, shared.pointer + range.lowerBound, rows)
                }
            }
        }
    }

    private static func forEachPiece(_ rows: Range<Int>, height: Int, _ threads: Int, _ body: @Sendable (Range<Int>) -> Void) throws {
        try Parallel.forEach(count: (rows.count + height - 1) / height, threads: threads) { piece in
            let first = rows.lowerBound + piece * height
            body(first..<min(first + height, rows.upperBound))
        }
    }

    /// A (or A^T where A is wide) applied to each of the vectors: [count, size] to [count, the longer side].
    func images(of vectors: Matrix<Double>) throws -> Matrix<Double> {
        let rows = dense.rows
        // Four vectors cost as much as three.
        let padded = (vectors.rows + 3) / 4 * 4
        let narrow = vectors.elements.map { Float($0) } + [Float](repeating: 0, count: (padded - vectors.rows) * size)
        let height = max(1, (1 << 16) / max(size, 1))
        return try Matrix(rows: vectors.rows, columns: rows) { target in
            let shared = SharedPointer(target.baseAddress!)
            try Self.forEachPiece(0..<rows, height: height, threads) { range in
                let part = Buffer<Float>(uninitialized: padded * range.count)
                dense.withElements {
                    SkinnyProduct.multiplyByTransposed(
                        padded, narrow, $0.baseAddress! + range.lowerBound * size, range.count, size, part.base)
                }
                for vector in 0..<vectors.rows {
                    let line = shared.pointer + vector * rows + range.lowerBound
                    for i in 0..<range.count { line[i] = Double(part.base[vector * range.count + i]) }
                }
            }
        }
    }

    /// output [block, size] = input [block, size] times A^T A (or A A^T).
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
                    SkinnyProduct.multiplyByTransposed(block, shared.pointer, tile, height, columns, images.base)
                    SkinnyProduct.add(block, images.base, height, tile, height, columns, sum)
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
