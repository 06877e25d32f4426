/// Measures text without a font.
package enum TextWidth {
    /// The width of a line of text in the unit of `size`, drawn in a common sans-serif font.
    ///
    /// What is drawn is no wider in Helvetica, Arial, Liberation Sans or DejaVu Sans. Characters that no table holds count by their kind: one em for
    /// Chinese, Japanese and Korean, nothing for a mark that combines, a little more than one em for an emoji and for what is unknown.
    ///
    /// - Parameters:
    ///   - text: any text; a line break counts as a character.
    ///   - size: the font's size.
    package static func width(of text: String, size: Double, bold: Bool = false) -> Double {
        var total = 0
        for character in text { total += units(of: character, bold: bold) }
        return Double(total) * size / 1000
    }

    /// The advance of one character, as it is perceived, in thousandths of the em.
    private static func units(of character: Character, bold: Bool) -> Int {
        let scalars = character.unicodeScalars
        let first = scalars[scalars.startIndex]
        let second = scalars.index(after: scalars.startIndex)
        if second == scalars.endIndex { return units(of: first, bold: bold) }
        // One picture, however many characters it is joined of.
        if first.properties.isEmojiPresentation || scalars[second] == "\u{FE0F}" { return emojiUnits }
        return scalars.reduce(0) { $0 + units(of: $1, bold: bold) }
    }

    private static let emojiUnits = 1400
    /// What a character counts that nothing is known of; also the box that stands for a control character.
    private static let unknownUnits = 1100

    private static func units(of scalar: Unicode.Scalar, bold: Bool) -> Int {
        let code = scalar.value
        var start = 0
        for range in TextWidthTable.ranges {
            if code < range.lowerBound { break }
            if code <= range.upperBound {
                let index = start + Int(code - range.lowerBound)
                let advance = Int(bold ? TextWidthTable.bold[index] : TextWidthTable.regular[index])
                if advance > 0 { return advance }
                break
            }
            start += range.count
        }
        let properties = scalar.properties
        switch properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format: return 0
        default: break
        }
        if properties.isEmojiPresentation { return emojiUnits }
        return isWide(code) ? 1000 : unknownUnits
    }

    /// Whether a character fills the square of Chinese, Japanese and Korean type.
    private static func isWide(_ code: UInt32) -> Bool {
        switch code {
        case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6,
            0x20000...0x3FFFD:
            return true
        default:
            return false
        }
    }
}
