/// The permutation that pairs rows with columns so that the sum of the gains is largest, solved exactly.
///
/// The Hungarian algorithm with potentials (Kuhn 1955; Jonker and Volgenant 1987), O(n^3). Ties go to the lowest columns.
package struct OptimalAssignment: Sendable {
    /// The column of each row.
    package let columns: [Int]

    /// - Parameter gains: square, finite.
    package init(maximizing gains: [[Double]]) {
        let n = gains.count
        precondition(gains.allSatisfy { $0.count == n && $0.allSatisfy(\.isFinite) }, "a square matrix of finite gains")
        let costs = gains.flatMap { $0.map { -$0 } }
        // One-based, with column 0 as the root of the alternating tree; costs are negated gains.
        var rowPotential = [Double](repeating: 0, count: n + 1)
        var columnPotential = [Double](repeating: 0, count: n + 1)
        var rowOfColumn = [Int](repeating: 0, count: n + 1)
        var previous = [Int](repeating: 0, count: n + 1)
        for row in 0..<n {
            rowOfColumn[0] = row + 1
            var slack = [Double](repeating: .infinity, count: n + 1)
            var visited = [Bool](repeating: false, count: n + 1)
            var column = 0
            repeat {
                visited[column] = true
                let current = rowOfColumn[column]
                var delta = Double.infinity
                var nearest = 0
                for candidate in 1...n where !visited[candidate] {
                    let reduced = costs[(current - 1) * n + candidate - 1] - rowPotential[current] - columnPotential[candidate]
                    if reduced < slack[candidate] {
                        slack[candidate] = reduced
                        previous[candidate] = column
                    }
                    if slack[candidate] < delta {
                        delta = slack[candidate]
                        nearest = candidate
                    }
                }
                for candidate in 0...n {
                    if visited[candidate] {
                        rowPotential[rowOfColumn[candidate]] += delta
                        columnPotential[candidate] -= delta
                    } else {
                        slack[candidate] -= delta
                    }
                }
                column = nearest
            } while rowOfColumn[column] != 0
            while column != 0 {
                rowOfColumn[column] = rowOfColumn[previous[column]]
                column = previous[column]
            }
        }
        var columns = [Int](repeating: 0, count: n)
        for column in 0..<n { columns[rowOfColumn[column + 1] - 1] = column }
        self.columns = columns
    }
}
