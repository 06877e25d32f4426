import Text

/// A word, number or mark in a script's code.
struct ScriptToken {
    enum Kind {
        case word, number, text, symbol
        /// The end of a line that is not inside brackets.
        case line
        /// The beginning and the end of lines that stand further to the right.
        case indent, dedent
    }

    let kind: Kind
    let text: String
    /// The line that it is in, from 1.
    let line: Int

    init(_ kind: Kind, _ text: String = "", line: Int) {
        self.kind = kind
        self.text = text
        self.line = line
    }
}

/// Divides a script's code into tokens.
enum ScriptTokens {
    private static let limit = 1 << 20

    static func read(_ text: String) throws(Problem) -> [ScriptToken] {
        let bytes = Array(text.utf8)
        var tokens: [ScriptToken] = []
        var indents = [0]
        var brackets = 0
        var place = 0
        var isLineStart = true
        var line = 1
        func byte(_ place: Int) -> UInt8 { place < bytes.count ? bytes[place] : 0 }
        while place < bytes.count {
            guard tokens.count < limit else { throw Problem("is too much code", expected: "at most \(limit) words") }
            if isLineStart, brackets == 0 {
                let start = place
                while byte(place) == UInt8(ascii: " ") { place += 1 }
                if byte(place) == UInt8(ascii: "\n") || place >= bytes.count || byte(place) == UInt8(ascii: "#") {
                    while place < bytes.count, bytes[place] != UInt8(ascii: "\n") { place += 1 }
                    place += 1
                    line += 1
                    continue
                }
                let indent = place - start
                if indent > indents[indents.count - 1] {
                    guard indents.count < 256 else { throw Problem("is code that nests too deep") }
                    indents.append(indent)
                    tokens.append(ScriptToken(.indent, line: line))
                }
                while indent < indents[indents.count - 1] {
                    indents.removeLast()
                    tokens.append(ScriptToken(.dedent, line: line))
                }
                isLineStart = false
            }
            let first = bytes[place]
            switch first {
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"): place += 1
            case UInt8(ascii: "\n"):
                place += 1
                if brackets == 0 {
                    tokens.append(ScriptToken(.line, line: line))
                    isLineStart = true
                }
                line += 1
            case UInt8(ascii: "#"): while place < bytes.count, bytes[place] != UInt8(ascii: "\n") { place += 1 }
            case UInt8(ascii: "\""), UInt8(ascii: "'"): tokens.append(ScriptToken(.text, try quoted(bytes, &place), line: line))
            case _ where isWord(first) && !isDigit(first):
                let start = place
                while isWord(byte(place)) { place += 1 }
                tokens.append(ScriptToken(.word, String(decoding: bytes[start..<place], as: UTF8.self), line: line))
            case _ where isDigit(first) || first == UInt8(ascii: ".") && isDigit(byte(place + 1)):
                let start = place
                while isWord(byte(place)) || byte(place) == UInt8(ascii: ".")
                    || (byte(place) == UInt8(ascii: "-") || byte(place) == UInt8(ascii: "+")) && byte(place - 1) | 0x20 == UInt8(ascii: "e")
                { place += 1 }
                tokens.append(ScriptToken(.number, String(decoding: bytes[start..<place], as: UTF8.self), line: line))
            default:
                if first == UInt8(ascii: "-"), byte(place + 1) == UInt8(ascii: ">") {
                    tokens.append(ScriptToken(.symbol, "->", line: line))
                    place += 2
                    break
                }
                guard "()[]{}.,:=*-+/<>|%&!@".utf8.contains(first) else {
                    throw Problem("is not code of TorchScript", subject: "line \(line)", found: "byte \(first)")
                }
                if "([{".utf8.contains(first) { brackets += 1 }
                if ")]}".utf8.contains(first) { brackets = max(0, brackets - 1) }
                tokens.append(ScriptToken(.symbol, String(decoding: [first], as: UTF8.self), line: line))
                place += 1
            }
        }
        tokens.append(ScriptToken(.line, line: line))
        for _ in indents.dropFirst() { tokens.append(ScriptToken(.dedent, line: line)) }
        return tokens
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

    private static func isWord(_ byte: UInt8) -> Bool {
        isDigit(byte) || byte == UInt8(ascii: "_") || (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7A || byte >= 0x80
    }

    /// The text of a string, whose quotation mark is at `place`.
    private static func quoted(_ bytes: [UInt8], _ place: inout Int) throws(Problem) -> String {
        let mark = bytes[place]
        var text: [UInt8] = []
        place += 1
        while place < bytes.count, bytes[place] != mark {
            if bytes[place] == UInt8(ascii: "\\"), place + 1 < bytes.count { place += 1 }
            text.append(bytes[place])
            place += 1
        }
        guard place < bytes.count else { throw Problem("is not code of TorchScript", expected: "the end of a text") }
        place += 1
        return String(decoding: text, as: UTF8.self)
    }
}
