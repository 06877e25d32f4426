/// Allocates values of limited lifetime in one block of memory, in order, each in the tightest gap that fits.
struct ArenaPlanner {
    /// The elements that the block must have.
    private(set) var size = 0
    /// Gaps by their start, none touching another.
    private var gaps: [Range<Int>] = []

    /// Values begin at multiples of a cache line.
    private static let alignment = 16

    private static func aligned(_ count: Int) -> Int { (max(count, 1) + alignment - 1) / alignment * alignment }

    /// A place for `count` elements that nobody else has until it is released.
    mutating func allocate(_ count: Int) -> Int {
        let length = Self.aligned(count)
        var best: Int?
        for (index, gap) in gaps.enumerated() where gap.count >= length {
            if best == nil || gap.count < gaps[best!].count { best = index }
        }
        if let best {
            let start = gaps[best].lowerBound
            if gaps[best].count == length { gaps.remove(at: best) } else { gaps[best] = start + length..<gaps[best].upperBound }
            return start
        }
        // A gap at the end grows.
        let start = gaps.last?.upperBound == size ? gaps.removeLast().lowerBound : size
        size = start + length
        return start
    }

    /// Gives back the place of `count` elements at `start`.
    mutating func release(_ start: Int, _ count: Int) {
        var gap = start..<start + Self.aligned(count)
        var index = gaps.firstIndex { $0.lowerBound > start } ?? gaps.count
        if index < gaps.count, gaps[index].lowerBound == gap.upperBound {
            gap = gap.lowerBound..<gaps[index].upperBound
            gaps.remove(at: index)
        }
        if index > 0, gaps[index - 1].upperBound == gap.lowerBound {
            gap = gaps[index - 1].lowerBound..<gap.upperBound
            gaps.remove(at: index - 1)
            index -= 1
        }
        gaps.insert(gap, at: index)
    }
}
