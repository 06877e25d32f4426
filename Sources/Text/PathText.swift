/// The names of files as text. A name is bytes that need not be UTF-8; its text is, and the bytes can be recovered from it.
///
/// A backslash is doubled, and a byte that is not part of UTF-8 is written `\xFF`; every other name is its own text.
package enum PathText {
    private static let backslash = UInt8(ascii: "\\")

    package static func text(_ bytes: [UInt8]) -> String {
        // Nearly all names are ASCII without a backslash; trees have a hundred thousand of them.
        let isPlain = bytes.withUnsafeBufferPointer { bytes in
            for byte in bytes where byte == backslash || byte >= 0x80 { return false }
            return true
        }
        if isPlain { return String(decoding: bytes, as: UTF8.self) }
        if !bytes.contains(backslash), let text = String(validating: bytes, as: UTF8.self) { return text }
        var text = ""
        var place = 0
        while place < bytes.count {
            if bytes[place] == backslash {
                text += "\\\\"
                place += 1
            } else if let scalar = scalar(bytes, at: place) {
                text += scalar
                place += scalar.utf8.count
            } else {
                let digits = String(bytes[place], radix: 16, uppercase: true)
                text += "\\x" + (digits.count == 1 ? "0" : "") + digits
                place += 1
            }
        }
        return text
    }

    /// - Returns: nil for text that ``text(_:)`` does not write.
    package static func bytes(_ text: String) -> [UInt8]? {
        let escaped = Array(text.utf8)
        guard text.utf8.contains(backslash) else { return escaped }
        var bytes: [UInt8] = []
        var place = 0
        while place < escaped.count {
            guard escaped[place] == backslash else {
                bytes.append(escaped[place])
                place += 1
                continue
            }
            guard place + 1 < escaped.count else { return nil }
            if escaped[place + 1] == backslash {
                bytes.append(backslash)
                place += 2
            } else {
                guard escaped[place + 1] == UInt8(ascii: "x"), place + 3 < escaped.count,
                    let byte = UInt8(String(decoding: escaped[(place + 2)...(place + 3)], as: UTF8.self), radix: 16)
                else { return nil }
                bytes.append(byte)
                place += 4
            }
        }
        return Self.text(bytes) == text ? bytes : nil
    }

    /// The name as text; nil if it is not UTF-8.
    package static func plain(_ text: String) -> String? { bytes(text).flatMap { String(validating: $0, as: UTF8.self) } }

    /// The character that begins at a place; nil if none does.
    private static func scalar(_ bytes: [UInt8], at place: Int) -> String? {
        for length in 1...4 where place + length <= bytes.count {
            if let text = String(validating: bytes[place..<place + length], as: UTF8.self) { return text }
        }
        return nil
    }
}
