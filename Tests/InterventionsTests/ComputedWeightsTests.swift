import Checkpoints
import Datasets
import Evaluation
import Foundation
import Interventions
import Modularity
import Networks
import Scoring
import TestSupport
import Testing
import Text

/// Layers whose weights a model computes of tensors before it multiplies by them. The numbers are PyTorch's, by `make_computed.py`.
@Suite struct ComputedWeightsTests {
    private static let files = ["net.pt2", "decomposed.pt2", "traced.pt", "script.onnx", "dynamo.onnx"]

    private struct Expected: Decodable {
        struct Layer: Decodable {
            let outputs: [Double]
            let weights: [Double]
        }
        let intact: Double
        let layers: [String: Layer]
    }

    private func expected() throws -> Expected {
        try JSONDecoder().decode(
            Expected.self, from: Data(contentsOf: URL(fileURLWithPath: Fixtures.path("computed/expected.json"))))
    }

    private func request(_ model: LoadedModel, _ layer: Layer, _ reading: ClusterAblation.Reading) -> AblationRequest {
        func labels(_ count: Int) -> Labels { Labels((0..<count).map { ($0 * $0 + 1) % 3 % 2 }) }
        let clustering = LayerClustering(
            layer: layer.name, clusterCount: 2, outLabels: labels(layer.outNeurons), inLabels: labels(layer.inNeurons))
        var request = AblationRequest(
            model, clusters: GivenClusters(name: "clusters", [layer.name: clustering]),
            data: DatasetSource(path: Fixtures.path("computed/data.npz")))
        request.ablation = ClusterAblation(reading: reading)
        return request
    }

    private func losses(_ request: AblationRequest) throws -> [Double] {
        let rows = try request.prepared().run().layers[0].rows
        return try (0..<2).map { cluster in
            try #require(rows.first { $0.kind == .off && $0.cluster == cluster }?.outcome.loss)
        }
    }

    /// Outputs are switched where the layer has some, and refused where its rows are moved or joined; weights always are.
    @Test(arguments: files) func clustersAreSwitchedAsInPyTorch(file: String) throws {
        let model = try LoadedModel(Checkpoint.open(Fixtures.path("computed/" + file)))
        let catalog = LayerCatalog(model.checkpoint)
        for (name, expected) in try expected().layers {
            let layer = try #require(catalog["\(name).w"])
            let weights = try losses(request(model, layer, .weights))
            #expect(zip(weights, expected.weights).allSatisfy { abs($0 - $1) < 1e-5 }, "\(name): \(weights) \(expected.weights)")
            let outputs = request(model, layer, .activations)
            guard !expected.outputs.isEmpty else {
                let problem = #expect(throws: Problem.self) { try outputs.prepared() }
                #expect("\(problem!)".contains("moves or joins"), "\(name)")
                #expect(try outputs.possibleReading() == .weights)
                continue
            }
            let found = try losses(outputs)
            #expect(zip(found, expected.outputs).allSatisfy { abs($0 - $1) < 1e-5 }, "\(name): \(found) \(expected.outputs)")
        }
    }

    /// What is recorded of clusters is what `ablate` switches, after the nonlinearity.
    @Test(arguments: files) func recordingsAndPatchesHaveTheSameOutputs(file: String) throws {
        let model = try LoadedModel(Checkpoint.open(Fixtures.path("computed/" + file)))
        let catalog = LayerCatalog(model.checkpoint)
        for (name, expected) in try expected().layers {
            let layer = try #require(catalog["\(name).w"])
            let ablated = try request(model, layer, .weights).prepared().layers[0]
            guard !expected.outputs.isEmpty else {
                #expect(throws: Problem.self) { try LayerNeurons.made(by: layer, in: model.network) }
                continue
            }
            let made = try LayerNeurons.made(by: layer, in: model.network)
            #expect(model.network.nodes[made.index].inputs == [ablated.node], "\(name)")
            let parts = PatchedPart.clusters(of: [ablated], in: model.network)
            #expect(parts.map(\.node) == [ablated.node, ablated.node])
            // The product with a second factor has other in-neurons than its rows have columns.
            if name == "outer" {
                #expect(throws: Problem.self) { try LayerNeurons(layer, in: model.network) }
            } else {
                let before = try LayerNeurons(layer, in: model.network).read
                #expect(before < ablated.node && model.network.nodes[before.index].isActivation, "\(name)")
            }
        }
    }

    /// The sides of a matrix are those of the product that what is computed of it is a factor of.
    @Test(arguments: files) func thePositionInTheProductDecides(file: String) throws {
        let catalog = LayerCatalog(try Checkpoint.open(Fixtures.path("computed/" + file)))
        #expect(catalog["turned.w"]?.layout == .transposed(blocks: 1, in: 6, out: 6))
        #expect(catalog["narrow.w"]?.layout == .asStored(out: 4, in: 6))
        for (name, shape) in [("lowrank.down", [2, 6]), ("lowrank.up", [6, 2])] {
            let layer = try #require(catalog[name])
            #expect([layer.outNeurons, layer.inNeurons] == shape, "\(name)")
        }
    }

    /// A buffer is no weight matrix unless activations are multiplied by it. A traced module has no word on one that nothing reads.
    @Test(arguments: ["net.pt2", "decomposed.pt2", "traced.pt", "dynamo.onnx"]) func maskBuffersAreNotScored(file: String) throws {
        let catalog = LayerCatalog(try Checkpoint.open(Fixtures.path("computed/" + file)))
        for name in ["masked.m", "plain.m", "turned.m", "narrow.m"] {
            #expect(catalog.role(of: name) == .buffer, "\(name)")
            #expect(catalog[name] != nil, "\(name)")
        }
        for name in ["fixed.p", "masked.w", "average.v", "lowrank.up"] { #expect(catalog.role(of: name) == nil, "\(name)") }
    }
}
