import Foundation
import FoundationXML
import TestSupport
import Testing

/// The pictures that need the weights: of score, cluster and graph.
@Suite struct WeightPictureTests {
    private static let model = Fixtures.path("mlp.tar")
    private static let clusters = Fixtures.path("mlp.clusters.tsv")

    /// What the marks carry under `data-NAME`, in their order.
    private static func data(_ name: String, of svg: String) -> [String] {
        svg.components(separatedBy: " data-\(name)=\"").dropFirst().map { String($0.prefix { $0 != "\"" }) }
    }

    private static func json(_ arguments: [String]) throws -> [String: Any] {
        let result = try BuiltCommand.run(arguments + ["--format", "json", "--quiet"])
        #expect(result.status == 0, "\(result.errors)")
        return try #require(try JSONSerialization.jsonObject(with: Data(result.output)) as? [String: Any])
    }

    @Test(arguments: [
        ["score", model, "--null", "3"], ["score", model, Fixtures.path("mlp-tuned.safetensors"), "--compare-order"], ["cluster", model],
        ["cluster", model, "--chain"], ["cluster", model, "--method", "network"],
    ])
    func theBytesDoNotDependOnThreads(arguments: [String]) throws {
        let one = try BuiltCommand.run(arguments + ["--format", "svg", "--threads", "1"])
        #expect(one.status == 0 && one.text.hasPrefix("<?xml") && one.text.hasSuffix("</svg>\n"), "\(one.errors)")
        #expect(XMLParser(data: Data(one.output)).parse())
        #expect(try BuiltCommand.run(arguments + ["--format", "svg", "--threads", "2"]).output == one.output)
    }

    @Test func mapsHaveTheScoresAndTheClusters() throws {
        let svg = try BuiltCommand.run(["score", Self.model, "--null", "3", "--format", "svg", "--quiet"]).text
        let checkpoints = try #require(try Self.json(["score", Self.model, "--null", "3"])["checkpoints"] as? [[String: Any]])
        let results = try #require(checkpoints[0]["results"] as? [[String: Any]])
        let layers = try #require(results[0]["layers"] as? [[String: Any]])
        #expect(Self.data("layer", of: svg) == layers.compactMap { $0["layer"] as? String })
        let scores = layers.compactMap { $0["clusterability"] as? Double }
        let noise = layers.compactMap { ($0["null"] as? [String: Any])?["mean"] as? Double }
        for (drawn, expected) in [(Self.data("clusterability", of: svg), scores), (Self.data("noise", of: svg), noise)] {
            #expect(drawn.count == 2 && expected.count == 2)
            for (text, value) in zip(drawn, expected) { #expect(abs((Double(text) ?? 0) - value) < 1e-12) }
        }
        // 48 rows and columns of four planted clusters of 12, in their order, in each of two layers.
        #expect(Self.data("row-cluster", of: svg) == ["0", "1", "2", "3", "0", "1", "2", "3"])
        #expect(Self.data("column-cluster", of: svg) == ["0", "1", "2", "3", "0", "1", "2", "3"])
    }

    @Test func clustersAreDrawnAsTheyAreWritten() throws {
        let svg = try BuiltCommand.run(["cluster", Self.model, "--layers", "fc2.weight", "--format", "svg", "--quiet"]).text
        let layers = try #require(try Self.json(["cluster", Self.model, "--layers", "fc2.weight"])["layers"] as? [[String: Any]])
        let expected = try ["in", "out"].flatMap { try #require(layers[0][$0] as? [Int]) }
        let neurons = svg.components(separatedBy: " data-neuron=\"").dropFirst().map { mark in
            mark.components(separatedBy: " data-cluster=\"").dropFirst().first.map { String($0.prefix { $0 != "\"" }) }
        }
        #expect(neurons == expected.map { String($0) })
    }

    @Test func edgesAreTheHeaviestOfTheGraph() throws {
        let arguments = ["graph", Self.model, "--layers", "fc2.weight", "--top", "0.01"]
        let rows = try BuiltCommand.run(arguments).text.split(separator: "\n").dropFirst().map {
            $0.split(separator: "\t").map(String.init)
        }
        for options in [[], ["--clusters", Self.clusters]] {
            let result = try BuiltCommand.run(arguments + options + ["--format", "svg"])
            #expect(result.status == 0, "\(result.errors)")
            let svg = result.text
            let drawn = zip(zip(Self.data("from", of: svg), Self.data("to", of: svg)), Self.data("weight", of: svg))
            #expect(Set(drawn.map { "\($0.0) \($0.1) \(Float($1) ?? 0)" }) == Set(rows.map { "\($0[1]) \($0[2]) \(Float($0[3]) ?? 0)" }))
            // A weight inside a cluster names it; without clusters none does.
            #expect(svg.contains("inside a cluster") == !options.isEmpty)
        }
    }

    @Test func aDirectoryTakesEachLayer() throws {
        try TemporaryFolder.with { folder in
            for (command, name) in [("score", "weights"), ("cluster", "neurons"), ("graph", "neurons")] {
                let result = try BuiltCommand.run([command, Self.model, "--format", "svg", "-o", folder + "/\(command)/", "--quiet"])
                #expect(result.status == 0 && result.output.isEmpty, "\(result.errors)")
                let files = try FileManager.default.contentsOfDirectory(atPath: folder + "/\(command)")
                #expect(Set(files).isSuperset(of: ["\(name)-fc2-weight.svg", "\(name)-fc3-weight.svg"]))
            }
        }
    }

    @Test func whatCannotBeScoredIsNotDrawn() throws {
        let broken = try BuiltCommand.run(["score", Fixtures.path("nan.safetensors"), "--layers", "spoilt", "--format", "svg"])
        #expect(broken.status == 1 && broken.output.isEmpty && broken.errors.contains("spoilt"), "\(broken.errors)")
        let result = try BuiltCommand.run(["score", Self.model, "--compare-order"])
        #expect(result.status == 64 && result.errors.contains("requires --format svg"), "\(result.errors)")
    }
}
