/// The merges of byte-pair encoding: the token that a pair of neighbouring tokens becomes, and the rank of the merge.
struct MergeTable: Sendable {
    /// A merge of a pair of tokens.
    struct Merge: Equatable, Sendable {
        /// The position in the file's list; the lowest is merged first.
        let rank: Int32
        let token: Int32
    }

    private var keys: [UInt64]
    private var merges: [Merge]
    private var count = 0
    private let seed: UInt64

    /// No pair of tokens: ids are below 2^31.
    private static let free = UInt64.max

    init() {
        keys = Array(repeating: Self.free, count: 16)
        merges = Array(repeating: Merge(rank: 0, token: 0), count: 16)
        // Different in every process, so that no file can be made to collide.
        var hasher = Hasher()
        hasher.combine(0)
        seed = UInt64(bitPattern: Int64(hasher.finalize()))
    }

    /// The merge of a pair, or nil if it is not merged.
    @inline(__always)
    func merge(_ left: Int32, _ right: Int32) -> Merge? {
        let slot = slot(of: Self.key(left, right))
        return keys[slot] == Self.free ? nil : merges[slot]
    }

    /// Adds a merge; a later one of the same pair replaces an earlier one.
    mutating func insert(_ left: Int32, _ right: Int32, _ merge: Merge) {
        if (count + 1) * 2 > keys.count { grow() }
        let key = Self.key(left, right)
        let slot = slot(of: key)
        if keys[slot] == Self.free { count += 1 }
        keys[slot] = key
        merges[slot] = merge
    }

    private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    @inline(__always)
    private func slot(of key: UInt64) -> Int {
        var hash = (key ^ seed) &* 0x9E37_79B9_7F4A_7C15
        hash = (hash ^ hash >> 32) &* 0xD6E8_FEB8_6659_FD93
        hash ^= hash >> 32
        let mask = keys.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while keys[slot] != key, keys[slot] != Self.free { slot = (slot + 1) & mask }
        return slot
    }

    private mutating func grow() {
        let (oldKeys, oldMerges) = (keys, merges)
        keys = Array(repeating: Self.free, count: oldKeys.count * 2)
        merges = Array(repeating: Merge(rank: 0, token: 0), count: keys.count)
        for (key, merge) in zip(oldKeys, oldMerges) where key != Self.free {
            let slot = slot(of: key)
            keys[slot] = key
            merges[slot] = merge
        }
    }
}
