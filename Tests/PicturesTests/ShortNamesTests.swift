import Testing

@testable import Pictures

/// Names that differ never look the same.
@Suite struct ShortNamesTests {
    private func shortened(_ names: [String], _ width: Double) -> [String] {
        let texts = ShortNames.shortened(names, toWidth: width, size: 11)
        for text in texts { #expect(TextWidth.width(of: text, size: 11) <= width) }
        return texts
    }

    @Test func whatFitsStaysAsItIs() {
        #expect(shortened(["fc1.weight", "fc2.weight", "fc1.weight"], 200) == ["fc1.weight", "fc2.weight", "fc1.weight"])
    }

    @Test func namesKeepThePartsThatDiffer() {
        let layers = shortened(
            ["transformer.h.0.attn.c_proj.weight", "transformer.h.0.mlp.c_proj.weight", "transformer.h.1.mlp.c_proj.weight"], 130)
        #expect(Set(layers).count == 3)
        #expect(layers[0].contains("attn") && layers[1].contains("0.mlp") && layers[2].contains("1.mlp"))
        let bert = shortened(
            ["bert.encoder.layer.0.attention.output.dense.weight", "bert.encoder.layer.0.output.dense.weight"], 150)
        #expect(Set(bert).count == 2)
        #expect(bert[0].contains("attention"))
        let files = shortened(
            [
                "a-very-long-checkpoint-name-with-learning-rate-0.0003-and-weight-decay-0.1-seed-12345.tar",
                "a-very-long-checkpoint-name-with-learning-rate-0.0003-and-weight-decay-0.2-seed-12345.tar",
            ], 180)
        #expect(files[0].contains("0.1-seed") && files[1].contains("0.2-seed"))
    }

    /// As soon as two would look the same, all that are cut are cut in the same way.
    @Test func namesOfOneSheetAreCutAlike() {
        let parts = ["attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"]
        let texts = shortened(parts.map { "transformer.h.0.\($0).weight" }, 130)
        for (text, part) in zip(texts, parts) { #expect(text.hasPrefix("…") && text.hasSuffix("0.\(part).weight"), "\(text)") }
    }

    /// `a0.h1` and `a0.h11` differ at their ends.
    @Test func shortNamesInNarrowNodes() {
        let names = (0..<12).map { "a0.h\($0)" }
        let texts = shortened(names, 26)
        #expect(Set(texts).count == 12)
    }

    @Test func whatCannotBeToldIsNumbered() {
        let names = (0..<3).map { "x" + String(repeating: "abc", count: 50) + "\($0)" + String(repeating: "d", count: 200) }
        #expect(Set(shortened(names, 60)).count == 3)
    }

    @Test(arguments: [0.0, 5, 12, 40, 90, 300]) func noWidthTraps(width: Double) {
        let names = ["", "a", ".", "..", "a.b", "a.b.c", "a.c", String(repeating: "long.", count: 800), "Schicht.ü", "层.权重.一"]
        #expect(shortened(names, width).count == names.count)
    }

    @Test func panelsOfASheetHaveTitlesOfTheirOwn() {
        let names = ["transformer.h.0.attn.c_proj.weight", "transformer.h.0.mlp.c_proj.weight", "transformer.h.0.mlp.c_fc.weight"]
        let charts = names.map {
            LineChart(title: "\($0), k = 4: clusterability 0.84 (noise 0.57)", series: [.init("", [.init(1, 1), .init(2, 2)])])
        }
        let reader = SVGReader(Sheet(title: "", charts: charts, columns: 3).drawing(width: 500))
        let groups = reader.elements.filter { $0.name == "text" && $0.attributes["font-weight"] == "bold" }.map(\.text)
        let first = groups.filter { $0.contains("c_") || $0.contains("…") }
        #expect(Set(first).count == first.count && first.count == 3)
    }

    @Test func rowsAndLegendsHaveNamesOfTheirOwn() {
        let names = ["attention", "intermediate"].map { "bert.encoder.layer.11.\($0).output.dense.layer_normalisation.weight" }
        let dots = DotChart(
            title: "", categories: names,
            series: names.map { DotChart.Series(String(repeating: "run.", count: 20) + $0 + String(repeating: ".x", count: 30), [1, 2]) })
        let texts = SVGReader(Figure(dots).drawing(width: 500)).elements.filter { $0.name == "text" && $0.text.contains("…") }.map(\.text)
        #expect(texts.count == 4 && Set(texts).count == 4)
    }

    @Test func theLayersOfManyBlocksStayDifferent() {
        let names = (0..<12).flatMap { block in
            ["attention.output.dense", "attention.query", "output.dense"].map { "bert.encoder.layer.\(block).\($0).weight" }
        }
        for width in [160.0, 240] {
            let short = ShortNames.shortened(names, toWidth: width, size: 11)
            #expect(zip(names, short).allSatisfy { TextWidth.width(of: $1, size: 11) <= width })
            #expect(Set(short).count == names.count, "\(width): \(short)")
        }
        #expect(ShortNames.shortened(["a", "b"], toWidth: 100, size: 11) == ["a", "b"])
    }

    @Test func namesOfMegabytesAreShortenedAtOnce() {
        let long = ["x", "y"].map { String(repeating: "name", count: 500_000) + $0 }
        #expect(ShortNames.shortened(long, toWidth: 50, size: 11).allSatisfy { $0.count < 20 })
    }
}
