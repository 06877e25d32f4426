import Testing

@testable import Plots

/// The pictures of an audit, from lines written here.
@Suite struct AuditPicturesTests {
    private static func line(_ name: String, _ adjusted: Double?, family: String = "chain", step: Int? = nil, layers: [Double] = [])
        -> String
    {
        func scores(_ adjusted: Double?) -> String {
            let value = adjusted.map { "\($0)" } ?? "null"
            return
                "\"k\":4,\"clusterability\":\(adjusted.map { "\($0 / 2 + 0.5)" } ?? "null"),\"chance\":0.25,\"adjusted\":\(value),\"null\":null"
        }
        let rows = layers.enumerated().map { "{\"layer\":\"fc\($0).weight\",\(scores($1))}" }.joined(separator: ",")
        return
            "{\"schema\":\"modinspect.audit/1\",\"settings\":{\"method\":\"bsgc\",\"seed\":\"7\"},\"path\":\"\(name)\",\"status\":\"ok\",\"family\":\"\(family)\",\"step\":\(step.map { "\($0)" } ?? "null"),"
            + "\"findings\":[],\"results\":[{\"k\":4,\"layers\":[\(rows)],\"mean\":{\"layer\":null,\(scores(adjusted))}}]}"
    }

    private static let failed = #"{"schema":"modinspect.audit/1","path":"bad.pt","status":"failed","results":[]}"#

    private static func figures(_ lines: [String]) throws -> [PlotFigure] {
        try Sample.figures(text: lines.joined(separator: "\n") + "\n", path: "audit.jsonl")
    }

    @Test func theStripHasEveryValueAndCountsWhatIsMissing() throws {
        let values = [0.1, 0.11, 0.12, 0.13, 0.125, 0.9]
        let figures = try Self.figures(values.enumerated().map { Self.line("m\($0).pt", $1) } + [Self.line("dead.pt", nil), Self.failed])
        let strip = DrawnPicture(figures[0])
        #expect(strip.numbers() == Set(values))
        #expect(Set(strip.data("name")) == Set((0..<6).map { "m\($0).pt" }))
        // numpy.median of the six values.
        #expect(figures[0].title == "8 checkpoints, 1 not ok: median adjusted clusterability 0.12")
        #expect(figures[0].caption == "method bsgc · means over the layers · k = 4 · 1 not examined · 1 undefined · seed 7")
        // Tukey's fences around 0.1125 and 0.12875, numpy's quartiles, leave out 0.9 alone.
        #expect(figures[0].alternative.contains("outliers: m5.pt 0.9000."))
        let measures = DrawnPicture(figures[1])
        #expect(measures.data("chart") == ["adjusted clusterability", "clusterability", "chance"])
    }

    /// Quartiles of two groups leave nothing outside their fences.
    @Test func theLowestAndTheHighestAreNamed() throws {
        let values = [0.26, 0.36, 0.36, 0.37, 0.79, 0.79, 0.79, 0.79]
        let picture = DrawnPicture(try Self.figures(values.enumerated().map { Self.line("m\($0).pt", $1) })[0])
        #expect(picture.text.contains("m0.pt 0.2600") && !picture.text.contains("m7.pt 0.7900"))
    }

    @Test func quartilesAreThoseOfNumpy() {
        // numpy.quantile([1, 2, 4, 8, 16], [0, 0.1, 0.25, 0.6, 0.99, 1])
        let values = [1.0, 2, 4, 8, 16]
        for (share, expected) in [(0, 1), (0.1, 1.4), (0.25, 2), (0.6, 5.6), (0.99, 15.68), (1, 16)] {
            #expect(abs(AuditResult.quantile(values, share) - expected) < 1e-12)
        }
    }

    @Test func familiesHaveStripsOnOneScale() throws {
        let figures = try Self.figures([Self.line("a", 0.1), Self.line("b", 0.2, family: "gpt2"), Self.line("c", 0.3)])
        #expect(figures.map(\.name) == ["audit", "audit-measures", "audit-families"])
        #expect(DrawnPicture(figures[2]).data("chart") == ["chain: 2 checkpoints", "gpt2: 1 checkpoint"])
    }

    @Test func aTrainingRunIsALineForEachLayerOverItsSteps() throws {
        let figures = try Self.figures([
            Self.line("run/step-100/model.pt", 0.25, layers: [0.2, 0.3]), Self.line("run/step-20/model.pt", 0.15, layers: [0.1, 0.2]),
            Self.line("run/step-3/model.pt", 0.1, layers: [0.05, 0.15]), Self.line("other/step-3/model.pt", 0.4),
            Self.line("seed7.pt", 0.4),
            Self.line("seed8.pt", 0.4), Self.line("seed9.pt", 0.4),
        ])
        let runs = figures.filter { $0.name.hasPrefix("audit-run") }
        #expect(runs.map(\.name) == ["audit-run-run-step-model-pt"])
        let picture = DrawnPicture(runs[0])
        #expect(picture.numbers("x") == [3, 20, 100])
        for value in [0.2, 0.3, 0.25, 0.1, 0.15, 0.05] { #expect(picture.has(value)) }
        #expect(Set(picture.data("series")).isSuperset(of: ["fc0.weight", "fc1.weight", "mean of the layers"]))
        #expect(runs[0].title.contains("mean adjusted clusterability from 0.10 to 0.25 in 3 checkpoints"))
    }

    @Test func theStepThatTheFileRecordsCounts() throws {
        let figures = try Self.figures((1...3).map { Self.line("epoch_\($0).pt", 0.1 * Double($0), step: $0 * 500) })
        #expect(DrawnPicture(try #require(figures.last)).numbers("x") == [500, 1000, 1500])
    }

    @Test func severalAuditsAndTabsAreThePictureOfTheirLines() throws {
        let (one, two) = ([Self.line("a", 0.1)], [Self.line("b", 0.2), Self.line("a", 0.7)])
        let results = try [one, two].map { try PlottedResult(Array($0.joined(separator: "\n").utf8), path: "x") }
        #expect(DrawnPicture(PlottedResult.figures(of: results)[0]).numbers() == [0.1, 0.2])
        let table =
            "path\tstatus\treason\tk\tclusterability\tchance\tadjusted\tncut\tmodularity\tweights_sha256\na\tok\t-\t4\t0.5\t0.2\t0.1\t1\t0.3\tw\nb\tok\t-\t4\t0.5\t0.2\t0.2\t1\t0.3\tw\n"
        #expect(DrawnPicture(try Sample.figures(text: table)[0]).numbers() == [0.1, 0.2])
    }

    @Test func tenThousandRowsStayASmallPicture() throws {
        let lines = (0..<10_000).map { Self.line("run/\($0).pt", Double($0 % 997) / 997) }
        #expect(PlotSheet.svg(try Self.figures(lines)).count < 2 << 20)
    }
}
