/// Distinct strings of bytes, numbered from 0 in the order in which they come.
///
/// Unlike a dictionary of `String` it distinguishes keys that Unicode treats as equivalent, and its keys need no allocation each.
struct ByteStringTable: Sendable {
    private var bytes: [UInt8] = []
    /// Where string i ends and string i + 1 starts.
    private var ends: [Int] = []
    /// The upper half of the hash together with the number plus 1; 0 if the slot is free.
    private var slots: [UInt64]

    /// The number of strings.
    var count: Int { ends.count }
    /// The length of all strings, in bytes.
    var byteCount: Int { bytes.count }

    init() { slots = Array(repeating: 0, count: 64) }

    /// Forgets all strings and keeps the memory.
    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
        for index in slots.indices { slots[index] = 0 }
    }

    /// The number of the string, or nil if it is not in the table.
    func index(of key: UnsafeBufferPointer<UInt8>) -> Int? {
        let entry = slots[slot(of: key, hash: Self.hash(key))]
        return entry == 0 ? nil : Int(entry & 0xFFFF_FFFF) - 1
    }

    func index(of key: [UInt8]) -> Int? { key.withUnsafeBufferPointer { index(of: $0) } }

    /// The number of the string, and whether it was added now.
    @discardableResult
    mutating func insert(_ key: UnsafeBufferPointer<UInt8>) -> (index: Int, isNew: Bool) {
        let hash = Self.hash(key)
        var slot = slot(of: key, hash: hash)
        if slots[slot] != 0 { return (Int(slots[slot] & 0xFFFF_FFFF) - 1, false) }
        precondition(ends.count < Int(Int32.max), "a table holds at most 2^31 strings")
        if (ends.count + 1) * 2 > slots.count {
            grow()
            slot = self.slot(of: key, hash: hash)
        }
        bytes.append(contentsOf: key)
        ends.append(bytes.count)
        slots[slot] = hash & 0xFFFF_FFFF_0000_0000 | UInt64(ends.count)
        return (ends.count - 1, true)
    }

    @discardableResult
    mutating func insert(_ key: [UInt8]) -> (index: Int, isNew: Bool) { key.withUnsafeBufferPointer { insert($0) } }

    /// String `index`.
    subscript(index: Int) -> ArraySlice<UInt8> { bytes[(index == 0 ? 0 : ends[index - 1])..<ends[index]] }

    /// String `index`, which must be valid UTF-8.
    func text(_ index: Int) -> String { String(decoding: self[index], as: UTF8.self) }

    /// The slot that holds `key`, or the free slot where it belongs.
    private func slot(of key: UnsafeBufferPointer<UInt8>, hash: UInt64) -> Int {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash >> 32) & mask
        while slots[slot] != 0 {
            if slots[slot] >> 32 == hash >> 32, isEqual(Int(slots[slot] & 0xFFFF_FFFF) - 1, key) { return slot }
            slot = (slot + 1) & mask
        }
        return slot
    }

    private func isEqual(_ index: Int, _ key: UnsafeBufferPointer<UInt8>) -> Bool {
        let start = index == 0 ? 0 : ends[index - 1]
        guard ends[index] - start == key.count else { return false }
        for offset in 0..<key.count where bytes[start + offset] != key[offset] { return false }
        return true
    }

    private mutating func grow() {
        let old = slots
        slots = Array(repeating: 0, count: old.count * 2)
        let mask = slots.count - 1
        for entry in old where entry != 0 {
            var slot = Int(truncatingIfNeeded: entry >> 32) & mask
            while slots[slot] != 0 { slot = (slot + 1) & mask }
            slots[slot] = entry
        }
    }

    /// The standard library's hash, which is reseeded in every process: no file can aim at its collisions.
    private static func hash(_ key: UnsafeBufferPointer<UInt8>) -> UInt64 {
        var hasher = Hasher()
        hasher.combine(bytes: UnsafeRawBufferPointer(key))
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }
}
