import Testing
import Text

@Suite struct DecimalNumberTests {
    @Test(arguments: [
        ("0", 0), ("1", 1), ("-1.5", -1.5), ("+2", 2), (".5", 0.5), ("3.", 3), ("1e-3", 0.001), ("2E+2", 200), ("-0", -0.0),
        ("1e308", 1e308),
        ("00.10", 0.1), ("1e-400", 0),
    ])
    func decimalDigitsAreNumbers(text: String, number: Double) { #expect(Double(decimal: text) == number) }

    @Test(arguments: [
        "", "-", ".", "e3", "1e", "1e+", "inf", "-inf", "Infinity", "nan", "nan(0x1)", "0x1", "0x1p3", "1e309", "-1e999", " 1", "1 ", "1,5",
        "1.2.3",
        "--1", "1_000", "\u{0661}", "1\0",
    ])
    func everythingElseIsNone(text: String) { #expect(Double(decimal: text) == nil) }

    @Test func theTypeBoundsTheNumber() {
        #expect(Float(decimal: "1e39") == nil)
        #expect(Float(decimal: "-1e38") == -1e38)
    }
}
