import Foundation
import Pictures
import Testing

@testable import Plots

/// What pictures of results must not hide, garble or contradict.
@Suite struct ReadablePicturesTests {
    private static func score(
        _ path: String, layers: [String], k: [Int] = [4], value: Double = 0.5, null: (mean: Double, sd: Double)? = nil
    ) -> String {
        let results = k.map { k -> String in
            let noise = null.map { "{\"mean\":\($0.mean),\"sd\":\($0.sd),\"z\":\((value - $0.mean) / $0.sd),\"samples\":20}" } ?? "null"
            let numbers = "\"clusterability\":\(value),\"chance\":0.25,\"adjusted\":\(value / 2),\"null\":\(noise)"
            let rows = layers.map { "{\"layer\":\"\($0)\",\(numbers)}" }.joined(separator: ",")
            return "{\"k\":\(k),\"layers\":[\(rows)],\"mean\":{\"layer\":\"mean\",\(numbers)}}"
        }.joined(separator: ",")
        return "{\"path\":\"\(path)\",\"results\":[\(results)]}"
    }

    private static func figure(_ checkpoints: [String]) throws -> PlotFigure {
        try Sample.figures(text: "{\"schema\":\"modinspect.score/2\",\"checkpoints\":[\(checkpoints.joined(separator: ","))]}")[0]
    }

    // MARK: Sentences and digits

    /// `report` says that layers stand out from two standard deviations on.
    @Test func aSweepStandsOutFromTwoDeviationsOn() throws {
        func title(_ value: Double) throws -> String {
            try Self.figure([Self.score("m.pt", layers: ["a", "b"], k: [2, 3], value: value, null: (0.5, 0.1))]).title
        }
        #expect(try title(0.69) == "m.pt: no more modular than noise at any k; 0.69 against 0.50 ± 0.10 at k = 2")
        #expect(try title(0.71) == "m.pt: furthest above noise at k = 2, clusterability 0.71 against 0.50 ± 0.10")
    }

    @Test func theNumbersOfATitleHaveTheSameDigits() throws {
        let figure = try Self.figure([Self.score("m.pt", layers: ["a", "b"], value: 0.84, null: (0.571, 0.0082))])
        #expect(figure.title == "m.pt, k = 4: mean clusterability 0.84 (noise 0.57 ± 0.01)")
        let narrow = try Self.figure([Self.score("m.pt", layers: ["a", "b"], value: 0.84, null: (0.571, 0.0032))])
        #expect(narrow.title == "m.pt, k = 4: mean clusterability 0.840 (noise 0.571 ± 0.003)")
        #expect(Words.together([-0.31, nil, 0.0042]) == ["−0.310", "undefined", "0.004"])
        #expect(Words.together([0, 1e-9, 0.25]) == ["0.00000", "0.00000", "0.25000"])
    }

    // MARK: Many lines

