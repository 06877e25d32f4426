import Testing

@testable import ModinspectCommands

@Suite struct OutputTextTests {
    private struct Inner: Encodable {
        let z: Int?
        let a: Double
    }
    private struct Report: Encodable {
        let b: String
        let a: [Inner]
        let labels: [Int]
        let numbers: [Double]
        let nothing: Inner?
        let flag: Bool
    }

    @Test func membersKeepTheirOrderAndNilIsNull() throws {
        let report = Report(
            b: "\"\\\n\u{1}é", a: [Inner(z: nil, a: .nan), Inner(z: 1, a: 0.1)], labels: [3, -1], numbers: [1, .infinity], nothing: nil,
            flag: true)
        let line = String(decoding: try ReportEncoder.bytes(of: report, isIndented: false), as: UTF8.self)
        #expect(
            line
                == #"{"b":"\"\\\n\u0001é","a":[{"z":null,"a":null},{"z":1,"a":0.1}],"labels":[3,-1],"numbers":[1,null],"nothing":null,"flag":true}"#
                + "\n")
    }

    @Test(arguments: ["", "plain", "a\tb", "a\nb\r", "back\\slash", "\\t", "\\", "\u{0}\u{7F}\u{2028}", "\\u{41}", "é"])
    func escapedFieldsReadBack(field: String) {
        let escaped = TSV.escaped(field)
        #expect(!escaped.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F || $0.value == 0x2028 })
        #expect(TSV.unescaped(escaped) == field)
    }

    @Test(arguments: [
        (0.34125, "0.3412"), (-2.0, "-2.0000"), (0.0, "0.0000"), (0.00001, "1.0e-05"), (1e12, "1e+12"), (.nan, "nan"), (-.infinity, "-inf"),
    ])
    func numbersForEyesHaveFourDigits(value: Double, text: String) { #expect(ByteText.rounded(value) == text) }

    @Test(arguments: [(4.0, "4"), (0.1, "0.1"), (1e300, "1e+300"), (-0.0, "-0"), (0.30000000000000004, "0.30000000000000004")])
    func numbersForProgramsReadBack(value: Double, text: String) {
        #expect(ByteText.shortest(value) == text)
        #expect(Double(text) == value)
    }

    @Test func tablesAreAlignedWithoutTrailingSpaces() {
        var table = TextTable([("name", .left), ("n", .right), ("x", .left)])
        table.add(["a\nb", "1", ""])
        table.add(["c", "100", "y"])
        #expect(table.text(indent: 1) == " name    n  x\n a\\nb    1\n c     100  y\n")
    }

    @Test func countsAreGrouped() {
        #expect(ByteText.grouped(124_439_808) == "124,439,808")
        #expect(ByteText.grouped(-1000) == "-1,000")
        #expect(ByteText.grouped(999) == "999")
    }
}
