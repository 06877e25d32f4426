import Foundation
import TestSupport
import Testing

/// `--method activations`, compared with numpy's correlations and scikit-learn's clusters of the activations of a classifier.
@Suite struct ActivationMethodTests {
    private struct Fixture: Decodable {
        struct Side: Decodable {
            let squares: [[Double]]
            let eigenvalues: [Double]
            let clusters: [Int]
        }

        let layers: [String: [String: Side]]
    }

    private struct Result: Decodable {
        struct Layer: Decodable {
            let layer: String
            let out: [Int]
            let `in`: [Int]
            let singularValues: [Double]
        }

        let method: String
        let data: String?
        let batch: Int?
        let layers: [Layer]
    }

    private static let model = Fixtures.path("models/mnist-mlp.pt")
    private static let data = Fixtures.path("models/mnist-mlp.npz")

    private static func fixture() throws -> Fixture {
        try JSONDecoder().decode(Fixture.self, from: Data(contentsOf: URL(fileURLWithPath: Fixtures.path("recordings/correlations.json"))))
    }

    private func clusters(_ arguments: [String] = []) throws -> Result {
        let found = try BuiltCommand.run(
            ["cluster", "--quiet", Self.model, "--method", "activations", "--data", Self.data, "--format", "json"] + arguments)
        try #require(found.status == 0, "\(found.errors)")
        return try JSONDecoder().decode(Result.self, from: found.output)
    }

    /// Whether two clusterings put the same neurons together.
    private func agree(_ a: [Int], _ b: [Int]) -> Bool {
        Set(zip(a, b).map { "\($0) \($1)" }).count == Set(a).count && Set(a).count == Set(b).count
    }

    @Test func eigenvaluesAndClustersAreThoseOfNumpyAndScikitLearn() throws {
        let fixture = try Self.fixture()
        let found = try clusters()
        #expect(found.method == "activations" && found.data == Self.data && found.batch == nil)
        #expect(found.layers.map(\.layer) == fixture.layers.keys.sorted())
        for layer in found.layers {
            let sides = try #require(fixture.layers[layer.layer])
            let (out, input) = (try #require(sides["out"]), try #require(sides["in"]))
            for (place, value) in layer.singularValues.prefix(4).enumerated() {
                let expected = (max(0, out.eigenvalues[place]) * max(0, input.eigenvalues[place])).squareRoot()
                #expect(abs(value - expected) < 1e-5, "\(layer.layer) \(place): \(value), \(expected)")
            }
            for (labels, side) in [(layer.out, out), (layer.in, input)] {
                // A constant neuron has no correlations, and joins a cluster by its weights.
                let kept = side.clusters.indices.filter { side.clusters[$0] >= 0 }
                #expect(agree(kept.map { labels[$0] }, kept.map { side.clusters[$0] }), "\(layer.layer)")
                #expect(labels.allSatisfy { $0 >= 0 })
            }
        }
    }

    @Test func theResultDoesNotDependOnThreadsNorBatches() throws {
        let first = try clusters(["--threads", "1", "--batch", "300"]).layers
        for arguments in [["--threads", "2"], ["--threads", "2", "--batch", "17"]] {
            let other = try clusters(arguments).layers
            #expect(zip(first, other).allSatisfy { $0.out == $1.out && $0.in == $1.in })
        }
    }

    /// The assignment is taken wherever clusters are, and a dead neuron is in it.
    @Test func everyCommandTakesTheAssignment() throws {
        try TemporaryFolder.with { folder in
            let file = folder + "/clusters.tsv"
            let model = Fixtures.path("gradients/planted.safetensors")
            let data = Fixtures.path("gradients/planted.npz")
            let found = try BuiltCommand.run("cluster", model, "--method", "activations", "--data", data, "-o", file)
            #expect(found.status == 0 && found.errors.contains("constant on the data"), "\(found.errors)")
            for arguments in [
                ["score", model, "--clusters", file], ["compare", file, Fixtures.path("gradients/planted.clusters.tsv")],
                ["graph", model, "--format", "svg", "--clusters", file], ["ablate", model, "--data", data, "--clusters", file],
                ["permute", model, "--clusters", file, "-o", folder + "/out.tar"],
                ["record", model, "--data", data, "--by", "class", "--clusters", file],
            ] {
                let result = try BuiltCommand.run(arguments + ["--quiet"])
                #expect(result.status == 0, "\(arguments[0]): \(result.errors)")
            }
            let agreement = try BuiltCommand.run("compare", file, Fixtures.path("gradients/planted.clusters.tsv"), "--format", "json")
            let document = try #require(try JSONSerialization.jsonObject(with: agreement.output) as? [String: Any])
            #expect(!(document["layers"] as? [Any] ?? []).isEmpty)
        }
    }

    @Test func dataIsNeeded() throws {
        let result = try BuiltCommand.run("score", Self.model, "--method", "activations")
        #expect(result.status == 64 && result.errors == "modinspect: score: --method activations needs --data\n", "\(result.errors)")
        let audit = try BuiltCommand.run("audit", Fixtures.path("mlp.tar"), "--method", "activations")
        #expect(audit.status == 64 && audit.errors.contains("needs data, which an audit does not have"))
    }
}
