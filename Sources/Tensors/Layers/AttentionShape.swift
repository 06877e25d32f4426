/// Which positions a position of a sequence attends to.
package enum AttentionMask: Sendable, Hashable {
    /// All.
    case none
    /// Itself and all positions before it.
    case causal
    /// The last positions up to and including itself, this many.
    case window(Int)
    /// Itself and the positions before it in its chunk: positions are divided into chunks of this many from the first one on.
    case chunk(Int)

    /// The positions of a sequence of `length` that `position` attends to.
    @inline(__always)
    func keys(of position: Int, length: Int) -> Range<Int> {
        switch self {
        case .none: 0..<length
        case .causal: 0..<position + 1
        case .window(let size): max(0, position + 1 - max(size, 1))..<position + 1
        case .chunk(let size): position - position % max(size, 1)..<position + 1
        }
    }
}

/// The layout of the heads of queries, keys and values, side by side in the rows of [samples, length, heads * headDimension].
///
/// Consecutive heads share a key head if there are fewer key heads: head h reads key head h / (heads / keyHeads). The queries of the first
/// positions may be left out.
package struct AttentionShape: Sendable, Hashable {
    package let samples: Int
    package let length: Int
    package let heads: Int
    package let keyHeads: Int
    package let headDimension: Int
    /// The position of the first query: queries, outputs and patterns have no rows for those before it.
    package let firstQuery: Int

    package init(samples: Int, length: Int, heads: Int, keyHeads: Int, headDimension: Int, firstQuery: Int = 0) {
        precondition(keyHeads > 0 && heads > 0 && heads % keyHeads == 0, "\(heads) heads on \(keyHeads)")
        precondition(firstQuery >= 0 && firstQuery <= length, "queries from \(firstQuery) of \(length)")
        self.samples = samples
        self.length = length
        self.heads = heads
        self.keyHeads = keyHeads
        self.headDimension = headDimension
        self.firstQuery = firstQuery
    }

    /// The number of queries of a sequence.
    var queries: Int { length - firstQuery }

    /// The length of a row of queries.
    package var width: Int { heads * headDimension }
    /// The length of a row of keys or values.
    package var keyWidth: Int { keyHeads * headDimension }

    /// The heads that share a key head.
    var group: Int { heads / keyHeads }

    /// The place of a head's vector in queries and outputs.
    func query(_ sample: Int, _ head: Int, _ position: Int) -> Int {
        (sample * queries + position - firstQuery) * width + head * headDimension
    }

    /// The place of the vector that a head reads in keys and values.
    func key(_ sample: Int, _ head: Int, _ position: Int) -> Int {
        (sample * length + position) * keyWidth + head / group * headDimension
    }

    /// The place of a row of a pattern [samples, heads, queries, length].
    func pattern(_ sample: Int, _ head: Int, _ position: Int) -> Int {
        ((sample * heads + head) * queries + position - firstQuery) * length
    }

    /// The queries that go through products together.
    static let tileRows = 64

    var tiles: Int { (queries + Self.tileRows - 1) / Self.tileRows }

    /// The queries of a tile, the last ones first: with a causal mask, they take the longest.
    func rows(ofTile tile: Int) -> Range<Int> {
        let first = firstQuery + (tiles - 1 - tile) * Self.tileRows
        return first..<min(length, first + Self.tileRows)
    }

    /// The keys that any of some consecutive queries attends to.
    func keys(of rows: Range<Int>, _ mask: AttentionMask) -> Range<Int> {
        guard let last = rows.last else { return 0..<0 }
        return mask.keys(of: rows.lowerBound, length: length).lowerBound..<mask.keys(of: last, length: length).upperBound
    }

    /// The elements of the scores of a tile's queries.
    var tileSize: Int { min(Self.tileRows, queries) * length }

    func checkQueries(_ tensors: Tensor?...) { check(tensors, samples * queries * width) }
    func checkKeys(_ tensors: Tensor?...) { check(tensors, samples * length * keyWidth) }
    func checkPatterns(_ tensors: Tensor?...) { check(tensors, samples * heads * queries * length) }

    private func check(_ tensors: [Tensor?], _ count: Int) {
        for case let tensor? in tensors { precondition(tensor.count == count, "\(tensor.shape) for \(self)") }
    }
}
