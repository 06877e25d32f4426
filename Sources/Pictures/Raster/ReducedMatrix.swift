/// A matrix reduced to as many cells as a picture shows.
///
/// The matrix is read a row at a time, in the order of the picture, and never copied as a whole: the memory taken is one row and the cells.
package struct ReducedMatrix: Sendable, Hashable {
    /// How a cell's value follows from the entries that it covers. Entries that are NaN are left out; a cell of nothing else is NaN.
    package enum Method: Sendable {
        /// The entry in the cell's middle.
        case nearest
        /// The arithmetic mean.
        case mean
        /// The greatest entry: single strong weights stay visible.
        case maximum
    }

    /// Where the matrix is shown: rows and columns in the order of the picture.
    package struct Order: Sendable {
        /// The matrix's row at each place from the top; nil keeps them as they are.
        package var rows: [Int]?
        /// The matrix's column at each place from the left; nil keeps them as they are.
        package var columns: [Int]?

        package init(rows: [Int]? = nil, columns: [Int]? = nil) {
            self.rows = rows
            self.columns = columns
        }
    }

    package let width: Int
    package let height: Int
    /// The cells, row by row from the top.
    package let values: [Float]

    /// The least and the greatest finite value; nil where there is none.
    package var range: ClosedRange<Float>? {
        var low = Float.infinity
        var high = -Float.infinity
        for value in values where value.isFinite {
            low = min(low, value)
            high = max(high, value)
        }
        return low <= high ? low...high : nil
    }

    /// A matrix whose rows are given one after the other.
    ///
    /// - Parameters:
    ///   - rows: how many rows there are, at least 1.
    ///   - columns: how many columns there are, at least 1.
    ///   - side: how many cells there are at most in each direction. A matrix that is no larger has a cell for each entry.
    ///   - order: permutations of rows and columns, or a selection of them.
    ///   - row: fills the buffer with the matrix's row of that number.
    package init(
        rows: Int, columns: Int, side: Int, method: Method, order: Order = Order(),
        row: (_ number: Int, _ entries: UnsafeMutableBufferPointer<Float>) throws -> Void
    ) rethrows {
        precondition(rows > 0 && columns > 0 && side > 0, "\(rows) x \(columns) entries in \(side)")
        let shownRows = order.rows?.count ?? rows
        let shownColumns = order.columns?.count ?? columns
        precondition(shownRows > 0 && shownColumns > 0, "no rows or columns are shown")
        precondition(order.rows?.allSatisfy { 0 <= $0 && $0 < rows } ?? true, "a row outside of 0..<\(rows)")
        precondition(order.columns?.allSatisfy { 0 <= $0 && $0 < columns } ?? true, "a column outside of 0..<\(columns)")
        let (height, width) = (min(side, shownRows), min(side, shownColumns))
        var values: [Float] = []
        values.reserveCapacity(height * width)
        var reducer = RowReducer(width: width, shown: shownColumns, order: order.columns, method: method)
        let entries = UnsafeMutableBufferPointer<Float>.allocate(capacity: columns)
        entries.initialize(repeating: 0)
        defer { entries.deallocate() }
        for y in 0..<height {
            var places = Self.cover(y, of: height, over: shownRows)
            if method == .nearest { places = Self.middle(of: places) }
            reducer.begin()
            for place in places {
                try row(order.rows?[place] ?? place, entries)
                reducer.add(UnsafeBufferPointer(entries))
            }
            reducer.finish(into: &values)
        }
        self.width = width
        self.height = height
        self.values = values
    }

    init(width: Int, height: Int, values: [Float]) {
        (self.width, self.height, self.values) = (width, height, values)
    }

    /// A matrix in memory, row-major.
    package init(
        _ entries: UnsafeBufferPointer<Float>, rows: Int, columns: Int, side: Int, method: Method, order: Order = Order()
    ) {
        precondition(entries.count == rows * columns, "\(entries.count) entries for \(rows) x \(columns)")
        self.init(rows: rows, columns: columns, side: side, method: method, order: order) { number, row in
            _ = row.update(fromContentsOf: entries[(number * columns)..<((number + 1) * columns)])
        }
    }

    /// A matrix given entry by entry.
    package init(
        rows: Int, columns: Int, side: Int, method: Method, order: Order = Order(), entry: (_ row: Int, _ column: Int) throws -> Float
    ) rethrows {
        try self.init(rows: rows, columns: columns, side: side, method: method, order: order) { number, row in
            for column in 0..<columns { row[column] = try entry(number, column) }
        }
    }

    /// The places that cell `index` of `count` covers among `total`: consecutive, at least one, all of them covered once.
    static func cover(_ index: Int, of count: Int, over total: Int) -> Range<Int> {
        (index * total / count)..<((index + 1) * total / count)
    }

    static func middle(of places: Range<Int>) -> Range<Int> {
        let middle = (places.lowerBound + places.upperBound) / 2
        return middle..<middle + 1
    }
}

/// Gathers the rows that one row of cells covers.
private struct RowReducer {
    private let method: ReducedMatrix.Method
    /// The columns that each cell covers, one cell after the other; `ends` says where each cell's end.
    private let columns: [Int32]
    private let ends: [Int]
    private var sums: [Float]
    private var counts: [Int32]

    init(width: Int, shown: Int, order: [Int]?, method: ReducedMatrix.Method) {
        self.method = method
        var columns: [Int32] = []
        var ends: [Int] = []
        for x in 0..<width {
            var places = ReducedMatrix.cover(x, of: width, over: shown)
            if method == .nearest { places = ReducedMatrix.middle(of: places) }
            for place in places { columns.append(Int32(order?[place] ?? place)) }
            ends.append(columns.count)
        }
        self.columns = columns
        self.ends = ends
        sums = [Float](repeating: 0, count: width)
        counts = [Int32](repeating: 0, count: width)
    }

    mutating func begin() {
        let start: Float = method == .maximum ? -.infinity : 0
        for index in sums.indices {
            sums[index] = start
            counts[index] = 0
        }
    }

    mutating func add(_ row: UnsafeBufferPointer<Float>) {
        columns.withUnsafeBufferPointer { columns in
            var next = 0
            for (cell, end) in ends.enumerated() {
                var sum = sums[cell]
                var count = counts[cell]
                while next < end {
                    let entry = row[Int(columns[next])]
                    next += 1
                    if entry.isNaN { continue }
                    count += 1
                    if method == .maximum {
                        if entry > sum { sum = entry }
                    } else {
                        sum += entry
                    }
                }
                sums[cell] = sum
                counts[cell] = count
            }
        }
    }

    func finish(into values: inout [Float]) {
        for (sum, count) in zip(sums, counts) {
            if count == 0 {
                values.append(.nan)
            } else {
                values.append(method == .mean ? sum / Float(count) : sum)
            }
        }
    }
}
