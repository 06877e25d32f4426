/// Normalisations that look at one character at a time, as the `tokenizers` package does them: by the tables of Unicode 9.
enum SimpleNormalization {
    /// The text without combining marks of any kind.
    static func withoutAccents(_ bytes: [UInt8]) -> [UInt8] {
        guard bytes.contains(where: { $0 >= 0xCC }) else { return bytes }
        return mapping(bytes) { isMark($0) ? nil : $0 }
    }

    private static func isMark(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x300: return false
        // Those whose category has changed since.
        case 0x1CF2, 0x1CF3: return true
        case 0x111C9: return false
        default: break
        }
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .spacingMark, .enclosingMark:
            return scalar.properties.age.map { $0.major <= Normalizer.unicodeVersion } ?? false
        default: return false
        }
    }

    /// The text with Tibetan's compound vowels decomposed: the standard library takes them for the beginnings of new characters, and does not
    /// move their parts before marks that belong behind them.
    static func withoutCompoundVowels(_ bytes: [UInt8]) -> [UInt8] {
        guard bytes.contains(0xE0) else { return bytes }
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            let parts: [Unicode.Scalar] =
                switch scalar.value {
                case 0x0F73: ["\u{0F71}", "\u{0F72}"]
                case 0x0F75: ["\u{0F71}", "\u{0F74}"]
                case 0x0F81: ["\u{0F71}", "\u{0F80}"]
                default: [scalar]
                }
            for part in parts { result.append(contentsOf: UTF8.encode(part) ?? .init()) }
        }
        return result
    }

    /// The text without control characters, with a space for every character that separates lines or words or takes no room.
    static func nmt(_ bytes: [UInt8]) -> [UInt8] {
        mapping(bytes) { scalar in
            switch scalar.value {
            case 0x01...0x08, 0x0B, 0x0E...0x1F, 0x7F, 0x8F, 0x9F: nil
            case 0x09, 0x0A, 0x0C, 0x0D, 0x1680, 0x200B...0x200F, 0x2028, 0x2029, 0x2581, 0xFEFF, 0xFFFD: " "
            default: scalar
            }
        }
    }

    private static func mapping(_ bytes: [UInt8], _ body: (Unicode.Scalar) -> Unicode.Scalar?) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            if let mapped = body(scalar) { result.append(contentsOf: UTF8.encode(mapped) ?? .init()) }
        }
        return result
    }
}
