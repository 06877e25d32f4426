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

    @Test func tablesAreAlignedWithoutTrailingSpaces() {
        var table = TextTable([("name", .left), ("n", .right), ("x", .left)])
        table.add(["a\nb", "1", ""])
        table.add(["c", "100", "y"])
        #expect(table.text(indent: 1) == " name    n  x\n a\\nb    1\n c     100  y\n")
    }

    /// Widths as terminals show them.
    @Test(arguments: [
        ("abc", 3), ("é", 1), ("e\u{301}", 1), ("漢字", 4), ("한", 2), ("ｱ", 1), ("Ａ", 2), ("😀", 2), ("👨‍👩‍👧", 2), ("\u{200B}", 0), ("ж", 1),
        ("…", 1),
    ])
    func widthsAreThoseOfATerminal(text: String, width: Int) { #expect(TextWidth.of(text) == width) }

    @Test func wideNamesAreCutToTheirWidth() {
        for width in 4...12 {
            let cut = TextWidth.cut("模型检查点文件名称很长", to: width)
            #expect(TextWidth.of(cut) <= width && TextWidth.of(cut) >= width - 2 && cut.contains("..."), "\(width): \(cut)")
        }
        var table = TextTable([("path", .left), ("n", .right)])
        table.add(["漢字", "1"])
        table.add(["abc", "100"])
        #expect(table.text() == "path    n\n漢字    1\nabc   100\n")
        let lines = LabelledLine.text("name", String(repeating: "検", count: 60), padding: 6, width: 40).split(separator: "\n")
        #expect(lines.count > 1 && lines.allSatisfy { TextWidth.of(String($0)) <= 40 })
    }
}
