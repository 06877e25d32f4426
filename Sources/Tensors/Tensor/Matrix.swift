import Glibc

/// Memory of fixed length that is written once by whoever makes it and then only read.
final class Buffer<Scalar: BitwiseCopyable>: @unchecked Sendable {
    let base: UnsafeMutablePointer<Scalar>
    let count: Int

    private static var hugePage: Int { 1 << 21 }
    /// The bytes that the budget counts for it; 0 for small buffers.
    private let counted: Int

    init(uninitialized count: Int) {
        precondition(count >= 0, "buffer of \(count) elements")
        let (size, overflow) = max(count, 1).multipliedReportingOverflow(by: MemoryLayout<Scalar>.stride)
        guard !overflow else { OutOfMemory.stop(.max) }
        let isLarge = size >= 2 * Self.hugePage
        counted = isLarge && BufferBudget.isLimited ? size : 0
        if counted > 0 { BufferBudget.take(counted) }
        var place: UnsafeMutableRawPointer?
        guard posix_memalign(&place, isLarge ? Self.hugePage : 64, size) == 0, let bytes = place else { OutOfMemory.stop(size) }
        // Thousands of page faults cost as much as a pass over the numbers.
        if isLarge { madvise(bytes, size, MADV_HUGEPAGE) }
        base = bytes.bindMemory(to: Scalar.self, capacity: max(count, 1))
        self.count = count
    }

    deinit {
        free(base)
        if counted > 0 { BufferBudget.giveBack(counted) }
    }
}

/// A dense matrix in row-major order. A value: it is filled when it is made and never changes afterwards, so copies share memory.
package struct Matrix<Scalar: BinaryFloatingPoint & BitwiseCopyable & Sendable>: Sendable {
    package let rows: Int
    package let columns: Int
    private let buffer: Buffer<Scalar>

    /// A matrix whose elements `fill` writes, all of them: the memory it is given is not initialised.
    package init(
        rows: Int, columns: Int, fill: (UnsafeMutableBufferPointer<Scalar>) throws -> Void
    ) rethrows {
        precondition(rows >= 0 && columns >= 0, "matrix of \(rows) x \(columns)")
        self.rows = rows
        self.columns = columns
        buffer = Buffer(uninitialized: rows * columns)
        try fill(UnsafeMutableBufferPointer(start: buffer.base, count: rows * columns))
    }

    /// A matrix of the given elements, row after row.
    package init(rows: Int, columns: Int, _ elements: [Scalar]) {
        precondition(elements.count == rows * columns, "\(elements.count) elements for \(rows) x \(columns)")
        self.init(rows: rows, columns: columns) { target in
            _ = target.initialize(from: elements)
        }
    }

    package static func zeros(rows: Int, columns: Int) -> Matrix {
        Matrix(rows: rows, columns: columns) { $0.initialize(repeating: 0) }
    }

    package subscript(row: Int, column: Int) -> Scalar {
        precondition(row >= 0 && row < rows && column >= 0 && column < columns, "(\(row), \(column)) in \(rows) x \(columns)")
        return buffer.base[row * columns + column]
    }

    /// All elements, row after row.
    package var elements: [Scalar] { withElements { Array($0) } }

    /// Calls `body` with the elements, row after row; the pointer must not outlive the call.
    package func withElements<Result>(_ body: (UnsafeBufferPointer<Scalar>) throws -> Result) rethrows -> Result {
        try withExtendedLifetime(buffer) { try body(UnsafeBufferPointer(start: buffer.base, count: rows * columns)) }
    }

    /// Calls `body` with the elements of one row; the pointer must not outlive the call.
    package func withRow<Result>(_ row: Int, _ body: (UnsafeBufferPointer<Scalar>) throws -> Result) rethrows -> Result {
        precondition(row >= 0 && row < rows, "row \(row) of \(rows)")
        return try withElements { try body(UnsafeBufferPointer(rebasing: $0[row * columns..<(row + 1) * columns])) }
    }
}
