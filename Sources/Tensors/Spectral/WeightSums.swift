/// The sums of |W| over the rows and the columns of a weight matrix: the degrees of its bipartite graph.
package struct AbsoluteSums: Sendable {
    /// One for each out-neuron.
    package let rows: [Double]
    /// One for each in-neuron.
    package let columns: [Double]
}

/// Sums over the blocks that a grouping of the rows and one of the columns cut a weight matrix into.
package struct BlockSums: Sendable {
    /// The number of groups on either side.
    package let groups: Int
    /// Sum of W^2 in the block (row group, column group): [groups, groups].
    package let squares: [Double]
    /// Sum of |W|, likewise.
    package let absolutes: [Double]
}

extension WeightMatrix {
    /// Rows are summed in this many fixed runs, whatever the number of threads.
    private static let runs = 8

    private func run(_ index: Int) -> Range<Int> {
        let height = (rows + Self.runs - 1) / Self.runs
        return min(index * height, rows)..<min((index + 1) * height, rows)
    }

    /// The sums of |W| over rows and columns, in double precision. A NaN or infinite weight makes its row's sum so too.
    package func absoluteSums(threads: Int = 1) throws -> AbsoluteSums {
        let width = columns
        let rowSums = SharedBuffer(Buffer<Double>(uninitialized: rows))
        let partial = SharedBuffer(Buffer<Double>(uninitialized: Self.runs * width))
        try Parallel.forEach(count: Self.runs, threads: threads) { index in
            let sums = partial.buffer.base + index * width
            sums.update(repeating: 0, count: width)
            for row in run(index) {
                rowSums.buffer.base[row] = addAbsolute(row: row, to: sums)
            }
        }
        var columnSums = [Double](repeating: 0, count: width)
        for index in 0..<Self.runs {
            for column in 0..<width { columnSums[column] += partial.buffer.base[index * width + column] }
        }
        return AbsoluteSums(rows: Array(UnsafeBufferPointer(start: rowSums.buffer.base, count: rows)), columns: columnSums)
    }

    private func addAbsolute(row: Int, to sums: UnsafeMutablePointer<Double>) -> Double {
        switch self {
        case .single(let matrix):
            matrix.withRow(row) { KernelSet.current.addAbsoluteRowSingle($0.baseAddress!, $0.count, sums) }
        case .double(let matrix):
            matrix.withRow(row) { KernelSet.current.addAbsoluteRowDouble($0.baseAddress!, $0.count, sums) }
        }
    }

    /// The sums over the blocks of a grouping.
    ///
    /// - Parameters:
    ///   - rowGroups: a number in 0..<groups for each row.
    ///   - columnGroups: likewise for each column.
    package func blockSums(rowGroups: [Int], columnGroups: [Int], groups: Int, threads: Int = 1) throws -> BlockSums {
        precondition(
            rowGroups.count == rows && columnGroups.count == columns,
            "\(rowGroups.count) x \(columnGroups.count) labels for \(rows) x \(columns)")
        precondition(rowGroups.allSatisfy { 0..<groups ~= $0 } && columnGroups.allSatisfy { 0..<groups ~= $0 }, "labels beyond \(groups)")
        let width = columns
        let pieces = try Parallel.map(count: Self.runs, threads: threads) { index in
            let sums = Buffer<Double>(uninitialized: 2 * groups * width)
            sums.base.update(repeating: 0, count: 2 * groups * width)
            for row in run(index) {
                let squares = sums.base + rowGroups[row] * width
                addSquares(row: row, squares, squares + groups * width)
            }
            var folded = [Double](repeating: 0, count: 2 * groups * groups)
            for line in 0..<2 * groups {
                for column in 0..<width { folded[line * groups + columnGroups[column]] += sums.base[line * width + column] }
            }
            return folded
        }
        var total = [Double](repeating: 0, count: 2 * groups * groups)
        for piece in pieces {
            for i in total.indices { total[i] += piece[i] }
        }
        return BlockSums(
            groups: groups, squares: Array(total[..<(groups * groups)]), absolutes: Array(total[(groups * groups)...]))
    }

    private func addSquares(
        row: Int, _ squares: UnsafeMutablePointer<Double>, _ absolutes: UnsafeMutablePointer<Double>
    ) {
        switch self {
        case .single(let matrix):
            matrix.withRow(row) { KernelSet.current.addSquaresRowSingle($0.baseAddress!, $0.count, squares, absolutes) }
        case .double(let matrix):
            matrix.withRow(row) { KernelSet.current.addSquaresRowDouble($0.baseAddress!, $0.count, squares, absolutes) }
        }
    }
}
