/// Products of a few row vectors with a large matrix, which is read once for every four vectors.
enum SkinnyProduct {
    /// out [block, rows] = x [block, columns] matrix [rows, columns]^T.
    static func multiplyByTransposed(
        _ block: Int, _ x: UnsafePointer<Float>, _ matrix: UnsafePointer<Float>, _ rows: Int, _ columns: Int,
        _ out: UnsafeMutablePointer<Float>
    ) {
        let whole = block / 4 * 4
        for first in stride(from: 0, to: whole, by: 4) {
            let (input, output) = (x + first * columns, out + first * rows)
            KernelSet.current.multiplyFourByTransposed(input, matrix, rows, columns, output, rows)
        }
        guard whole < block else { return }
        Float.gemm(
            .no, .yes, m: block - whole, n: rows, k: columns, alpha: 1, x + whole * columns, columns, matrix, columns, beta: 0,
            out + whole * rows, rows)
    }

    /// out [block, columns] += x [block, rows] matrix [rows, columns]; `xStride` is the length of a row of `x`.
    static func add(
        _ block: Int, _ x: UnsafePointer<Float>, _ xStride: Int, _ matrix: UnsafePointer<Float>, _ rows: Int, _ columns: Int,
        _ out: UnsafeMutablePointer<Float>
    ) {
        let whole = block / 4 * 4
        for first in stride(from: 0, to: whole, by: 4) {
            let (input, output) = (x + first * xStride, out + first * columns)
            KernelSet.current.addFourByMatrix(input, xStride, matrix, rows, columns, output)
        }
        guard whole < block else { return }
        Float.gemm(
            .no, .no, m: block - whole, n: columns, k: rows, alpha: 1, x + whole * xStride, xStride, matrix, columns, beta: 1,
            out + whole * columns, columns)
    }
}
