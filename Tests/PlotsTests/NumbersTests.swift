import Foundation
import TestSupport
import Testing

@testable import Plots

/// Every picture has the numbers of the json that it was drawn from.
@Suite struct NumbersTests {
    @Test func layersHaveTheirScoreChanceAndNullModel() throws {
        let figures = try Sample.figures("score.json")
        #expect(figures.map(\.name) == ["score"])
        let picture = DrawnPicture(figures[0])
        #expect(picture.failure == nil)
        let result = try Sample.json("score.json").list("checkpoints")[0].list("results")[0]
        let rows = result.list("layers") + [result.object("mean")]
        #expect(rows.count == 3)
        for row in rows {
            for key in ["clusterability", "chance"] { #expect(picture.has(try #require(row.number(key)))) }
            let null = row.object("null")
            let (mean, sd) = (try #require(null.number("mean")), try #require(null.number("sd")))
            #expect(picture.has(mean))
            #expect(picture.numbers("low").contains { abs($0 - (mean - sd)) < 1e-12 })
            #expect(picture.numbers("high").contains { abs($0 - (mean + sd)) < 1e-12 })
        }
    }

    @Test func aSweepHasAChartForEachLayerAndTheMean() throws {
        let figures = try Sample.figures("score-sweep.json")
        #expect(figures.map(\.name) == ["score-sweep"])
        let picture = DrawnPicture(figures[0])
        let layers = ["fc2.weight", "fc3.weight", "mean of the layers"]
        #expect(picture.data("chart") == layers.map { $0 + ", clusterability" } + layers.map { $0 + ", adjusted" })
        // The null model is one of clusterability: what is adjusted has no band.
        #expect(picture.data("band") == ["null model", "null model", "null model"])
        #expect(picture.numbers("x") == [2, 3, 4, 5])
        for result in try Sample.json("score-sweep.json").list("checkpoints")[0].list("results") {
            for row in result.list("layers") + [result.object("mean")] {
                for key in ["clusterability", "chance", "adjusted"] { #expect(picture.has(try #require(row.number(key)))) }
                let null = row.object("null")
                let (mean, sd) = (try #require(null.number("mean")), try #require(null.number("sd")))
                // 90% of a normal distribution lie within 1.6449 standard deviations.
                #expect(picture.numbers("low").contains { abs($0 - (mean - 1.6449 * sd)) < 1e-9 })
                #expect(picture.numbers("high").contains { abs($0 - (mean + 1.6449 * sd)) < 1e-9 })
            }
        }
        #expect(figures[0].caption.contains("1.645 standard deviations"))
    }

    @Test func severalCheckpointsHaveALineEach() throws {
        let picture = DrawnPicture(try Sample.figures("score-two.json")[0])
        #expect(Set(picture.data("series")).isSuperset(of: ["mlp.tar", "mlp-tuned.safetensors"]))
        for checkpoint in try Sample.json("score-two.json").list("checkpoints") {
            for result in checkpoint.list("results") {
                let mean = result.object("mean")
                for key in ["clusterability", "adjusted"] { #expect(picture.has(try #require(mean.number(key)))) }
            }
        }
    }

    @Test func clustersHaveTheirSizes() throws {
        let picture = DrawnPicture(try Sample.figures("cluster.json")[0])
        var expected: [Double] = []
        for layer in try Sample.json("cluster.json").list("layers") {
            for side in ["out", "in"] {
                let labels = try #require(layer[side] as? [Int])
                expected += Set(labels).sorted().map { label in Double(labels.count { $0 == label }) }
            }
        }
        #expect(picture.data("value").compactMap(Double.init).sorted() == expected.sorted())
    }

    @Test func anAblationHasEveryAccuracy() throws {
        let figures = try Sample.figures("ablate.json")
        #expect(figures.map(\.name) == ["ablate-classes-fc2-weight", "ablate-classes-fc3-weight", "ablate-clusters", "ablate-dependence"])
        let document = try Sample.json("ablate.json")
        for (figure, layer) in zip(figures, document.list("layers")) {
            let picture = DrawnPicture(figure)
            for intervention in layer.list("interventions") {
                for row in intervention.list("classes") { #expect(picture.has(try #require(row.number("accuracy")))) }
            }
            for row in document.object("intact").list("classes") { #expect(picture.has(try #require(row.number("accuracy")))) }
        }
        let bars = DrawnPicture(figures[2])
        let counts = DrawnPicture(figures[3])
        for layer in document.list("layers") {
            for intervention in layer.list("interventions") {
                #expect(bars.has(try #require(intervention.number("accuracy"))))
                let control = intervention.object("control").object("accuracy")
                let (mean, sd) = (try #require(control.number("mean")), try #require(control.number("sd")))
                #expect(bars.has(mean))
                #expect(bars.numbers("low").contains { abs($0 - (mean - sd)) < 1e-12 })
            }
            for kind in ["off", "on"] {
                for count in try #require(layer.object("dependence")[kind] as? [Double]) { #expect(counts.has(count)) }
            }
        }
    }

    @Test(arguments: ["patch.json", "patch-positions.json"]) func patchesHaveTheirNormalisedEffect(name: String) throws {
        let figures = try Sample.figures(name)
        var drawn: [Double] = []
        for figure in figures { drawn += DrawnPicture(figure).data("value").compactMap(Double.init).filter { !$0.isNaN } }
        var expected: [Double] = []
        for patch in try Sample.json(name).list("patches") {
            if let value = patch.list("measures").first?.number("normalized"), patch["moved"] as? Bool == true { expected.append(value) }
        }
        #expect(expected.count > 3)
        #expect(drawn.count == expected.count)
        for (one, other) in zip(drawn.sorted(), expected.sorted()) { #expect(abs(one - other) <= 1e-12) }
    }

    @Test func aPatchThatMovedNothingHasNoValue() throws {
        let figures = try Sample.figures("patch-positions.json")
        let idle = try Sample.json("patch-positions.json").list("patches").count { $0["moved"] as? Bool == false }
        #expect(idle == 2)
        let missing = figures.flatMap { DrawnPicture($0).elements.filter { $0.attributes["data-value"] == "nan" } }
        #expect(missing.count >= idle)
        #expect(figures.contains { $0.caption.contains("moved nothing") })
    }

    @Test func aCircuitHasItsEdgesAndItsLadder() throws {
        let figures = try Sample.figures("edges.json")
        #expect(figures.map(\.name) == ["circuit-edges", "circuit-faithfulness"])
        let document = try Sample.json("edges.json")
        let graph = DrawnPicture(figures[0])
        let edges = document.list("circuits")[0].list("edges")
        #expect(edges.count == 5)
        for edge in edges { #expect(graph.has("score", try #require(edge.number("score")))) }
        let ladder = DrawnPicture(figures[1])
        let total = try #require(document.object("clean").number("size"))
        for step in document.list("ladder") {
            let (size, faithfulness) = (try #require(step.number("size")), try #require(step.number("faithfulness")))
            guard size > 0 else { continue }
            #expect(ladder.numbers("x").contains { abs($0 - size / total) < 1e-12 })
            #expect(ladder.has(faithfulness))
        }
    }

    @Test func prunedCircuitsHaveTheirSizesAndOverlaps() throws {
        let figures = try Sample.figures("prune.json")
        #expect(figures.map(\.name) == ["circuit-sizes", "circuit-overlap"])
        let sizes = DrawnPicture(figures[0])
        for circuit in try Sample.json("prune.json").list("circuits") { #expect(sizes.has(try #require(circuit.number("size")))) }
        // The overlaps that circuit --compare found in the same file.
        let overlaps = DrawnPicture(figures[1])
        let compared = DrawnPicture(try Sample.figures("overlap.json")[1])
        for pair in try Sample.json("overlap.json").list("pairs") {
            let value = try #require(pair.number("overlap"))
            #expect(overlaps.has(value))
            #expect(compared.has(value))
        }
    }

    @Test func twoFilesOfCircuitsArePaired() throws {
        let figures = try Sample.figures("prune.json", "prune.jsonl")
        let sizes = DrawnPicture(figures[0])
        #expect(Set(sizes.data("series")) == ["prune.json", "prune.jsonl"])
        #expect(Set(sizes.data("category")) == ["label 0", "label 1, degenerate", "label 2"])
    }

    @Test func comparedLayersHaveBothScores() throws {
        let figures = try Sample.figures("compare.json")
        #expect(
            figures.map(\.name) == [
                "compare-scores", "compare-agreement", "compare-clusters-fc2-weight", "compare-clusters-fc3-weight",
            ])
        let (scores, agreement) = (DrawnPicture(figures[0]), DrawnPicture(figures[1]))
        let document = try Sample.json("compare.json")
        for layer in document.list("layers") + [document.object("mean")] {
            for side in ["a", "b"] {
                for key in ["clusterability", "adjusted", "ncut"] {
                    #expect(scores.has(try #require(layer.object(side).number(key))))
                }
            }
            for side in ["out", "in"] { #expect(agreement.has(try #require(layer.object(side).number("ari")))) }
        }
    }

    @Test(arguments: ["compare.json", "compare-clusters.json"]) func clustersHaveTheNeuronsThatTheyShare(name: String) throws {
        let layers = try Sample.json(name).list("layers")
        let figures = try Sample.figures(name).filter { $0.name.hasPrefix("compare-clusters") }
        #expect(figures.count == layers.count && figures.count == 2)
        for (layer, figure) in zip(layers, figures) {
            var expected: [Double] = []
            for side in ["out", "in"] {
                let (counts, order) = (layer.object(side)["counts"] as? [[Double]], layer.object(side)["counterparts"] as? [Int])
                // With as many clusters in A as in B, all of which share neurons, the columns are in the order of the corresponding ones.
                for row in try #require(counts) { for column in try #require(order) { expected.append(row[column]) } }
            }
            #expect(expected.count == 32)
            #expect(DrawnPicture(figure).data("value").compactMap(Double.init) == expected)
        }
    }

    @Test func randomCircuitsAreABand() throws {
        let ladder = DrawnPicture(try Sample.figures("edges.json")[1])
        let steps = try Sample.json("edges.json").list("ladder")
        for step in steps where step.number("size") != 0 {
            let random = step.object("random").object("faithfulness")
            let (mean, sd) = (try #require(random.number("mean")), try #require(random.number("sd")))
            #expect(ladder.has(mean))
            #expect(ladder.numbers("low").contains { abs($0 - (mean - sd)) < 1e-12 })
            #expect(ladder.numbers("high").contains { abs($0 - (mean + sd)) < 1e-12 })
        }
        #expect(ladder.data("series").contains("5 random circuits, mean ± sd"))
    }

    @Test func headsAreJoinedWithTheKeysThatTheyShare() throws {
        let document = try Sample.json("shared-keys.json")
        let picture = DrawnPicture(try Sample.figures("shared-keys.json")[0])
        let nodes = Set(picture.data("node"))
        var expected: Set<String> = []
        for link in document.list("links") {
            let node = try #require(link["node"] as? String)
            for head in link["writes"] as? [String] ?? [] where nodes.contains(node) && nodes.contains(head) {
                expected.insert("\(node) \(head)")
            }
        }
        let drawn = picture.elements.filter { $0.attributes["data-kind"] == "link" }
        #expect(!expected.isEmpty && expected == Set(drawn.map { "\($0.attributes["data-from"] ?? "") \($0.attributes["data-to"] ?? "")" }))
        // A head stands above the keys that it reads.
        func layer(_ node: String) -> Int? {
            picture.elements.first { $0.attributes["data-node"] == node }.flatMap { $0.attributes["data-layer"] }.flatMap(Int.init)
        }
        for pair in expected {
            let parts = pair.split(separator: " ").map(String.init)
            #expect(try #require(layer(parts[0])) < #require(layer(parts[1])))
        }
    }

    @Test func classesHaveTheirAccuracyAndCount() throws {
        let picture = DrawnPicture(try Sample.figures("eval.json")[0])
        for row in try Sample.json("eval.json").list("checkpoints")[0].list("classes") {
            let (label, count) = (try #require(row.number("label")), try #require(row.number("count")))
            #expect(picture.has(try #require(row.number("accuracy"))))
            #expect(picture.data("category").contains("\(Int(label)) (n = \(Int(count)))"))
        }
    }

    @Test func aLogHasEveryStep() throws {
        let picture = DrawnPicture(try Sample.figures("log.jsonl")[0])
        let lines = String(decoding: try Sample.bytes("log.jsonl"), as: UTF8.self).split(separator: "\n").dropFirst()
        #expect(lines.count == 8)
        for line in lines {
            let step = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            for key in ["loss", "crossEntropy"] { #expect(picture.has(try #require(step.number(key)))) }
            for value in step["layers"] as? [Double] ?? [] { #expect(picture.has(value)) }
            for key in ["evaluation", "guard"] {
                if let loss = step.object(key).number("loss") { #expect(picture.has(loss)) }
            }
        }
        #expect(picture.data("chart") == ["loss", "cross-entropy, nats", "clusterability", "guard's loss, nats"])
    }

    @Test func theAlternativeTextSaysNumbers() throws {
        for name in ["score.json", "ablate.json", "patch.json", "edges.json", "prune.json", "compare.json", "eval.json", "log.jsonl"] {
            for figure in try Sample.figures(name) {
                #expect(figure.alternative.contains { $0.isNumber }, "\(name): \(figure.name)")
                #expect(figure.alternative != figure.title)
                #expect(figure.caption.contains("seed 0"), "\(name): \(figure.caption)")
            }
        }
    }
}
