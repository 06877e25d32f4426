extension BinaryFloatingPoint where Self: LosslessStringConvertible {
    /// Reads a finite number in decimal digits: `1`, `-0.5`, `.5`, `1e-3`.
    ///
    /// - Returns: nil for everything else that Swift reads as a number, such as `inf`, `nan` and `0x1`, and for what is too large for the type.
    package init?(decimal text: some StringProtocol) {
        var rest = text.utf8[...]
        func skip(_ bytes: StaticString) {
            if let first = rest.first, bytes.withUTF8Buffer({ $0.contains(first) }) { rest.removeFirst() }
        }
        func digits() -> Int {
            let count = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }.count
            rest.removeFirst(count)
            return count
        }
        skip("+-")
        var count = digits()
        if rest.first == UInt8(ascii: ".") {
            rest.removeFirst()
            count += digits()
        }
        guard count > 0 else { return nil }
        if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
            rest.removeFirst()
            skip("+-")
            guard digits() > 0 else { return nil }
        }
        guard rest.isEmpty, let number = Self(String(text)), number.isFinite else { return nil }
        self = number
    }
}
