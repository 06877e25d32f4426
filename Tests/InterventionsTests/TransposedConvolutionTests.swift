import Checkpoints
import Datasets
import Evaluation
import Interventions
import Modularity
import Networks
import Scoring
import TestSupport
import Testing

/// Transposed convolutions without biases: the graph says which dimension is which. The numbers are PyTorch's, by `make_roles.py`.
@Suite struct TransposedConvolutionTests {
    private static let files = ["up.pt2", "up.traced.pt", "up.dynamo.onnx", "up.script.onnx"]
    private static let layers = ["wide", "square", "grouped", "line"]

    private func expected(_ name: String) throws -> TensorRecord {
        try #require(try Checkpoint.open(Fixtures.path("roles/expected.safetensors"))[name])
    }

    /// Rows are out-neurons, columns the in-neurons of a row's group.
    @Test(arguments: files, layers) func theMatrixIsOutByIn(file: String, key: String) throws {
        let layer = try #require(LayerCatalog(try Checkpoint.open(Fixtures.path("roles/" + file)))["\(key).weight"])
        let expected = try expected("up.\(key)")
        #expect([layer.outNeurons, layer.inNeurons] == expected.shape)
        var found: [Double] = []
        for rows in [0..<1, 1..<layer.outNeurons] {
            guard case .double(let matrix) = try layer.weights(rows: rows) else { Issue.record("norms are of double precision"); return }
            found += Array(matrix.elements)
        }
        let worst = zip(found, expected.doubles()).map { abs($0 - $1) }.max() ?? .infinity
        #expect(worst < 1e-6 && found.count == expected.elementCount)
    }

    @Test(arguments: files, layers) func clustersAreSwitchedAsInPyTorch(file: String, key: String) throws {
        let model = try LoadedModel(Checkpoint.open(Fixtures.path("roles/" + file)))
        let layer = try #require(LayerCatalog(model.checkpoint)["\(key).weight"])
        let clustering = LayerClustering(
            layer: layer.name, clusterCount: 2, outLabels: Labels((0..<layer.outNeurons).map { $0 % 2 }),
            inLabels: Labels((0..<layer.inNeurons).map { $0 % 2 }))
        let losses = try expected("up.\(key).losses").doubles()
        for (place, reading) in [ClusterAblation.Reading.activations, .weights].enumerated() {
            var request = AblationRequest(
                model, clusters: GivenClusters(name: "clusters", [layer.name: clustering]),
                data: DatasetSource(path: Fixtures.path("roles/up.npz")))
            request.ablation = ClusterAblation(reading: reading)
            let rows = try request.prepared().run().layers[0].rows
            for cluster in 0..<2 {
                let row = try #require(rows.first { $0.kind == .off && $0.cluster == cluster })
                let loss = try #require(row.outcome.loss)
                #expect(abs(loss - losses[2 * cluster + place]) < 1e-5, "\(reading.rawValue) \(cluster)")
            }
        }
    }
}
