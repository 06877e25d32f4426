import Archives
import Text

/// Tab-separated values: one header line, one row a line; tabs and line ends in a name are written as escapes.
enum TSV {
    /// A field that cannot break its row: `\t`, `\n`, `\r`, `\\` and `\u{...}` for other control characters.
    static func escaped(_ field: String) -> String {
        if field.utf8.allSatisfy({ (0x20..<0x7F).contains($0) && $0 != UInt8(ascii: "\\") }) { return field }
        func isSafe(_ scalar: Unicode.Scalar) -> Bool { scalar != "\\" && !scalar.breaksLine }
        if field.unicodeScalars.allSatisfy(isSafe) { return field }
        var text = ""
        for scalar in field.unicodeScalars {
            if isSafe(scalar) {
                text.unicodeScalars.append(scalar)
            } else {
                text += scalar == "\\" ? "\\\\" : scalar.escaped(asASCII: true)
            }
        }
        return text
    }

    /// The field that ``escaped(_:)`` wrote; anything that is not an escape is kept.
    static func unescaped(_ field: some StringProtocol) -> String {
        guard field.utf8.contains(UInt8(ascii: "\\")) else { return String(field) }
        var text = String.UnicodeScalarView()
        var rest = Substring(field).unicodeScalars[...]
        while let scalar = rest.popFirst() {
            guard scalar == "\\", let next = rest.first else {
                text.append(scalar)
                continue
            }
            switch next {
            case "t": text.append("\t")
            case "n": text.append("\n")
            case "r": text.append("\r")
            case "0": text.append("\0")
            case "\\": text.append("\\")
            case "u":
                let digits = rest.dropFirst(2).prefix { $0 != "}" }
                if rest.dropFirst().first == "{", digits.count <= 6, let code = UInt32(String(digits), radix: 16),
                    let value = Unicode.Scalar(code), rest.dropFirst(2 + digits.count).first == "}"
                {
                    text.append(value)
                    rest = rest.dropFirst(3 + digits.count)
                    continue
                }
                text.append(scalar)
                continue
            default:
                text.append(scalar)
                continue
            }
            rest = rest.dropFirst()
        }
        return String(text)
    }

    /// One line of the fields, which are escaped.
    static func row(_ fields: [String]) -> String {
        var row = ""
        for (number, field) in fields.enumerated() {
            if number > 0 { row += "\t" }
            row += escaped(field)
        }
        return row + "\n"
    }

    /// The row of a checkpoint that failed: its path, empty fields, and its status in the last column.
    static func row(_ failure: FailedCheckpoint, columns: Int) -> String {
        row([failure.path] + Array(repeating: "", count: columns - 2) + [CheckpointStatus.failed.rawValue])
    }

    /// A number with every digit it needs, `nan` if it is undefined.
    static func number(_ value: Double?) -> String {
        guard let value, !value.isNaN else { return "nan" }
        return ByteText.shortest(value)
    }
}
