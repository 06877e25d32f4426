import Testing
import Text

@Suite struct ByteTextTests {
    @Test(arguments: [
        (0.34125, "0.3412"), (-2.0, "-2.0000"), (0.0, "0.0000"), (0.00001, "1.0e-05"), (1e12, "1e+12"), (.nan, "nan"), (-.infinity, "-inf"),
    ])
    func numbersForEyesHaveFourDigits(value: Double, text: String) { #expect(ByteText.rounded(value) == text) }

    @Test(arguments: [(4.0, "4"), (0.1, "0.1"), (1e300, "1e+300"), (-0.0, "-0"), (0.30000000000000004, "0.30000000000000004")])
    func numbersForProgramsReadBack(value: Double, text: String) {
        #expect(ByteText.shortest(value) == text)
        #expect(Double(text) == value)
    }

    @Test func countsAreGrouped() {
        #expect(ByteText.grouped(124_439_808) == "124,439,808")
        #expect(ByteText.grouped(-1000) == "-1,000")
        #expect(ByteText.grouped(999) == "999")
    }
}
