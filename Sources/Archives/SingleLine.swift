extension String {
    /// The text with control characters, line ends among them, written as escapes: names in hostile files stay on one line, and
    /// cannot turn the direction in which a terminal shows the rest of it.
    package var singleLine: String {
        func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
            switch scalar.value {
            case 0x20..<0x7F: false
            case 0x2028...0x202E, 0x2066...0x2069, 0x200E, 0x200F, 0x061C: true
            default: scalar.properties.generalCategory == .control
            }
        }
        if utf8.allSatisfy({ (0x20..<0x7F).contains($0) }) { return self }
        guard unicodeScalars.contains(where: isUnsafe) else { return self }
        var text = ""
        for scalar in unicodeScalars {
            if isUnsafe(scalar) {
                text += scalar.escaped(asASCII: true)
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}
