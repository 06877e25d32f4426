/// Measures text without a font.
package enum TextWidth {
    /// The width of a line of text in pixels.
    package static func width(of text: String, size: Double, bold: Bool = false) -> Double {
        Double(text.count) * size * (bold ? 0.62 : 0.57)
    }
}
