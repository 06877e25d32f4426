/// How a product C [rows, columns] is cut into tiles of about the same size, by the shapes alone.
struct ProductTiles {
    private let rows: Int
    private let columns: Int
    private let rowStep: Int
    private let columnStep: Int
    private let across: Int
    let count: Int

    /// Fewer multiplications than this are not worth a tile, because tiles must be packed again.
    private static let smallest = 1 << 22
    /// A tile copies its columns of B: the more rows, the less that costs.
    private static let mostRows = 512
    private static let mostColumns = 512
    /// Small products are divided into at most this many tiles, none narrower than `narrowest`.
    private static let fewest = 4
    private static let narrowest = 64
    /// The steps are multiples of what the library's kernels compute at a time.
    private static let unit = 16

    init(rows: Int, inner: Int, columns: Int) {
        self.rows = rows
        self.columns = columns
        let worth = rows * columns / max(Self.smallest / max(inner, 1), 1)
        var down = worth < 1 ? 1 : (rows + Self.mostRows - 1) / Self.mostRows
        var across = worth < 1 ? 1 : (columns + Self.mostColumns - 1) / Self.mostColumns
        let wanted = min(Self.fewest, worth)
        if columns >= rows {
            across = max(across, min(wanted / down, columns / Self.narrowest))
        } else {
            down = max(down, min(wanted / across, rows / Self.narrowest))
        }
        // An odd number of tiles leaves one of two threads without work.
        if down * across > 1, down % 2 == 1, across % 2 == 1 {
            if across > 1 { across += 1 } else { down += 1 }
        }
        rowStep = Self.step(rows, parts: down)
        columnStep = Self.step(columns, parts: across)
        self.across = (columns + columnStep - 1) / columnStep
        count = (rows + rowStep - 1) / rowStep * self.across
    }

    /// A part's length.
    private static func step(_ length: Int, parts: Int) -> Int {
        guard parts > 1 else { return length }
        let even = (length + parts - 1) / parts
        return (even + unit - 1) / unit * unit
    }

    subscript(tile: Int) -> (row: Int, column: Int, height: Int, width: Int) {
        let row = tile / across * rowStep
        let column = tile % across * columnStep
        return (row, column, min(rowStep, rows - row), min(columnStep, columns - column))
    }
}
