import Text

/// SentencePiece's own normalisation: a table of texts and their replacements, which a tokenizer's file carries.
///
/// The table is a length in bytes, a double-array trie (Aoe 1989, as Darts stores it) of that length, and the replacements, each ended by a
/// zero. Source: the `spm_precompiled` package, whose reading the `tokenizers` package uses: a group of characters of fewer than six bytes
/// is looked up as a whole, then every character by itself, and of all entries that begin a text the shortest counts.
struct CharacterMap: Sendable {
    private let units: [UInt32]
    private let replacements: [UInt8]

    /// The longest group of characters that is looked up as a whole, in bytes.
    private static let longestGroup = 5

    /// - Parameter base64: as the file has it.
    /// - Throws: ``Problem`` for a table that is damaged.
    init(base64 text: String) throws(Problem) {
        guard let bytes = Self.decoded(text) else { throw Self.damaged(expected: "base64", found: text.quotedInMessage) }
        guard bytes.count >= 4 else { throw Self.damaged(expected: "4 bytes or more", found: "\(bytes.count)") }
        func word(_ offset: Int) -> UInt32 {
            UInt32(bytes[offset]) | UInt32(bytes[offset + 1]) << 8 | UInt32(bytes[offset + 2]) << 16 | UInt32(bytes[offset + 3]) << 24
        }
        let length = Int(word(0))
        guard length % 4 == 0, length <= bytes.count - 4 else {
            throw Self.damaged(expected: "a trie of at most \(bytes.count - 4) bytes, four each", found: "\(length)")
        }
        units = stride(from: 4, to: 4 + length, by: 4).map(word)
        replacements = Array(bytes[(4 + length)...])
        guard String(validating: replacements, as: UTF8.self) != nil else {
            throw Self.damaged(expected: "replacements in UTF-8", found: "other bytes")
        }
    }

    private static func damaged(expected: String, found: String) -> Problem {
        Problem("the normalizer's precompiled_charsmap is damaged", expected: expected, found: found)
    }

    private static func decoded(_ text: String) -> [UInt8]? {
        var (result, bits, count): ([UInt8], UInt32, UInt32) = ([], 0, 0)
        result.reserveCapacity(text.utf8.count / 4 * 3)
        var hasEnded = false
        for byte in text.utf8 {
            let value: UInt8
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = byte - UInt8(ascii: "A")
            case UInt8(ascii: "a")...UInt8(ascii: "z"): value = byte - UInt8(ascii: "a") + 26
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = byte - UInt8(ascii: "0") + 52
            case UInt8(ascii: "+"): value = 62
            case UInt8(ascii: "/"): value = 63
            case UInt8(ascii: "="):
                hasEnded = true
                continue
            default: return nil
            }
            if hasEnded { return nil }
            bits = bits << 6 | UInt32(value)
            count += 6
            if count >= 8 {
                count -= 8
                result.append(UInt8(truncatingIfNeeded: bits >> count))
                bits &= (1 << count) - 1
            }
        }
        return result
    }

    /// The replacement of the shortest entry that `text` begins with; nil if there is none.
    private func replacement(of text: some Sequence<UInt8>) -> ArraySlice<UInt8>? {
        guard let root = units.first else { return nil }
        var node = Self.offset(root)
        for byte in text {
            node ^= Int(byte)
            guard byte != 0, node < units.count else { return nil }
            let unit = units[node]
            guard unit & (1 << 31 | 0xFF) == UInt32(byte) else { return nil }
            node ^= Self.offset(unit)
            guard unit >> 8 & 1 == 1 else { continue }
            guard node < units.count else { return nil }
            let start = Int(units[node] & (1 << 31 - 1))
            guard start < replacements.count else { return nil }
            return replacements[start...].prefix { $0 != 0 }
        }
        return nil
    }

    private static func offset(_ unit: UInt32) -> Int { Int((unit >> 10) << ((unit & (1 << 9)) >> 6)) }

    /// The text with every group or character replaced that has an entry; nil if it would have more than `maximum` bytes.
    func mapped(_ bytes: [UInt8], maximum: Int) -> [UInt8]? {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count + bytes.count / 8)
        for group in String(decoding: bytes, as: UTF8.self) {
            if result.count > maximum { return nil }
            if group.utf8.count <= Self.longestGroup, let found = replacement(of: group.utf8) {
                result += found
                continue
            }
            for scalar in group.unicodeScalars {
                let own = UTF8.encode(scalar) ?? .init()
                if let found = replacement(of: own) { result += found } else { result.append(contentsOf: own) }
            }
        }
        return result
    }
}
