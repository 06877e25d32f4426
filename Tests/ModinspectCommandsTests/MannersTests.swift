import Testing
import Text

@testable import ModinspectCommands

@Suite struct MannersTests {
    @Test(arguments: [
        (["score", "-k4"], ["score", "-k=4"]), (["-qk4", "m"], ["-q", "-k=4", "m"]), (["-qk", "4"], ["-q", "-k", "4"]),
        (["-o-"], ["-o=-"]), (["-o", "-"], ["-o", "-"]), (["-ofile"], ["-o=file"]), (["-k=4"], ["-k=4"]),
        (["--seed", "-1"], ["--seed=-1"]), (["--x", "-1.5e-3"], ["--x=-1.5e-3"]), (["--x", "-.5"], ["--x=-.5"]),
        (["-k", "-1"], ["-k=-1"]), (["--files-from", "l", "-0"], ["--files-from", "l", "-0"]), (["--quiet", "-0"], ["--quiet", "-0"]),
        (["--x=1", "-1"], ["--x=1", "-1"]), (["--", "-k4", "-1"], ["--", "-k4", "-1"]), (["-z4"], ["-z4"]), (["-"], ["-"]),
        (["--normalize", "-0.5,2"], ["--normalize=-0.5,2"]), (["--fail-under", "-inf"], ["--fail-under=-inf"]),
    ])
    func argumentsAreSpelledOut(arguments: [String], expected: [String]) { #expect(ArgumentLine.spelledOut(arguments) == expected) }

    @Test(arguments: [
        ("scroe", "score"), ("SCORE", "score"), ("evl", "eval"), ("comp", "compare"), ("finetun", "finetune"), ("co", nil), ("xyz", nil),
        ("", nil), ("graphs", "graph"),
    ])
    func theNearestWordIsOneThatWasMistyped(word: String, nearest: String?) {
        #expect(NearestWord.nearest(to: word, in: ["score", "eval", "compare", "finetune", "graph"]) == nearest)
    }

    @Test(arguments: [
        (Problem("is odd", path: "m.pt"), "is odd", nil, nil),
        (Problem("is odd", path: "m.pt", expected: "a, found b", found: "c, expected d"), "is odd", "a, found b", "c, expected d"),
        (Problem("is odd", path: "m.pt", subject: "tensor 'a'", found: "c", hint: .pickKey), "tensor 'a': is odd", nil, "c"),
        (Problem("is odd", path: "m.pt", member: "a.bin", expected: "3"), "m.pt!a.bin: is odd", "3", nil),
        (Problem("is odd", path: "other.bin", setting: .architecture), "other.bin: --arch: is odd", nil, nil),
    ])
    func aFailureHasThePartsOfItsProblem(problem: Problem, what: String, expected: String?, found: String?) {
        #expect(FailedCheckpoint(path: "m.pt", problem).error == .init(what: what, expected: expected, found: found))
    }

    @Test func aFailureForEyesHasTheHint() {
        let problem = Problem("several models in the file", path: "m.pt", found: "a and b", hint: .pickKey)
        #expect(
            FailedCheckpoint(path: "m.pt", problem).text
                == "m.pt\n  failed: several models in the file, found a and b; --key KEY picks one\n")
    }

    @Test func aFailureForEyesFitsTheWidth() {
        let problem = Problem(
            "the data end before the tensor does", path: "m.pt", subject: "tensor 'fc1.weight'", expected: "4096 bytes", found: "2848")
        #expect(
            FailedCheckpoint(path: "m.pt", problem).text == """
                m.pt
                  failed: tensor 'fc1.weight': the data end before the tensor does, expected
                          4096 bytes, found 2848

                """)
    }

    @Test func remarksOfOneKindAreOneLine() {
        let remarks = ["a", "b", "c", "d", "e"].map { (name: $0, text: "is odd") }
        #expect(Diagnostics.gathered("m", "tensor", []) == nil)
        #expect(Diagnostics.gathered("m", "tensor", Array(remarks.prefix(1))) == "m: tensor 'a': is odd")
        #expect(Diagnostics.gathered("m", "tensor", Array(remarks.prefix(2))) == "m: tensor 'a': is odd; likewise 1 other: 'b'")
        #expect(Diagnostics.gathered("m", "tensor", remarks) == "m: tensor 'a': is odd; likewise 4 others: 'b', 'c', 'd' and 1 more")
    }

    private func table(_ names: [String], columns: Int) -> TextTable {
        var table = TextTable([("layer", .left)] + (0..<columns).map { ("c\($0)", .right) })
        for name in names { table.add([name] + (0..<columns).map { "\($0).25" }) }
        return table
    }

    @Test func namesThatStayApartAreCutInTheMiddle() {
        let text = table(["first.of.the.long.names.weight", "second.of.the.long.names.weight"], columns: 2).text(width: 35)
        #expect(
            text == """
                layer                      c0    c1
                first.of.t...mes.weight  0.25  1.25
                second.of....mes.weight  0.25  1.25

                """)
    }

    @Test func namesThatWouldBeTheSameStandOnLinesOfTheirOwn() {
        let names = (0..<2).map { "model.layers.\($0).mlp.up_proj.weight.that.is.long" }
        #expect(
            table(names, columns: 3).text(width: 44)
                == """
                layer
                    c0    c1    c2
                model.layers.0.mlp.up....weight.that.is.long
                  0.25  1.25  2.25
                model.layers.1.mlp.up....weight.that.is.long
                  0.25  1.25  2.25

                """)
    }

    @Test func columnsThatDoNotFitGoIntoTablesBelow() {
        let lines = table(["a"], columns: 12).text(width: 40).split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.allSatisfy { $0.count <= 40 })
        #expect(lines.filter { $0.hasPrefix("layer") }.count == 3 && lines.filter { $0.hasPrefix("a ") }.count == 3)
        #expect((0..<12).allSatisfy { column in lines.contains { $0.split(separator: " ").contains("c\(column)") } })
    }

    @Test func longValuesGoOnBelowTheirLabel() {
        #expect(
            LabelledLine.text("runs", "as fc1,relu,fc2,relu,fc3", padding: 6, width: 24) == "  runs  as fc1,relu,fc2,\n        relu,fc3\n")
        #expect(LabelledLine.text("data", "short", padding: 6, width: 24) == "  data  short\n")
    }
}
