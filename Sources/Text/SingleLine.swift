extension Unicode.Scalar {
    /// Whether the character has no place inside a line of text: control characters, line ends among them, and those that turn
    /// the direction in which a terminal shows what follows.
    package var breaksLine: Bool {
        switch value {
        case 0x20..<0x7F: false
        case 0x2028...0x202E, 0x2066...0x2069, 0x200E, 0x200F, 0x061C: true
        default: properties.generalCategory == .control
        }
    }
}

extension String {
    /// The path of a file on a line of its own: ``singleLine`` with backslashes doubled, so that no other path looks the same.
    package var pathLine: String { (contains("\\") ? replacing("\\", with: "\\\\") : self).singleLine }

    /// The text with what ``Unicode/Scalar/breaksLine`` names written as escapes: names in hostile files stay on one line.
    package var singleLine: String {
        if utf8.allSatisfy({ (0x20..<0x7F).contains($0) }) || !unicodeScalars.contains(where: \.breaksLine) { return self }
        var text = ""
        for scalar in unicodeScalars {
            if scalar.breaksLine {
                text += scalar.escaped(asASCII: true)
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}
