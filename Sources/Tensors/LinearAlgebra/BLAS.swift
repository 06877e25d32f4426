import COpenBLAS
import Glibc

/// The element types that BLAS multiplies.
protocol BLASScalar: BinaryFloatingPoint & BitwiseCopyable & Sendable {
    /// C [m, n] = alpha * op(A) [m, k] op(B) [k, n] + beta * C, row-major; the strides are the stored rows' lengths.
    static func gemm(
        _ transposeA: BLAS.Transpose, _ transposeB: BLAS.Transpose, m: Int, n: Int, k: Int, alpha: Self,
        _ a: UnsafePointer<Self>, _ strideA: Int, _ b: UnsafePointer<Self>, _ strideB: Int,
        beta: Self, _ c: UnsafeMutablePointer<Self>, _ strideC: Int)

    /// out [block, rows] = x [block, columns] matrix [rows, columns]^T for a block of few rows.
    static func multiplyByTransposed(
        _ block: Int, _ x: UnsafePointer<Self>, _ matrix: UnsafePointer<Self>, _ rows: Int, _ columns: Int,
        _ out: UnsafeMutablePointer<Self>)

    /// out [block, columns] += x [block, rows] matrix [rows, columns] for a block of few rows.
    static func add(
        _ block: Int, _ x: UnsafePointer<Self>, _ matrix: UnsafePointer<Self>, _ rows: Int, _ columns: Int,
        _ out: UnsafeMutablePointer<Self>)

    /// The upper triangle of C [n, n] = A^T A for A [k, n] (`ofColumns`) or A A^T for A [n, k] (`ofRows`).
    static func gram(
        _ kind: BLAS.Gram, n: Int, k: Int, _ a: UnsafePointer<Self>, _ strideA: Int, _ c: UnsafeMutablePointer<Self>, _ strideC: Int)
}

extension Float: BLASScalar {
    static func gemm(
        _ transposeA: BLAS.Transpose, _ transposeB: BLAS.Transpose, m: Int, n: Int, k: Int, alpha: Float,
        _ a: UnsafePointer<Float>, _ strideA: Int, _ b: UnsafePointer<Float>, _ strideB: Int,
        beta: Float, _ c: UnsafeMutablePointer<Float>, _ strideC: Int
    ) {
        BLAS.prepare()
        cblas_sgemm(
            CblasRowMajor, transposeA.flag, transposeB.flag, Int32(m), Int32(n), Int32(k), alpha, a, Int32(strideA), b,
            Int32(strideB), beta, c, Int32(strideC))
    }

    static func gram(
        _ kind: BLAS.Gram, n: Int, k: Int, _ a: UnsafePointer<Float>, _ strideA: Int, _ c: UnsafeMutablePointer<Float>, _ strideC: Int
    ) {
        BLAS.prepare()
        cblas_ssyrk(CblasRowMajor, CblasUpper, kind.flag, Int32(n), Int32(k), 1, a, Int32(strideA), 0, c, Int32(strideC))
    }

    static func multiplyByTransposed(
        _ block: Int, _ x: UnsafePointer<Float>, _ matrix: UnsafePointer<Float>, _ rows: Int, _ columns: Int,
        _ out: UnsafeMutablePointer<Float>
    ) {
        SkinnyProduct.multiplyByTransposed(block, x, matrix, rows, columns, out)
    }

    static func add(
        _ block: Int, _ x: UnsafePointer<Float>, _ matrix: UnsafePointer<Float>, _ rows: Int, _ columns: Int,
        _ out: UnsafeMutablePointer<Float>
    ) {
        SkinnyProduct.add(block, x, rows, matrix, rows, columns, out)
    }
}

extension Double: BLASScalar {
    static func gemm(
        _ transposeA: BLAS.Transpose, _ transposeB: BLAS.Transpose, m: Int, n: Int, k: Int, alpha: Double,
        _ a: UnsafePointer<Double>, _ strideA: Int, _ b: UnsafePointer<Double>, _ strideB: Int,
        beta: Double, _ c: UnsafeMutablePointer<Double>, _ strideC: Int
    ) {
        BLAS.prepare()
        cblas_dgemm(
            CblasRowMajor, transposeA.flag, transposeB.flag, Int32(m), Int32(n), Int32(k), alpha, a, Int32(strideA), b,
            Int32(strideB), beta, c, Int32(strideC))
    }

