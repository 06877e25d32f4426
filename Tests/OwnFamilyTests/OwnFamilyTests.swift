import Archives
import Checkpoints
import Circuits
import Datasets
import Evaluation
import Foundation
import Interventions
import Modularity
import Networks
import Tensors
import TestSupport
import Testing
import Text

/// The values that `make_own_family.py` computed for a family that only this target knows.
private struct OwnModel {
    struct Expected: Decodable {
        struct Evaluation: Decodable {
            let loss: Double
            let logits: [Double]
        }

        struct Search: Decodable {
            let threshold: Double
            let kept: [String]
        }

        let clean: [[Int32]]
        let corrupted: [[Int32]]
        let right: [Int32]
        let wrong: [Int32]
        let eval: Evaluation
        /// By `BLOCK PART` or `BLOCK PART HEAD`.
        let patch: [String: Double]
        let edges: [String]
        let exact: [Double]
        let eap: [Double]
        let acdc: [Search]
        /// By cluster.
        let extract: [[Double]]
    }

    /// The one registration.
    static let families = TransformerFamilies.standard.adding(NormedGPT2.family)

    let checkpoint: Checkpoint
    let catalog: LayerCatalog
    let network: Network
    let expected: Expected

    init(_ path: String = Fixtures.path("transformers/normed")) throws {
        checkpoint = try Checkpoint.open(path)
        catalog = LayerCatalog(checkpoint, families: Self.families.models)
        network = try #require(try TransformerFamilies.network(of: checkpoint, catalog: catalog, families: Self.families))
        let data = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("expected/own-family.json")))
        expected = try JSONDecoder().decode(Expected.self, from: data)
    }

    var pairs: BehaviourPairs {
        func dataset(_ tokens: [[Int32]]) -> Dataset { Dataset(name: "pairs", inputs: .tokens(TokenSequences(tokens)), targets: .none) }
        return BehaviourPairs(
            name: "pairs", clean: dataset(expected.clean), corrupted: dataset(expected.corrupted), answers: expected.right.map { [$0] },
            wrongAnswers: expected.wrong.map { [$0] })
    }

    func evaluate() throws -> (loss: Double, logits: [Float]) {
        let dataset = Dataset(name: "tokens", inputs: .tokens(TokenSequences(expected.clean)), targets: .nextToken)
        var logits: [Float] = []
        let outcome = try Evaluator(SampleBatches(dataset, for: network, batchSize: 2), threads: 1)
            .evaluate(logits: { logits += $0.elements })
        return (try #require(outcome.loss), logits)
    }

    func experiment(_ metric: BehaviourMetric) throws -> EdgeExperiment {
        try EdgeExperiment(
            try EdgeGraph(network, .component), PairBatches(pairs, for: network, batchSize: 2), metric: metric, ablation: .corrupted,
            threads: 2)
    }

    /// The MLPs' input layers with neuron i in cluster i mod 3.
    func layers() throws -> [AblatedLayer] {
        try catalog.defaultLayers.map { layer in
            func labels(_ count: Int) -> Labels { Labels((0..<count).map { $0 % 3 }) }
            let clustering = LayerClustering(
                layer: layer.name, clusterCount: 3, outLabels: labels(layer.outNeurons), inLabels: labels(layer.inNeurons))
            return try AblatedLayer(layer, in: network, clustering: clustering)
        }
    }

    /// The model of a draft, written and read again.
    static func written(_ draft: CheckpointDraft, _ body: (OwnModel) throws -> Void) throws {
        try TemporaryFolder.with { folder in
            try CheckpointWriter(path: folder + "/changed/").write(draft)
            try body(try OwnModel(folder + "/changed"))
        }
    }

    static func largestDifference(_ found: [Float], _ wanted: [Double]) -> Double {
        guard found.count == wanted.count else { return .infinity }
        return zip(found, wanted).reduce(0) { max($0, abs(Double($1.0) - $1.1)) }
    }
}

/// A family in one file with one registration: everything that runs other models runs it, with PyTorch's results.
struct OwnFamilyTests {
    @Test func itIsEvaluatedAsPyTorchDoes() throws {
        let model = try OwnModel()
        #expect(model.catalog.family.name == "normed-gpt2" && model.network.unusedTensors.isEmpty)
        let (loss, logits) = try model.evaluate()
        #expect(abs(loss - model.expected.eval.loss) < 5e-5)
        #expect(OwnModel.largestDifference(logits, model.expected.eval.logits) < 5e-5)
    }

