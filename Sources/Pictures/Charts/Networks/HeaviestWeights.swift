/// The weights of a matrix with the greatest absolute values: all that a drawing of edges shows of it.
package struct HeaviestWeights: Sendable, Equatable {
    /// A weight and where it stands.
    package struct Entry: Hashable, Sendable {
        /// The number of the row: the neuron that the weight leads to.
        package var row: Int
        /// The number of the column: the neuron that it comes from.
        package var column: Int
        package var weight: Float

        package init(row: Int, column: Int, weight: Float) {
            self.row = row
            self.column = column
            self.weight = weight
        }
    }

    /// The heaviest first; of equal ones the first in the matrix.
    package let entries: [Entry]
    /// How many weights there are that are neither 0 nor NaN.
    package let count: Int

    package init(entries: [Entry], count: Int) {
        self.entries = entries
        self.count = count
    }

    /// - Parameters:
    ///   - limit: how many weights are kept at most.
    ///   - row: fills the buffer with the matrix's row of that number.
    package init(
        rows: Int, columns: Int, limit: Int, row: (_ number: Int, _ entries: UnsafeMutableBufferPointer<Float>) throws -> Void
    ) rethrows {
        precondition(rows >= 0 && columns >= 0 && limit >= 0, "\(limit) of \(rows) x \(columns) weights")
        var gatherer = Gatherer(limit: limit)
        let buffer = UnsafeMutableBufferPointer<Float>.allocate(capacity: columns)
        buffer.initialize(repeating: 0)
        defer { buffer.deallocate() }
        for number in 0..<rows {
            try row(number, buffer)
            gatherer.add(row: number, UnsafeBufferPointer(buffer))
        }
        self = gatherer.heaviest
    }

    /// Keeps the heaviest weights of rows that come one after the other.
    package struct Gatherer {
        private let limit: Int
        /// The lightest of those kept is at the heap's top.
        private var heap: [Entry] = []
        private var count = 0
        private var least = -Float.infinity

        /// - Parameter limit: how many weights are kept at most.
        package init(limit: Int) { self.limit = max(limit, 0) }

        package mutating func add(row number: Int, _ weights: UnsafeBufferPointer<Float>) {
            for column in weights.indices {
                let magnitude = abs(weights[column])
                // This is false for NaN.
                guard magnitude > 0 else { continue }
                count += 1
                guard limit > 0, heap.count < limit || magnitude > least else { continue }
                let entry = Entry(row: number, column: column, weight: weights[column])
                if heap.count < limit {
                    heap.append(entry)
                    HeaviestWeights.rise(&heap)
                } else {
                    heap[0] = entry
                    HeaviestWeights.sink(&heap)
                }
                if heap.count == limit { least = abs(heap[0].weight) }
            }
        }

        package var heaviest: HeaviestWeights {
            HeaviestWeights(entries: heap.sorted { HeaviestWeights.isLighter($1, $0) }, count: count)
        }
    }

    private static func isLighter(_ first: Entry, _ second: Entry) -> Bool {
        let (left, right) = (abs(first.weight), abs(second.weight))
        if left != right { return left < right }
        return (first.row, first.column) > (second.row, second.column)
    }

    private static func rise(_ heap: inout [Entry]) {
        var index = heap.count - 1
        while index > 0, isLighter(heap[index], heap[(index - 1) / 2]) {
            heap.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    private static func sink(_ heap: inout [Entry]) {
        var index = 0
        while true {
            var lightest = index
            for child in [2 * index + 1, 2 * index + 2] where child < heap.count && isLighter(heap[child], heap[lightest]) {
                lightest = child
            }
            if lightest == index { return }
            heap.swapAt(index, lightest)
            index = lightest
        }
    }
}
