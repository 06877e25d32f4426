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

    /// The width of a text in columns: two for each wide character, as those of Chinese, none for what only changes the one before it.
    static func of(_ text: String) -> Int {
        text.utf8.allSatisfy { $0 < 0x80 } ? text.utf8.count : text.reduce(0) { $0 + columns(of: $1) }
    }

    private static func columns(of character: Character) -> Int {
        guard let scalar = character.unicodeScalars.first, !scalar.isASCII else { return 1 }
        if wide.contains(where: { $0.contains(scalar.value) }) || character.unicodeScalars.contains("\u{FE0F}") { return 2 }
        return switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format: 0
        default: 1
        }
    }

    /// The blocks of characters that are wide or full width, by Unicode's annex 11.
    private static let wide: [ClosedRange<UInt32>] = [
        0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xA960...0xA97C, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F,
        0xFF01...0xFF60, 0xFFE0...0xFFE6, 0x1F1E6...0x1F1FF, 0x1F300...0x1F64F, 0x1F680...0x1F6FF, 0x1F900...0x1F9FF, 0x1FA70...0x1FAFF,
        0x20000...0x3FFFD,
    ]

    /// The text in `width` columns: if it is longer, its middle is left out.
    static func cut(_ text: String, to width: Int) -> String {
        guard of(text) > width, width > 3 else { return text }
        let end = (width - 3) / 2
        return String(text.prefix(width - 3 - end)) + "..." + String(text.suffix(end))
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

    /// The value in lines of at most `room` columns; a word that is longer is broken where the line ends.
    private static func lines(_ value: String, room: Int) -> [String] {
        guard TextWidth.of(value) > room else { return [value] }
        var lines: [String] = []
        var rest = Substring(value)
        // Counting all of the remaining text for every line would need quadratic time.
        while let limit = rest.index(rest.startIndex, offsetBy: room, limitedBy: rest.endIndex), limit < rest.endIndex {
            let line = rest[..<limit]
            let end = line.lastIndex { $0 == " " || $0 == "," } ?? line.index(before: line.endIndex)
            let piece = rest[...end]
            lines.append(String(piece.last == " " ? piece.dropLast() : piece))
            rest = rest[rest.index(after: end)...].drop { $0 == " " }
        }
        if !rest.isEmpty { lines.append(String(rest)) }
        return lines
    }
}