    @Test func otherProgramsDoNotKnowIt() throws {
        let model = try OwnModel()
        #expect(throws: Problem.self) {
            try TransformerFamilies.network(of: model.checkpoint, catalog: LayerCatalog(model.checkpoint))
        }
    }

    @Test func itsPartsArePatchedAsPyTorchDoes() throws {
        let model = try OwnModel()
        let sites = try PatchSites(model.network)
        let parts = try sites.parts(["heads", "q", "k", "v", "attn_out", "mlp_out"], granularity: .auto, by: .all)
        #expect(parts.count == 2 * (4 * 3 + 2) && parts.count == model.expected.patch.count)
        let patching = ActivationPatching(directions: [.denoise], metrics: [.logitDifference])
        let result = try patching.run(parts, on: PairBatches(model.pairs, for: model.network, batchSize: 2), threads: 2)
        var compared = 0
        for (place, block) in model.network.anatomy.blocks.enumerated() {
            let attention = try #require(block.attention)
            let names: [NodeID: String] = [
                attention.query.node: "q", attention.key.node: "k", attention.value.node: "v", attention.mixed: "z",
                attention.written: "attn", try #require(block.mlp).written: "mlp",
            ]
            for row in result.rows {
                guard let name = names[row.part.node] else { continue }
                let wanted = try #require(model.expected.patch["\(place) \(name)" + (row.part.index.map { " \($0)" } ?? "")])
                let found = row.measures?[0].value ?? result.scales[0].corrupted
                #expect(abs(found - wanted) < 5e-5, "\(row.part.name): \(found) for \(wanted)")
                compared += 1
            }
        }
        #expect(compared == model.expected.patch.count)
        // Norms of heads are sites with heads of their own.
        #expect(try sites.parts(["blocks.*.attn.q_norm.normalized"], granularity: .head, by: .all).count == 6)
    }

    @Test func itsEdgesAreThoseThatItsNormsLeave() throws {
        let model = try OwnModel()
        let graph = try EdgeGraph(model.network, .component)
        #expect((0..<graph.edgeCount).map(graph.name) == model.expected.edges)
        // After the MLP a norm combines all neurons.
        #expect(throws: Problem.self) { try EdgeGraph(model.network, .neuron) }
    }

    @Test func exactEdgesAreOneRunOfPyTorchEach() throws {
        let model = try OwnModel()
        try expectClose(try ExactPatching(model.experiment(.logitDifference)).scores().means, model.expected.exact, model.expected.edges)
    }

    @Test func attributionIsTheProductWithPyTorchsGradient() throws {
        let model = try OwnModel()
        try expectClose(try EdgeAttribution(model.experiment(.logitDifference)).scores().means, model.expected.eap, model.expected.edges)
    }

    @Test func discoveryKeepsTheEdgesOfThePapersAlgorithm() throws {
        let model = try OwnModel()
        for search in model.expected.acdc {
            let experiment = try model.experiment(.divergence)
            let discovery = CircuitDiscovery(experiment, threshold: search.threshold)
            let result = try discovery.run(try discovery.recordings())
            #expect(result.kept.indices.filter { result.kept[$0] }.map(experiment.graph.name) == search.kept)
            #expect(search.kept.count < experiment.graph.edgeCount)
        }
    }

    @Test func orderedNeuronsComputeTheSame() throws {
        let model = try OwnModel()
        let order = try ClusterOrder(model.checkpoint, network: model.network, layers: model.layers())
        try OwnModel.written(order.rewiring.draft) { ordered in
            let logits = try ordered.evaluate().logits
            #expect(OwnModel.largestDifference(logits, model.expected.eval.logits) < 5e-5)
            let name = "transformer.h.1.mlp.c_fc.bias"
            let (before, after) = (try #require(model.checkpoint[name]).floats(), try #require(ordered.checkpoint[name]).floats())
            #expect(after == [0, 3, 6, 9, 1, 4, 7, 2, 5, 8].map { before[$0] })
        }
    }

    @Test(arguments: 0..<3) func aClusterAloneComputesWhatPyTorchDoesWithTheOthersOff(cluster: Int) throws {
        let model = try OwnModel()
        let extraction = try ClusterExtraction(model.checkpoint, network: model.network, layers: model.layers(), cluster: cluster)
        var draft = extraction.rewiring.draft
        let width = cluster == 0 ? 4 : 3
        #expect(extraction.widths == [width, width])
        let configuration = try #require(model.checkpoint.configuration).withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        draft.files["config.json"] = ByteRegion(
            copying: configuration.replacingOccurrences(of: "\"n_inner\": 10", with: "\"n_inner\": \(width)").utf8)
        try OwnModel.written(draft) { alone in
            let logits = try alone.evaluate().logits
            #expect(OwnModel.largestDifference(logits, model.expected.extract[cluster]) < 5e-5)
        }
    }

    /// To 1e-4 of the largest.
    private func expectClose(_ found: [Double], _ wanted: [Double], _ names: [String]) throws {
        try #require(found.count == wanted.count)
        let scale = wanted.map(abs).max() ?? 0
        #expect(scale > 0.01)
        for (place, pair) in zip(found, wanted).enumerated() where abs(pair.0 - pair.1) > 1e-4 * scale {
            Issue.record("\(names[place]): \(pair.0) for \(pair.1)")
        }
    }
}
