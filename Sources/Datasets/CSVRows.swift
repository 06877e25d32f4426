import Text

/// The rows of a text with values separated by commas (RFC 4180) or tabs: quoted fields may hold separators, line ends and doubled quotes.
/// Lines may end in LF only; empty ones are skipped.
struct CSVRows {
    /// What is between two fields.
    enum Separator: UInt8, Sendable {
        case comma = 0x2C
        case tab = 0x09

        var name: String { self == .comma ? "a comma" : "a tab" }
    }

    struct Row {
        let fields: [String]
        /// Where the row begins, counted from 1.
        let line: Int
    }

    private let bytes: [UInt8]
    private let path: String
    private let separator: UInt8
    private var position = 0
    private var line = 1

    init(_ text: String, path: String, separator: Separator = .comma) {
        bytes = Array(text.utf8)
        self.path = path
        self.separator = separator.rawValue
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
    }

    /// The next row, nil at the end.
    mutating func next() throws -> Row? {
        while let byte = peek, byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") { advance() }
        guard peek != nil else { return nil }
        let first = line
        var fields: [String] = []
        while true {
            fields.append(try field())
            guard let byte = peek else { break }
            advance()
            if byte == separator { continue }
            if byte == UInt8(ascii: "\r"), peek == UInt8(ascii: "\n") { advance() }
            break
        }
        return Row(fields: fields, line: first)
    }

    private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func advance() {
        if bytes[position] == UInt8(ascii: "\n") { line += 1 }
        position += 1
    }

    /// One field, up to the comma, the line's end or the text's end.
    private mutating func field() throws -> String {
        guard peek == UInt8(ascii: "\"") else {
            let start = position
            while let byte = peek, !isEnd(byte) { advance() }
            return String(decoding: bytes[start..<position], as: UTF8.self)
        }
        let first = line
        advance()
        var content: [UInt8] = []
        while true {
            guard let byte = peek else { throw Problem(path: path, problem: "the quotes in line \(first) are never closed") }
            advance()
            if byte != UInt8(ascii: "\"") {
                content.append(byte)
            } else if peek == byte {
                content.append(byte)
                advance()
            } else {
                break
            }
        }
        if let byte = peek, !isEnd(byte) {
            throw Problem(
                path: path, problem: "text after the closing quotes in line \(line)",
                expected: "\(Separator(rawValue: separator)?.name ?? "") or the line's end")
        }
        return String(decoding: content, as: UTF8.self)
    }

    private func isEnd(_ byte: UInt8) -> Bool {
        byte == separator || byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
    }
}
