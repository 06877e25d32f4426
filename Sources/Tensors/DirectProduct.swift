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
