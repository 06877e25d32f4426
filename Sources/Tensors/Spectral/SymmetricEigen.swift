import COpenBLAS
import Text

/// The `count` largest eigenvalues of a symmetric matrix, falling, and their vectors, by LAPACK's dsyevr.
struct SymmetricEigen {
    /// Falling.
    let values: [Double]
    /// Row i is the vector of value i, of unit length: [count, n].
    let vectors: [Double]

    /// - Parameters:
    ///   - matrix: [n, n] of which the upper triangle (row-major) is read.
    ///   - count: how many pairs, at most n.
    /// - Throws: ``Problem`` if LAPACK does not converge.
    init(matrix: [Double], n: Int, count: Int) throws(Problem) {
        precondition(matrix.count == n * n && count <= n, "\(matrix.count) elements, \(n) rows, \(count) pairs")
        guard count > 0 else {
            values = []
            vectors = []
            return
        }
        // Column-major LAPACK sees the row-major upper triangle as the lower one.
        var a = matrix
        var w = [Double](repeating: 0, count: n)
        var z = [Double](repeating: 0, count: n * count)
        var support = [Int32](repeating: 0, count: 2 * count)
        var found: Int32 = 0
        BLAS.prepare()
        let status = LAPACKE_dsyevr(
            LAPACK_COL_MAJOR, CChar(UInt8(ascii: "V")), CChar(UInt8(ascii: "I")), CChar(UInt8(ascii: "L")), Int32(n), &a,
            Int32(n), 0, 0, Int32(n - count + 1), Int32(n), 0, &found, &w, &z, Int32(n), &support)
        guard status == 0, found == count else {
            throw Problem("LAPACK's dsyevr failed with status \(status)")
        }
        values = (0..<count).map { w[count - 1 - $0] }
        vectors = (0..<count).flatMap { z[(count - 1 - $0) * n..<(count - $0) * n] }
    }
}
