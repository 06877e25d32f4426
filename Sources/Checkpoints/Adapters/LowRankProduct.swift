import Tensors

/// The change of a weight by two thin matrices, scale * B A, computed on demand.
///
/// Source: E. Hu et al., LoRA: Low-Rank Adaptation of Large Language Models, 2022; peft's `get_delta_weight`, in single precision.
struct LowRankProduct: Sendable {
    /// [rank, inputs], in which further dimensions are inputs too; the rows of all experts follow each other.
    let a: TensorRecord
    /// [outputs, rank]; the columns of several experts alternate.
    let b: TensorRecord
    let rank: Int
    let scale: Float
    /// The rows of B A that are used, with all columns.
    let outputs: Range<Int>
    let inputs: Int
    /// Whether the elements are requested in the order of [inputs, outputs].
    let isTransposed: Bool
    /// Which of several experts this is, and how many there are.
    let expert: Int
    let expertCount: Int

    /// - Parameters:
    ///   - inputs: the elements of one row of `a`.
    ///   - outputs: the rows of `b` that are used.
    init(
        a: TensorRecord, b: TensorRecord, rank: Int, scale: Float, inputs: Int, outputs: Range<Int>, isTransposed: Bool = false,
        expert: Int = 0, of expertCount: Int = 1
    ) {
        (self.a, self.b, self.rank, self.scale) = (a, b, rank, scale)
        (self.inputs, self.outputs, self.isTransposed) = (inputs, outputs, isTransposed)
        (self.expert, self.expertCount) = (expert, expertCount)
    }

    var elementCount: Int { inputs * outputs.count }
    private var rowLength: Int { isTransposed ? outputs.count : inputs }

    /// The elements that are computed with one copy of the factor that all rows share.
    private static let columnsAtOnce = 1 << 16
    private static let rowsAtOnce = 1 << 10

    /// Writes the elements at the given places of row-major order.
    func fill(_ target: UnsafeMutableBufferPointer<Float>, elements: Range<Int>) {
        precondition(elements.upperBound <= elementCount && target.count == elements.count, "\(elements) of \(elementCount)")
        var position = elements.lowerBound
        while position < elements.upperBound {
            let row = position / rowLength
            let column = position % rowLength
            let rest = elements.upperBound - position
            let part = target[(position - elements.lowerBound)...]
            if column == 0, rest >= rowLength {
                let rows = row..<row + min(rest / rowLength, Self.rowsAtOnce)
                fill(UnsafeMutableBufferPointer(rebasing: part), rows: rows, columns: 0..<rowLength)
                position += rows.count * rowLength
            } else {
                let count = min(rest, rowLength - column)
                fill(UnsafeMutableBufferPointer(rebasing: part), rows: row..<row + 1, columns: column..<column + count)
                position += count
            }
        }
    }

    /// Writes a block of the matrix whose rows are `columns.count` elements apart.
    private func fill(_ target: UnsafeMutableBufferPointer<Float>, rows: Range<Int>, columns: Range<Int>) {
        let step = max(1, Self.columnsAtOnce / rank)
        withBuffer(rank * min(step, columns.count)) { right in
            withBuffer(rank * rows.count) { left in
                readLeft(rows, into: left)
                for first in stride(from: columns.lowerBound, to: columns.upperBound, by: step) {
                    let part = first..<min(first + step, columns.upperBound)
                    let shared = UnsafeMutableBufferPointer(rebasing: right[..<(rank * part.count)])
                    readRight(part, into: shared)
                    for row in 0..<rows.count {
                        let start = row * columns.count + part.lowerBound - columns.lowerBound
                        LowRankRow.multiply(
                            UnsafeBufferPointer(rebasing: left[row * rank..<(row + 1) * rank]), UnsafeBufferPointer(shared), scale: scale,
                            into: UnsafeMutableBufferPointer(rebasing: target[start..<start + part.count]))
                    }
                }
            }
        }
    }

    /// The factor of which each row belongs to a row of the result, [rows, rank].
    private func readLeft(_ rows: Range<Int>, into target: UnsafeMutableBufferPointer<Float>) {
        if isTransposed { readA(rows, transposed: true, into: target) } else { readB(rows, transposed: false, into: target) }
    }

    /// The factor of which each column belongs to a column of the result, [rank, columns].
    private func readRight(_ columns: Range<Int>, into target: UnsafeMutableBufferPointer<Float>) {
        if isTransposed { readB(columns, transposed: true, into: target) } else { readA(columns, transposed: false, into: target) }
    }

    /// Columns of A as [rank, columns], or turned over.
    private func readA(_ columns: Range<Int>, transposed: Bool, into target: UnsafeMutableBufferPointer<Float>) {
        let first = expert * rank
        guard transposed else {
            if columns.count == inputs {
                a.fill(UnsafeMutableBufferPointer(rebasing: target[..<(rank * inputs)]), elements: first * inputs..<(first + rank) * inputs)
                return
            }
            for k in 0..<rank {
                let start = (first + k) * inputs
                a.fill(
                    UnsafeMutableBufferPointer(rebasing: target[k * columns.count..<(k + 1) * columns.count]),
                    elements: start + columns.lowerBound..<start + columns.upperBound)
            }
            return
        }
        withBuffer(rank * columns.count) { straight in
            readA(columns, transposed: false, into: straight)
            Transposition.write(UnsafeBufferPointer(straight), rows: rank, columns: columns.count, to: target, targetStride: rank)
        }
    }

    /// Rows of B as [rows, rank], or turned over.
    private func readB(_ rows: Range<Int>, transposed: Bool, into target: UnsafeMutableBufferPointer<Float>) {
        let width = rank * expertCount
        let start = (outputs.lowerBound + rows.lowerBound) * width
        withBuffer(rows.count * width) { stored in
            b.fill(stored, elements: start..<start + rows.count * width)
            for row in 0..<rows.count {
                for k in 0..<rank {
                    target[transposed ? k * rows.count + row : row * rank + k] = stored[row * width + k * expertCount + expert]
                }
            }
        }
    }

    private func withBuffer(_ count: Int, _ body: (UnsafeMutableBufferPointer<Float>) -> Void) {
        let buffer = UnsafeMutableBufferPointer<Float>.allocate(capacity: count)
        defer { buffer.deallocate() }
        body(buffer)
    }
}