    static func gram(
        _ kind: BLAS.Gram, n: Int, k: Int, _ a: UnsafePointer<Double>, _ strideA: Int, _ c: UnsafeMutablePointer<Double>, _ strideC: Int
    ) {
        BLAS.prepare()
        cblas_dsyrk(CblasRowMajor, CblasUpper, kind.flag, Int32(n), Int32(k), 1, a, Int32(strideA), 0, c, Int32(strideC))
    }

    static func multiplyByTransposed(
        _ block: Int, _ x: UnsafePointer<Double>, _ matrix: UnsafePointer<Double>, _ rows: Int, _ columns: Int,
        _ out: UnsafeMutablePointer<Double>
    ) {
        gemm(.no, .yes, m: block, n: rows, k: columns, alpha: 1, x, columns, matrix, columns, beta: 0, out, rows)
    }

    static func add(
        _ block: Int, _ x: UnsafePointer<Double>, _ matrix: UnsafePointer<Double>, _ rows: Int, _ columns: Int,
        _ out: UnsafeMutablePointer<Double>
    ) {
        gemm(.no, .no, m: block, n: columns, k: rows, alpha: 1, x, rows, matrix, columns, beta: 1, out, columns)
    }
}

/// OpenBLAS, with one thread for each call; larger work is divided into tiles that run on our own threads.
enum BLAS {
    /// Chooses OpenBLAS's kernels for this CPU and bounds it to one thread; run before the first call.
    ///
    /// OpenBLAS falls back to old kernels on CPUs newer than itself. Its choice is corrected if the library allows it,
    /// the user has not set `OPENBLAS_CORETYPE`, and the CPU has the instructions.
    ///
    /// Its idle workers, which would spin on the cores that our own threads use, are stopped. The value is true so that
    /// it can be asserted: the compiler may drop the initialisation of a global whose value nobody uses.
    private static let isReady: Bool = {
        reserveMemory()
        let outdated: Set<String> = ["Prescott", "Core2", "Nehalem", "Sandybridge", "Haswell", "Zen"]
        if modinspect_can_reselect_kernels() != 0, getenv("OPENBLAS_CORETYPE") == nil,
            let name = openblas_get_corename().map({ String(cString: $0) }), outdated.contains(name)
        {
            let better: String? =
                modinspect_cpu_supports_v4() != 0
                ? "SkylakeX" : modinspect_cpu_supports_v3() != 0 && name != "Zen" && name != "Haswell" ? "Haswell" : nil
            if let better {
                setenv("OPENBLAS_CORETYPE", better, 1)
                gotoblas_dynamic_quit()
                gotoblas_dynamic_init()
                unsetenv("OPENBLAS_CORETYPE")
            }
        }
        openblas_set_num_threads(1)
        modinspect_stop_idle_workers()
        return true
    }()

    /// The memory that OpenBLAS allocates for each thread.
    static let blockSize = 1 << 27

    /// Makes sure of the memory for each thread that will call the library: a call that gets none tries again for ever.
    ///
    /// If the address space is limited, the blocks are allocated now, before any numbers: the library keeps them for its calls.
    private static func reserveMemory() {
        guard let threads = Parallel.affordableThreads, modinspect_can_reserve_memory() != 0 else {
            if !OutOfMemory.hasAddressSpace(2 * blockSize) { OutOfMemory.stop(2 * blockSize) }
            return
        }
        let blocks = (0..<threads).map { _ in
            // The library wants a little more, to align a block.
            if !OutOfMemory.hasAddressSpace(blockSize + 1 << 20) { OutOfMemory.stop(blockSize) }
            return blas_memory_alloc(0)
        }
        for block in blocks { blas_memory_free(block) }
    }

    /// Makes the library ready; every use of it begins here.
    static func prepare() { precondition(isReady) }

    enum Transpose {
        case no, yes
        var flag: CBLAS_TRANSPOSE { self == .yes ? CblasTrans : CblasNoTrans }
    }

    enum Gram {
        case ofColumns, ofRows
        var flag: CBLAS_TRANSPOSE { self == .ofColumns ? CblasTrans : CblasNoTrans }
    }

    /// The name of the kernels in use, such as `SkylakeX`.
    static var coreName: String {
        prepare()
        return openblas_get_corename().map { String(cString: $0) } ?? "unknown"
    }
}
