extension String {
    /// Whether the name comes before `other` when runs of digits count as numbers: `h.2.w` before `h.10.w`.
    ///
    /// A strict order on all strings: names that differ in leading zeros only are ordered byte by byte.
    package func precedesNaturally(_ other: String) -> Bool {
        var (left, right) = (self, other)
        return left.withUTF8 { left in right.withUTF8 { right in Self.precedesNaturally(left, right) } }
    }

    private static func precedesNaturally(_ left: UnsafeBufferPointer<UInt8>, _ right: UnsafeBufferPointer<UInt8>) -> Bool {
        var i = 0
        var j = 0
        while i < left.count, j < right.count {
            guard isDigit(left[i]), isDigit(right[j]) else {
                if left[i] != right[j] { return left[i] < right[j] }
                i += 1
                j += 1
                continue
            }
            let first = number(left, &i)
            let second = number(right, &j)
            if first.count != second.count { return first.count < second.count }
            if !first.elementsEqual(second) { return first.lexicographicallyPrecedes(second) }
        }
        if left.count - i != right.count - j { return left.count - i < right.count - j }
        return left.lexicographicallyPrecedes(right)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

    /// The digits from `position` on without leading zeros; `position` is moved past them.
    private static func number(_ bytes: UnsafeBufferPointer<UInt8>, _ position: inout Int) -> Slice<UnsafeBufferPointer<UInt8>> {
        while position < bytes.count, bytes[position] == 0x30 { position += 1 }
        let start = position
        while position < bytes.count, isDigit(bytes[position]) { position += 1 }
        return bytes[start..<position]
    }
}

extension [TensorRecord] {
    /// Whether the tensors are sorted by ``Swift/String/precedesNaturally(_:)`` already, as most files have them.
    var isInNaturalOrder: Bool { zip(self, dropFirst()).allSatisfy { $0.name.precedesNaturally($1.name) } }
}
