import Tensors

/// Brings a tensor's elements into the order of an [out, in] matrix, a piece at a time.
struct LayerReader {
    let layout: MatrixLayout
    /// The rows of the matrix that are wanted.
    let rows: Range<Int>

    /// The elements that are read at once.
    private static let pieceSize = 1 << 18

    /// Writes the wanted rows to `target`, [rows, in].
    ///
    /// - Parameter fill: gives the tensor's elements of a range of row-major places.
    func read<Scalar: BinaryFloatingPoint & BitwiseCopyable>(
        into target: UnsafeMutableBufferPointer<Scalar>,
        fill: (UnsafeMutableBufferPointer<Scalar>, Range<Int>) -> Void
    ) {
        guard !target.isEmpty else { return }
        switch layout {
        case .asStored(_, let columns):
            inPieces(of: target.count, step: Self.pieceSize) { piece in
                let first = rows.lowerBound * columns
                fill(UnsafeMutableBufferPointer(rebasing: target[piece]), first + piece.lowerBound..<first + piece.upperBound)
            }
        case .transposed(_, let inputs, let outputs):
            transpose(into: target, inputs: inputs, outputs: outputs, fill: fill)
        case .transposedConvolution(let filters): read(filters, into: target, fill: fill)
        case .convolution(_, let columns, let kernel):
            let first = rows.lowerBound * columns
            let step = max(1, Self.pieceSize / kernel)
            withBuffer(of: min(target.count, step) * kernel) { (buffer: UnsafeMutableBufferPointer<Scalar>) in
                inPieces(of: target.count, step: step) { piece in
                    let part = UnsafeMutableBufferPointer(rebasing: buffer[..<(piece.count * kernel)])
                    fill(part, (first + piece.lowerBound) * kernel..<(first + piece.upperBound) * kernel)
                    for (place, weight) in piece.enumerated() {
                        target[weight] = norm(UnsafeMutableBufferPointer(rebasing: part[place * kernel..<(place + 1) * kernel]))
                    }
                }
            }
        }
    }

    /// Reads the kernels of one in-neuron after the other, as far as they are those of wanted rows.
    private func read<Scalar: BinaryFloatingPoint & BitwiseCopyable>(
        _ filters: TransposedFilters, into target: UnsafeMutableBufferPointer<Scalar>,
        fill: (UnsafeMutableBufferPointer<Scalar>, Range<Int>) -> Void
    ) {
        let (inputs, outputs, kernel) = (filters.inputs, filters.outputs, filters.kernel)
        let columns = filters.isUnfolded ? inputs * kernel : inputs
        let step = max(1, Self.pieceSize / kernel)
        withBuffer(of: min(outputs, step) * kernel) { (buffer: UnsafeMutableBufferPointer<Scalar>) in
            for group in 0..<filters.groups {
                // The wanted rows of the group.
                let wanted = rows.clamped(to: group * outputs..<(group + 1) * outputs)
                for input in 0..<inputs where !wanted.isEmpty {
                    let start = (group * inputs + input) * outputs - group * outputs
                    inPieces(of: wanted.count, step: step) { piece in
                        let part = UnsafeMutableBufferPointer(rebasing: buffer[..<(piece.count * kernel)])
                        let first = start + wanted.lowerBound + piece.lowerBound
                        fill(part, first * kernel..<(first + piece.count) * kernel)
                        for place in 0..<piece.count {
                            let elements = UnsafeMutableBufferPointer(rebasing: part[place * kernel..<(place + 1) * kernel])
                            let row = (wanted.lowerBound + piece.lowerBound + place - rows.lowerBound) * columns
                            if filters.isUnfolded {
                                for (offset, element) in elements.enumerated() { target[row + input * kernel + offset] = element }
                            } else {
                                target[row + input] = norm(elements)
                            }
                        }
                    }
                }
            }
        }
    }

    /// The root of the sum of squares; scaled by the largest element if the squares would leave the range of the type.
    private func norm<Scalar: BinaryFloatingPoint>(_ elements: UnsafeMutableBufferPointer<Scalar>) -> Scalar {
        if elements.count == 1 { return elements[0].magnitude }
        var sum: Scalar = 0
        for element in elements { sum += element * element }
        if sum.isNormal { return sum.squareRoot() }
        let largest = elements.reduce(0) { $1.isNaN ? $1 : Scalar.maximum($0, $1.magnitude) }
        guard largest.isFinite, largest > 0, !sum.isNaN else { return sum.isNaN ? sum : largest }
        sum = 0
        for element in elements { sum += (element / largest) * (element / largest) }
        return largest * sum.squareRoot()
    }

    /// Reads stored rows in bands and writes each band as columns: both sides stay in the cache.
    private func transpose<Scalar: BinaryFloatingPoint & BitwiseCopyable>(
        into target: UnsafeMutableBufferPointer<Scalar>, inputs: Int, outputs: Int,
        fill: (UnsafeMutableBufferPointer<Scalar>, Range<Int>) -> Void
    ) {
        let band = max(1, min(inputs, 16))
        var row = rows.lowerBound
        while row < rows.upperBound {
            // The wanted rows that come from one block are a range of its columns.
            let block = row / outputs
            let from = row - block * outputs
            let to = min(outputs, rows.upperBound - block * outputs)
            let width = min(to - from, max(1, Self.pieceSize * 4 / band))
            let firstRow = row - rows.lowerBound
            withBuffer(of: band * width) { (buffer: UnsafeMutableBufferPointer<Scalar>) in
                inPieces(of: to - from, step: width) { columns in
                    inPieces(of: inputs, step: band) { stored in
                        let start = block * inputs * outputs
                        if columns.count == outputs {
                            let part = UnsafeMutableBufferPointer(rebasing: buffer[..<(stored.count * outputs)])
                            fill(part, start + stored.lowerBound * outputs..<start + stored.upperBound * outputs)
                        } else {
                            for (place, input) in stored.enumerated() {
                                let part = UnsafeMutableBufferPointer(
                                    rebasing: buffer[place * columns.count..<(place + 1) * columns.count])
                                let offset = start + input * outputs + from
                                fill(part, offset + columns.lowerBound..<offset + columns.upperBound)
                            }
                        }
                        let corner = (firstRow + columns.lowerBound) * inputs + stored.lowerBound
                        Transposition.write(
                            UnsafeBufferPointer(buffer), rows: stored.count, columns: columns.count,
                            to: UnsafeMutableBufferPointer(rebasing: target[corner...]), targetStride: inputs)
                    }
                }
            }
            row = block * outputs + to
        }
    }

    private func inPieces(of count: Int, step: Int, _ body: (Range<Int>) -> Void) {
        var start = 0
        while start < count {
            let end = min(count, start + step)
            body(start..<end)
            start = end
        }
    }

    private func withBuffer<Scalar: BitwiseCopyable>(
        of count: Int, _ body: (UnsafeMutableBufferPointer<Scalar>) -> Void
    ) {
        let buffer = UnsafeMutableBufferPointer<Scalar>.allocate(capacity: count)
        defer { buffer.deallocate() }
        body(buffer)
    }
}
