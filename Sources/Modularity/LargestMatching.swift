/// The largest sum of counts over pairs of rows and columns of which no two share a row or a column, exact, for tables that are mostly
/// zeros.
///
/// Rows enter one by one, each by the shortest augmenting path over the reduced costs (Edmonds and Karp 1972; Jonker and Volgenant 1987),
/// found by Dijkstra's algorithm over the existing cells: O(rows * cells * log cells) at worst. A row may stay unmatched, which counts as
/// 0.
struct LargestMatching {
    /// One cell of the table.
    struct Cell {
        let row: Int
        let column: Int
        /// Positive.
        let count: Int
    }

    /// The sum over the best pairs.
    let total: Int
    /// How often a cell was looked at.
    let looks: Int

    /// - Parameter cells: by row; no two of the same place.
    init(rows: Int, columns: Int, cells: [Cell]) {
        var search = Search(rows: rows, columns: columns, cells: cells)
        for row in 0..<rows { search.insert(row) }
        total = cells.reduce(0) { $0 + (search.columnOfRow[$1.row] == $1.column ? $1.count : 0) }
        looks = search.looks
    }

    /// The best pairs of the rows so far, with the potentials that prove it.
    private struct Search {
        let columns: Int
        let cells: [Cell]
        /// The first cell of each row; one more than there are rows.
        let starts: [Int]
        /// Costs are negated counts. Column `columns + row` is the row's own, at cost 0: that of staying alone.
        var rowPotentials: [Int]
        var columnPotentials: [Int]
        var rowOfColumn: [Int]
        var columnOfRow: [Int]
        var looks = 0

        /// For the columns reached from the entering row: their distances, and the rows before them.
        private var distances: [Int]
        private var rowBefore: [Int]
        private var isDone: [Bool]
        private var reached: [Int] = []
        private var heap = DistanceHeap()

        init(rows: Int, columns: Int, cells: [Cell]) {
            self.columns = columns
            self.cells = cells
            var starts = [Int](repeating: 0, count: rows + 1)
            for cell in cells { starts[cell.row + 1] += 1 }
            for row in 0..<rows { starts[row + 1] += starts[row] }
            self.starts = starts
            let width = columns + rows
            rowPotentials = [Int](repeating: 0, count: rows)
            columnPotentials = [Int](repeating: 0, count: width)
            rowOfColumn = [Int](repeating: -1, count: width)
            columnOfRow = [Int](repeating: -1, count: rows)
            distances = [Int](repeating: .max, count: width)
            rowBefore = [Int](repeating: -1, count: width)
            isDone = [Bool](repeating: false, count: width)
        }

        mutating func insert(_ start: Int) {
            var done: [Int] = []
            var end = -1
            scan(start, at: 0)
            while end < 0, let (distance, column) = heap.popSmallest() {
                guard !isDone[column], distance == distances[column] else { continue }
                if rowOfColumn[column] < 0 {
                    end = column
                } else {
                    isDone[column] = true
                    done.append(column)
                    scan(rowOfColumn[column], at: distance)
                }
            }
            precondition(end >= 0, "row \(start) reaches no column")
            let length = distances[end]
            rowPotentials[start] += length
            for column in done {
                columnPotentials[column] += distances[column] - length
                rowPotentials[rowOfColumn[column]] += length - distances[column]
            }
            var column = end
            while column >= 0 {
                // Each row of the path is matched with the column that was reached from it, which frees its old column for the row before.
                let row = rowBefore[column]
                let left = columnOfRow[row]
                rowOfColumn[column] = row
                columnOfRow[row] = column
                column = left
            }
            for column in reached {
                distances[column] = .max
                isDone[column] = false
            }
            reached.removeAll(keepingCapacity: true)
            heap.removeAll()
        }

        private mutating func scan(_ row: Int, at distance: Int) {
            let base = distance - rowPotentials[row]
            reach(columns + row, base - columnPotentials[columns + row], from: row)
            for place in starts[row]..<starts[row + 1] {
                let column = cells[place].column
                reach(column, base - cells[place].count - columnPotentials[column], from: row)
            }
            looks += starts[row + 1] - starts[row]
        }

        private mutating func reach(_ column: Int, _ distance: Int, from row: Int) {
            guard !isDone[column], distance < distances[column] else { return }
            if distances[column] == .max { reached.append(column) }
            distances[column] = distance
            rowBefore[column] = row
            heap.insert(distance, column)
        }
    }
}

/// A binary heap of distances with their columns.
private struct DistanceHeap {
    private var entries: [(distance: Int, column: Int)] = []

    mutating func removeAll() { entries.removeAll(keepingCapacity: true) }

    mutating func insert(_ distance: Int, _ column: Int) {
        entries.append((distance, column))
        var place = entries.count - 1
        while place > 0, entries[(place - 1) / 2].distance > entries[place].distance {
            entries.swapAt(place, (place - 1) / 2)
            place = (place - 1) / 2
        }
    }

    mutating func popSmallest() -> (distance: Int, column: Int)? {
        guard let first = entries.first else { return nil }
        let last = entries.removeLast()
        guard !entries.isEmpty else { return first }
        entries[0] = last
        var place = 0
        while true {
            var smallest = place
            for child in 2 * place + 1...2 * place + 2
            where child < entries.count && entries[child].distance < entries[smallest].distance {
                smallest = child
            }
            if smallest == place { return first }
            entries.swapAt(place, smallest)
            place = smallest
        }
    }
}
