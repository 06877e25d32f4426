import Text

/// Numbers as pictures show them: with a minus sign (U+2212), and without a sign where all digits are 0.
package enum NumberText {
    /// As `ByteText.rounded` writes it: four decimals, an exponent where they are not enough.
    package static func rounded(_ value: Double) -> String { signed(ByteText.rounded(value)) }

    /// The shortest digits that read back as the same number.
    package static func shortest(_ value: Double) -> String { signed(ByteText.shortest(value)) }

    /// A fixed number of decimals.
    package static func fixed(_ value: Double, digits: Int) -> String { signed(ByteText.fixed(value, digits: digits)) }

    /// The text of a number with minus signs in place of hyphens.
    package static func signed(_ text: String) -> String {
        guard text.contains("-") else { return text }
        let isZero = text.hasPrefix("-") && text.utf8.dropFirst().allSatisfy { $0 == UInt8(ascii: "0") || $0 == UInt8(ascii: ".") }
        return isZero ? String(text.dropFirst()) : text.replacing("-", with: "−")
    }
}