    @Test func manyCheckpointsOfASweepAreInOrderAndDiffer() throws {
        let steps = [0, 100, 120, 20, 40, 60, 80, 140, 160, 180, 200]
        let figure = try Self.figure(steps.map { Self.score("run/step-\($0).tar", layers: ["a", "b"], k: [2, 3]) })
        guard case .sheet(let sheet) = figure.content, let chart = sheet.charts.first as? LineChart else {
            Issue.record("no sheet of lines")
            return
        }
        #expect(chart.series.map(\.name) == steps.sorted().map { "step-\($0).tar" })
        #expect(Set(chart.series.compactMap(\.paint)).count == 11)
        #expect(
            chart.series.filter(\.isNamed).map(\.name) == ["step-0.tar", "step-40.tar", "step-100.tar", "step-140.tar", "step-200.tar"])
        // A chart of what is adjusted for each layer, not for the mean alone.
        #expect(sheet.charts.count == 6)
    }

    @Test func fortyLayersOfATrajectoryHaveColoursOfTheirOwn() throws {
        let layers = (0..<40).map { "blocks.\($0).mlp.weight" }
        let figure = try Self.figure((1...3).map { Self.score("step-\($0).pt", layers: layers) })
        guard case .sheet(let sheet) = figure.content, let chart = sheet.charts.first as? LineChart else {
            Issue.record("no sheet of lines")
            return
        }
        #expect(Set(chart.series.compactMap(\.paint)).count == 41)
        #expect(
            chart.legend.map(\.label)
                == ["blocks.0", "blocks.9", "blocks.19", "blocks.29", "blocks.39"].map { $0 + ".mlp.weight" } + ["mean of the layers"])
    }

    @Test func aTrajectoryHasTheNullModelOfTheMean() throws {
        let figure = try Self.figure((1...3).map { Self.score("step-\($0).pt", layers: ["a", "b"], null: (0.4, 0.02)) })
        let picture = DrawnPicture(figure)
        #expect(picture.data("band") == ["null model of the mean"])
        #expect(picture.numbers("high").contains { abs($0 - (0.4 + 1.6449 * 0.02)) < 1e-9 })
        #expect(figure.caption.contains("5 to 95% of the null model"))
    }

    // MARK: Layers under several names

    @Test func layersWithPrefixesStandBesideEachOther() throws {
        func model(_ path: String, _ prefix: String) -> DrawnModel {
            DrawnModel(
                path: path,
                layers: ["fc1.weight", "fc2.weight"].map {
                    LayerPicturesTests.layer(prefix + $0, out: [0, 1], into: [0, 1]) { _, _ in 1 }
                },
                mean: 0.5)
        }
        let pictures = WeightPictures(models: [model("a.pt", ""), model("b.pt", "module.")], source: "")
        #expect(pictures.fileNames == ["weights-fc1-weight", "weights-fc2-weight"])
        #expect(DrawnPicture(try pictures.figure(0)).data("layer") == ["fc1.weight", "module.fc1.weight"])
    }

    // MARK: Circuits

    /// Of a behaviour that lowers the metric, edges that lower it are a part.
    @Test func theSignOfTheBehaviourDecidesWhatWorksAgainst() throws {
        func words(_ metric: String, _ method: String, clean: Double, ablated: Double) throws -> String {
            let edges = #"[{"source":"input","target":"a","score":0.5},{"source":"a","target":"logits","score":-0.25}]"#
            return try Sample.figures(
                text:
                    "{\"schema\":\"modinspect.edges/1\",\"metric\":\"\(metric)\",\"method\":\"\(method)\",\"clean\":{\"size\":2,\"value\":\(clean)},"
                    + "\"ablated\":{\"size\":0,\"value\":\(ablated)},\"circuits\":[{\"edges\":\(edges)}]}"
            )[0].alternative
        }
        let (input, logits) = ("input to a 0.5000 (works against)", "a to logits −0.2500 (works against)")
        let positive = try words("logit-diff", "eap", clean: 2, ablated: 0)
        #expect(positive.contains(input) && !positive.contains(logits))
        let negative = try words("logit-diff", "eap", clean: -0.6, ablated: 0)
        #expect(!negative.contains(input) && negative.contains(logits))
        // The damage of acdc has the sign of a fall.
        let damage = try words("logit-diff", "acdc", clean: 2, ablated: 0)
        #expect(!damage.contains(input) && damage.contains(logits))
        let reversed = try words("logit-diff", "acdc", clean: -2, ablated: 0)
        #expect(reversed.contains(input) && !reversed.contains(logits))
        let divergence = try words("kl", "exact", clean: 0, ablated: 3)
        #expect(!divergence.contains(input) && divergence.contains(logits))
    }

    @Test func aNormStandsAboveWhatItReads() throws {
        let edges =
            #"[{"source":"input","target":"m0","score":1},{"source":"m0","target":"m0.norm","score":1},"#
            + #"{"source":"m0.norm","target":"a1.h0","score":1},{"source":"a1.h0","target":"logits","score":1}]"#
        let figure = try Sample.figures(text: "{\"schema\":\"modinspect.edges/1\",\"metric\":\"kl\",\"circuits\":[{\"edges\":\(edges)}]}")[
            0]
        let picture = DrawnPicture(figure)
        let layers = Dictionary(
            picture.elements.compactMap { element in
                element.attributes["data-node"].flatMap { name in element.attributes["data-layer"].flatMap(Int.init).map { (name, $0) } }
            }, uniquingKeysWith: { first, _ in first })
        let order = try ["input", "m0", "m0.norm", "a1.h0", "logits"].map { try #require(layers[$0]) }
        #expect(zip(order, order.dropFirst()).allSatisfy { $0 < $1 })
    }

    @Test func degenerateCircuitsAreMarked() throws {
        let figure = try Sample.figures(
            text: #"{"schema":"modinspect.circuit/1","circuits":[{"label":0,"size":0.1},{"label":3,"size":0,"degenerate":true}]}"#)[0]
        #expect(DrawnPicture(figure).data("category") == ["label 0", "label 3, degenerate"])
    }

    // MARK: Ablation

    /// Few tokens of running text are predicted exactly: its bars are losses.
    @Test func runningTextHasBarsOfTheLoss() throws {
        func row(_ cluster: Int, _ loss: Double) -> String {
            "{\"intervention\":\"off\",\"cluster\":\(cluster),\"moved\":true,\"accuracy\":0.05,\"loss\":\(loss),\"classes\":[],"
                + "\"control\":{\"samples\":5,\"accuracy\":{\"mean\":0.04,\"sd\":0.01},\"loss\":{\"mean\":3.4,\"sd\":0.02,\"p\":0.5}}}"
        }
        func figures(_ classes: String) throws -> [PlotFigure] {
            try Sample.figures(
                text:
                    "{\"schema\":\"modinspect.ablate/2\",\"samples\":8,\"intact\":{\"accuracy\":0.06,\"loss\":3.25,\"classes\":\(classes)},"
                    + "\"layers\":[{\"layer\":\"a\",\"interventions\":[\(row(0, 3.5)),\(row(1, 4.25))]}]}")
        }
        let text = try #require(try figures("[]").first { $0.name == "ablate-clusters" })
        #expect(text.title == "Loss: intact 3.25, without cluster 1 of a 4.25 (random neurons 3.40 ± 0.02)")
        let picture = DrawnPicture(text)
        // What is added to the loss of the intact model, which is at 0.
        for value in [0.25, 1, 3.4 - 3.25, 0] { #expect(picture.has(value)) }
        #expect(!picture.has(0.05) && !picture.has(4.25))
        let classes = try figures(#"[{"label":0,"accuracy":0.06}]"#)
        #expect(try #require(classes.first { $0.name == "ablate-clusters" }).title.hasPrefix("Accuracy: intact 6.0%"))
    }

    // MARK: Equal and counted values

    @Test func overlapsLeaveTheDiagonalOut() throws {
        let figure = try Sample.figures("prune.json")[1]
        guard case .chart(let chart) = figure.content, let map = chart as? HeatMap else {
            Issue.record("no map")
            return
        }
        #expect(map.leavesOutDiagonal && (map.extents.colour?.upperBound ?? 1) < 1)
    }

    @Test(arguments: ["ablate.json", "compare.json", "cluster.json"]) func countsHaveWholeTicks(name: String) throws {
        for figure in try Sample.figures(name) {
            let charts: [any Chart] =
                switch figure.content {
                case .chart(let chart): [chart]
                case .sheet(let sheet): sheet.charts
                }
            for chart in charts {
                switch chart {
                case let bars as BarChart where ["neurons", "answers that the intact model gets right"].contains(bars.valueTitle):
                    #expect(bars.isOfCounts)
                case let map as HeatMap where map.valueTitle.hasPrefix("shared"): #expect(map.isOfCounts)
                default: break
                }
            }
        }
    }

    // MARK: Colours

    /// What is weak is pale in every file; what is beyond the clean run has its own end.
    @Test func coloursOfEffectsDoNotDependOnTheFile() throws {
        func range(_ values: [Double]) throws -> ClosedRange<Double>? {
            let rows = values.enumerated().map { place, value in
                "{\"direction\":\"denoise\",\"unit\":\"head\",\"site\":\"a\",\"index\":\(place),\"moved\":true,\"measures\":[{\"metric\":\"logit-diff\",\"normalized\":\(value)}]}"
            }
            let figure = try Sample.figures(
                text:
                    "{\"schema\":\"modinspect.patch/1\",\"metrics\":[{\"metric\":\"logit-diff\"}],\"patches\":[\(rows.joined(separator: ","))]}"
            )[0]
            guard case .chart(let map as HeatMap) = figure.content else { return nil }
            return map.extents.colour
        }
        #expect(try range([0.02, -0.076]) == -1...1)
        #expect(try range([0.5, -1]) == -1...1)
        #expect(try range([0.5, -1.7]) == -1.8...1.8)
    }

    // MARK: Circuits

    /// Edges that lead nowhere are chosen and not drawn.
    @Test func aCircuitSaysWhichOfItsEdgesAreNotDrawn() throws {
        func caption(_ chosen: Int) throws -> String {
            let edge = "{\"source\":\"input\",\"target\":\"logits\",\"score\":-1}"
            let circuit = "{\"chosen\":\(chosen),\"size\":1,\"faithfulness\":0.5,\"edges\":[\(edge)]}"
            return try Sample.figures(text: "{\"schema\":\"modinspect.edges/1\",\"metric\":\"logit-diff\",\"circuits\":[\(circuit)]}")[0]
                .caption
        }
        #expect(try caption(1_060).hasSuffix("1,060 chosen, 1 of them on a path to the output"))
        #expect(!(try caption(1)).contains("chosen"))
    }

    /// A degenerate circuit is none of its label: it counts neither in the mean of the sizes nor in that of the overlaps.
    @Test func degenerateCircuitsAreNamedAndNotInTheMeans() throws {
        let figure = OverlapFigure.figure(
            names: ["0", "1", "2"], values: [[1, 0.5, 0], [0.5, 1, 0.1], [0, 0.1, 1]], what: "weights", caption: "", degenerate: [2])
        #expect(figure.title == "Overlap of the circuits' weights: mean 0.50 of a pair")
        #expect(figure.caption.hasSuffix("degenerate circuits do not count in the mean"))
        let all = OverlapFigure.figure(
            names: ["0", "1"], values: [[1, 0.5], [0.5, 1]], what: "weights", caption: "", degenerate: [0, 1])
        #expect(all.title == "Overlap of the circuits' weights: mean 0.50 of a pair" && !all.caption.contains("degenerate"))
    }
}
