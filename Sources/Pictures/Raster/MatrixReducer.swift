/// Reduces a matrix whose rows come in the order of the file, whatever their order in the picture.
///
/// The memory taken is that of the cells: neither the matrix nor its order is gone through twice.
package struct MatrixReducer {
    private let width: Int
    private let height: Int
    private let isMaximum: Bool
    /// The row of cells that each row of the matrix belongs to, and the column of cells of each column; -1 for what is not shown.
    private let rowCells: [Int32]
    private let columnCells: [Int32]
    private var values: [Float]
    private var counts: [Int32]

    /// - Parameters:
    ///   - rows: how many rows there are, at least 1.
    ///   - columns: how many columns there are, at least 1.
    ///   - side: how many cells there are at most in each direction.
    ///   - method: the mean or the maximum.
    ///   - order: permutations of rows and columns.
    package init(rows: Int, columns: Int, side: Int, method: ReducedMatrix.Method, order: ReducedMatrix.Order = .init()) {
        precondition(rows > 0 && columns > 0 && side > 0, "\(rows) x \(columns) entries in \(side)")
        precondition(method != .nearest, "the entry in a cell's middle is no reduction of rows in any order")
        (height, width) = (min(side, rows), min(side, columns))
        isMaximum = method == .maximum
        rowCells = Self.cells(of: rows, in: height, order: order.rows)
        columnCells = Self.cells(of: columns, in: width, order: order.columns)
        values = [Float](repeating: isMaximum ? -.infinity : 0, count: width * height)
        counts = [Int32](repeating: 0, count: width * height)
    }

    private static func cells(of count: Int, in cells: Int, order: [Int]?) -> [Int32] {
        var found = [Int32](repeating: -1, count: count)
        for cell in 0..<cells {
            for place in ReducedMatrix.cover(cell, of: cells, over: count) { found[order?[place] ?? place] = Int32(cell) }
        }
        return found
    }

    /// Adds a row of the matrix; entries that are NaN are left out.
    package mutating func add(row number: Int, _ entries: UnsafeBufferPointer<Float>) {
        precondition(entries.count == columnCells.count, "\(entries.count) entries in a row of \(columnCells.count)")
        guard rowCells[number] >= 0 else { return }
        let start = Int(rowCells[number]) * width
        let isMaximum = isMaximum
        columnCells.withUnsafeBufferPointer { cells in
            values.withUnsafeMutableBufferPointer { values in
                counts.withUnsafeMutableBufferPointer { counts in
                    for (column, entry) in entries.enumerated() where cells[column] >= 0 && !entry.isNaN {
                        let place = start + Int(cells[column])
                        counts[place] += 1
                        if isMaximum {
                            if entry > values[place] { values[place] = entry }
                        } else {
                            values[place] += entry
                        }
                    }
                }
            }
        }
    }

    /// The cells; NaN where no entry was.
    package var reduced: ReducedMatrix {
        ReducedMatrix(
            width: width, height: height,
            values: zip(values, counts).map { $1 == 0 ? .nan : isMaximum ? $0 : $0 / Float($1) })
    }
}
