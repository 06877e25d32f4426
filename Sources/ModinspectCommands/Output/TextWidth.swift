import Text
import Glibc

/// The width of a line of text, in columns.
enum TextWidth {
    /// The width of the result: `COLUMNS` if it is set, otherwise the terminal's, otherwise 80.
    static var columns: Int {
        if let value = getenv("COLUMNS"), let columns = Int(String(cString: value)), columns > 0 { return max(columns, least) }
        return terminal(STDOUT_FILENO) ?? 80
    }

    /// Narrower than this nothing is laid out.
    static let least = 40

    /// The columns of the terminal that the descriptor is; nil if it is none.
    static func terminal(_ descriptor: Int32) -> Int? {
        var size = winsize()
        guard isatty(descriptor) == 1, ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return max(Int(size.ws_col), least)
    }

    /// The width of a text in columns, as terminals show it.
    static func of(_ text: String) -> Int {
        text.utf8.allSatisfy { $0 < 0x80 } ? text.utf8.count : text.reduce(0) { $0 + of($1) }
    }

    /// The width of a character: 2 for those of East Asian scripts and emoji, 0 for marks and controls by themselves, else 1.
    static func of(_ character: Character) -> Int {
        var width = 0
        for scalar in character.unicodeScalars {
            if scalar.properties.isEmojiPresentation || scalar.value == 0xFE0F || isWide(scalar.value) { return 2 }
            switch scalar.properties.generalCategory {
            case .nonspacingMark, .enclosingMark, .format, .control: break
            default: width = 1
            }
        }
        return width
    }

    /// Whether a code point is East Asian wide or fullwidth (Unicode Standard Annex 11, blocks as a whole).
    private static func isWide(_ value: UInt32) -> Bool {
        guard value >= 0x1100 else { return false }
        return wide.contains { $0.contains(value) }
    }

    private static let wide: [ClosedRange<UInt32>] = [
        0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x4DBF, 0x4E00...0xA4CF, 0xA960...0xA97C, 0xAC00...0xD7A3, 0xF900...0xFAFF,
        0xFE10...0xFE19, 0xFE30...0xFE6F, 0xFF01...0xFF60, 0xFFE0...0xFFE6, 0x16FE0...0x18DFF, 0x1AFF0...0x1B2FF, 0x1F200...0x1F265,
        0x20000...0x3FFFD,
    ]

    /// The text in `width` columns: if it is longer, its middle is left out.
    static func cut(_ text: String, to width: Int) -> String {
        guard of(text) > width, width > 3 else { return text }
        let end = (width - 3) / 2
        var room = width - 3 - end
        let front = text.prefix { character in
            room -= of(character)
            return room >= 0
        }
        room = end
        let back = text.reversed().prefix { character in
            room -= of(character)
            return room >= 0
        }
        return String(front) + "..." + String(back.reversed())
    }
}

/// A line with a label and a value, such as `  data        mnist.npz, 10,000 samples`.
enum LabelledLine {
    /// The label, padded to `padding`, and the value; what does not fit continues below the value, broken at spaces and after commas.
    static func text(_ label: String, _ value: String, padding: Int, width: Int = TextWidth.columns) -> String {
        let room = max(16, width - 2 - padding)
        var text = ""
        for (place, line) in lines(value.singleLine, room: room).enumerated() {
            let head = place == 0 ? label : ""
            text += "  " + head + String(repeating: " ", count: max(0, padding - head.count)) + line + "\n"
        }
        return text
    }

    /// A sentence on lines of its own, each after `indent` spaces, broken at spaces and after commas.
    static func sentence(_ text: String, indent: Int, width: Int = TextWidth.columns) -> String {
        lines(text.singleLine, room: max(16, width - indent)).map { String(repeating: " ", count: indent) + $0 + "\n" }.joined()
    }

    /// As much of a text as has room; at least one character.
    private static func front(of text: Substring, width: Int) -> Substring {
        var room = width
        let line = text.prefix { character in
            room -= TextWidth.of(character)
            return room >= 0
        }
        return line.isEmpty ? text.prefix(1) : line
    }

    /// The value in lines of at most `room` columns; a word that is longer is broken where the line ends.
    private static func lines(_ value: String, room: Int) -> [String] {
        guard TextWidth.of(value) > room else { return [value] }
        var lines: [String] = []
        var rest = Substring(value)
        // Counting all of the remaining text for every line would need quadratic time.
        while true {
            let line = front(of: rest, width: room)
            guard line.endIndex < rest.endIndex else { break }
            let end = line.lastIndex { $0 == " " || $0 == "," } ?? line.index(before: line.endIndex)
            let piece = rest[...end]
            lines.append(String(piece.last == " " ? piece.dropLast() : piece))
            rest = rest[rest.index(after: end)...].drop { $0 == " " }
        }
        if !rest.isEmpty { lines.append(String(rest)) }
        return lines
    }
}
