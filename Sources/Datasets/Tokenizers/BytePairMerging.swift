/// Merges neighbouring tokens as byte-pair encoding does: always the pair with the lowest rank, the leftmost if there are several.
///
/// A short word is searched for its best pair each time; a long one, up to a whole text, keeps its pairs in a heap, which
/// needs n log n steps. The memory is reused from word to word.
struct BytePairMerging {
    private var ranks: [MergeTable.Merge?] = []
    private var next: [Int32] = []
    private var previous: [Int32] = []
    /// Rank and position of each pair, as a heap with the smallest first.
    private var heap: [UInt64] = []

    private static let longestSearched = 40

    /// Merges the elements of `tokens` from `start` on; the array ends with what remains of them.
    ///
    /// - Precondition: there are fewer than 2^31 of them.
    mutating func merge(_ tokens: inout [Int32], from start: Int, _ merges: MergeTable) {
        let count = tokens.count - start
        if count < 2 { return }
        precondition(count <= Int(Int32.max), "a word has at most 2^31 characters")
        if count <= Self.longestSearched { search(&tokens, start, merges) } else { mergeByHeap(&tokens, start, merges) }
    }

    private mutating func search(_ tokens: inout [Int32], _ start: Int, _ merges: MergeTable) {
        var count = tokens.count - start
        ranks.removeAll(keepingCapacity: true)
        for index in start..<tokens.count - 1 { ranks.append(merges.merge(tokens[index], tokens[index + 1])) }
        while true {
            var (best, bestRank, bestToken) = (-1, Int32.max, Int32(0))
            for index in 0..<count - 1 {
                if let merge = ranks[index], merge.rank < bestRank { (best, bestRank, bestToken) = (index, merge.rank, merge.token) }
            }
            if best < 0 { break }
            tokens[start + best] = bestToken
            // Closes the gap that the right token leaves.
            for index in best + 1..<count - 1 {
                tokens[start + index] = tokens[start + index + 1]
                ranks[index - 1] = ranks[index]
            }
            count -= 1
            if best > 0 { ranks[best - 1] = merges.merge(tokens[start + best - 1], bestToken) }
            if best < count - 1 { ranks[best] = merges.merge(bestToken, tokens[start + best + 1]) }
        }
        tokens.removeLast(tokens.count - start - count)
    }

    private mutating func mergeByHeap(_ tokens: inout [Int32], _ start: Int, _ merges: MergeTable) {
        let count = tokens.count - start
        heap.removeAll(keepingCapacity: true)
        next.removeAll(keepingCapacity: true)
        previous.removeAll(keepingCapacity: true)
        for index in 0..<count {
            previous.append(Int32(index) - 1)
            next.append(index + 1 < count ? Int32(index) + 1 : -1)
            guard index + 1 < count, let merge = merges.merge(tokens[start + index], tokens[start + index + 1]) else { continue }
            heap.append(UInt64(merge.rank) << 32 | UInt64(index))
        }
        for index in stride(from: heap.count / 2 - 1, through: 0, by: -1) { sink(index) }
        while let top = heap.first {
            let last = heap.removeLast()
            if !heap.isEmpty {
                heap[0] = last
                sink(0)
            }
            let position = Int(top & 0xFFFF_FFFF)
            // A pair that was merged in the meantime no longer exists, or has another rank.
            guard tokens[start + position] >= 0, next[position] >= 0 else { continue }
            let right = Int(next[position])
            guard let merge = merges.merge(tokens[start + position], tokens[start + right]), merge.rank == Int32(top >> 32) else {
                continue
            }
            tokens[start + position] = merge.token
            tokens[start + right] = -1
            next[position] = next[right]
            if next[right] >= 0 {
                let after = Int(next[right])
                previous[after] = Int32(position)
                if let merge = merges.merge(merge.token, tokens[start + after]) { push(merge.rank, position) }
            }
            if previous[position] >= 0 {
                let before = Int(previous[position])
                if let merge = merges.merge(tokens[start + before], merge.token) { push(merge.rank, before) }
            }
        }
        var end = start
        for index in start..<tokens.count where tokens[index] >= 0 {
            tokens[end] = tokens[index]
            end += 1
        }
        tokens.removeLast(tokens.count - end)
    }

    private mutating func push(_ rank: Int32, _ position: Int) {
        let entry = UInt64(rank) << 32 | UInt64(position)
        heap.append(entry)
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) >> 2
            if heap[parent] <= entry { break }
            heap[child] = heap[parent]
            child = parent
        }
        heap[child] = entry
    }

    /// Moves the entry at `index` below the smaller ones under it; four to a parent.
    private mutating func sink(_ index: Int) {
        let entry = heap[index]
        var parent = index
        while true {
            let first = parent * 4 + 1
            if first >= heap.count { break }
            var smallest = first
            for child in first + 1..<min(first + 4, heap.count) where heap[child] < heap[smallest] { smallest = child }
            if heap[smallest] >= entry { break }
            heap[parent] = heap[smallest]
            parent = smallest
        }
        heap[parent] = entry
    }
}
