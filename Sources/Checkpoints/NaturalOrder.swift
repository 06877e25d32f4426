extension String {
    /// Whether the name comes before `other` when runs of digits count as numbers: `h.2.w` before `h.10.w`.
    ///
    /// A strict order on all strings: names that differ in leading zeros only are ordered byte by byte.
    func precedesNaturally(_ other: String) -> Bool {
        let left = Array(utf8)
        let right = Array(other.utf8)
        var i = 0
        var j = 0
        while i < left.count, j < right.count {
            guard Self.isDigit(left[i]), Self.isDigit(right[j]) else {
                if left[i] != right[j] { return left[i] < right[j] }
                i += 1
                j += 1
                continue
            }
            let first = Self.number(left, &i)
            let second = Self.number(right, &j)
            if first.count != second.count { return first.count < second.count }
            if first != second { return first.lexicographicallyPrecedes(second) }
        }
        if left.count - i != right.count - j { return left.count - i < right.count - j }
        return left.lexicographicallyPrecedes(right)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

    /// The digits from `position` on without leading zeros; `position` is moved behind them.
    private static func number(_ bytes: [UInt8], _ position: inout Int) -> ArraySlice<UInt8> {
        while position < bytes.count, bytes[position] == 0x30 { position += 1 }
        let start = position
        while position < bytes.count, isDigit(bytes[position]) { position += 1 }
        return bytes[start..<position]
    }
}
