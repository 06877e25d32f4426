/// Products of matrices stored in tensors, divided into tiles that depend only on the shapes.
package enum Product {
    /// How a factor is stored.
    package enum Layout: Sendable {
        /// As it enters the product, row after row.
        case straight
        /// Transposed: its columns are stored as rows.
        case transposed
    }

    /// A matrix inside a tensor, as a product reads it.
    package struct Factor: Sendable {
        let tensor: Tensor
        let offset: Int
        let stride: Int
        let layout: Layout

        /// - Parameters:
        ///   - offset: the matrix's first element, counted from the tensor's first.
        ///   - stride: the distance between stored rows; the tensor's width if nil.
        package init(_ tensor: Tensor, _ layout: Layout = .straight, offset: Int = 0, stride: Int? = nil) {
            self.tensor = tensor
            self.layout = layout
            self.offset = offset
            self.stride = stride ?? tensor.width
        }

        /// Checks that a matrix of the given size, as it enters the product, is inside the tensor.
        func check(rows: Int, columns: Int) {
            let (stored, length) = layout == .straight ? (rows, columns) : (columns, rows)
            precondition(
                offset >= 0 && stride >= length && (stored == 0 || offset + (stored - 1) * stride + length <= tensor.count),
                "\(rows) x \(columns) with stride \(stride) at \(offset) of \(tensor.shape)")
        }

        /// The element where the part from (row, column) on begins.
        func pointer(row: Int, column: Int) -> UnsafePointer<Float> {
            tensor.pointer + offset + (layout == .straight ? row * stride + column : column * stride + row)
        }

        var flag: BLAS.Transpose { layout == .straight ? .no : .yes }
    }

    /// A matrix inside a tensor, as a product writes it: row after row.
    package struct Output: Sendable {
        private let tensor: MutableTensor
        private let offset: Int
        let stride: Int

        /// - Parameters:
        ///   - offset: the matrix's first element, counted from the tensor's first.
        ///   - stride: the distance between rows; the tensor's width if nil.
        package init(_ tensor: MutableTensor, offset: Int = 0, stride: Int? = nil) {
            self.tensor = tensor
            self.offset = offset
            self.stride = stride ?? tensor.width
        }

        /// Checks that a matrix of the given size is inside the tensor.
        func check(rows: Int, columns: Int) {
            Factor(tensor, offset: offset, stride: stride).check(rows: rows, columns: columns)
        }

        /// The element where the part from (row, column) on begins.
        func pointer(row: Int, column: Int) -> UnsafeMutablePointer<Float> { tensor.mutablePointer + offset + row * stride + column }
    }

    /// What happens to the elements that the target holds.
    package enum Target: Sendable {
        case overwrite
        case add
    }

    /// C [rows, columns] = or += scale A [rows, inner] B [inner, columns].
    ///
    /// Tiles run on the team. The bits depend on the shapes alone.
    package static func multiply(
        _ a: Factor, _ b: Factor, rows: Int, inner: Int, columns: Int, scale: Float = 1, into c: Output, _ target: Target = .overwrite,
        team: Team
    ) {
        a.check(rows: rows, columns: inner)
        b.check(rows: inner, columns: columns)
        c.check(rows: rows, columns: columns)
        guard rows > 0, columns > 0 else { return }
        let tiles = ProductTiles(rows: rows, inner: inner, columns: columns)
        team.forEach(tiles.count) { tile in
            let (row, column, height, width) = tiles[tile]
            let start = c.pointer(row: row, column: column)
            // The library's own way to set a target to zero is slower than a product of few terms.
            if target == .overwrite {
                for line in 0..<height { (start + line * c.stride).update(repeating: 0, count: width) }
            }
            Float.gemm(
                a.flag, b.flag, m: height, n: width, k: inner, alpha: scale, a.pointer(row: row, column: 0), a.stride,
                b.pointer(row: 0, column: column), b.stride, beta: 1, start, c.stride)
        }
    }

    /// Copies `row` into each row of `target`, [rows, width].
    package static func repeatRow(_ row: Tensor, into target: MutableTensor, team: Team) {
        let width = row.count
        guard width > 0 else { return }
        precondition(target.count % width == 0, "\(target.shape) of rows of \(width)")
        team.forEach(target.count / width, step: max(1, (1 << 16) / width)) { rows in
            for index in rows { (target.mutablePointer + index * width).update(from: row.pointer, count: width) }
        }
    }

    /// sums [width] = or += the sums of the columns of `matrix`, [rows, width], added in the order of the rows.
    package static func addColumnSums(of matrix: Tensor, to sums: MutableTensor, _ target: Target = .add, team: Team) {
        if target == .overwrite { sums.fill(0) }
        let width = sums.count
        guard width > 0 else { return }
        precondition(matrix.count % width == 0, "\(matrix.shape) of rows of \(width)")
        let rows = matrix.count / width
        team.forEach(width, step: 256) { columns in
            let target = sums.mutablePointer
            for row in 0..<rows {
                let source = matrix.pointer + row * width
                for column in columns { target[column] += source[column] }
            }
        }
    }
}
