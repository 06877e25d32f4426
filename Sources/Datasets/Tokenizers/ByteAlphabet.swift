/// The characters that represent bytes in byte-level vocabularies: printable Latin-1 characters themselves, the others from U+0100 on.
enum ByteAlphabet {
    /// The character of each byte.
    static let scalars: [Unicode.Scalar] = {
        var next: UInt32 = 0x100
        return (UInt8.min...UInt8.max).map { byte in
            if (0x21...0x7E).contains(byte) || (0xA1...0xAC).contains(byte) || byte >= 0xAE { return Unicode.Scalar(byte) }
            defer { next += 1 }
            return Unicode.Scalar(next) ?? "\u{FFFD}"
        }
    }()

    /// The UTF-8 of each byte's character: one byte, or the second in the upper half and the first in the lower.
    static let encoded: [UInt16] = scalars.map { scalar in
        let bytes = Array(UTF8.encode(scalar) ?? .init())
        return bytes.count == 1 ? UInt16(bytes[0]) : UInt16(bytes[1]) << 8 | UInt16(bytes[0])
    }

    private static let bytes: [Unicode.Scalar: UInt8] = Dictionary(uniqueKeysWithValues: zip(scalars, UInt8.min...UInt8.max))

    /// The bytes that the characters of `text` represent, or nil if one represents none.
    static func bytes(of text: [UInt8]) -> [UInt8]? {
        var result: [UInt8] = []
        for scalar in String(decoding: text, as: UTF8.self).unicodeScalars {
            guard let byte = bytes[scalar] else { return nil }
            result.append(byte)
        }
        return result
    }
}
