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

/// What every family that runs is good for, beyond its logits and gradients: ablation, patching, circuits, and the neurons of its MLPs moved and
/// removed.
struct EveryFamilyTests {
    private static let models = [
        "qwen3", "gemma2", "gemma3_text", "gemma3", "olmo2", "olmo3", "phi", "phi-normed", "phi3", "gpt_neo", "gptj", "opt", "bloom",
        "stablelm", "stablelm-parallel", "starcoder2", "granite", "smollm3",
    ]

    /// Families of experts, whose blocks have no MLP of their own.
    private static let mixtures = ["mixtral", "qwen2_moe", "qwen3_moe"]

    /// Those that keep all experts in one tensor, in which no neuron can be moved.
    private static let stacked = ["gpt_oss", "llama4_text"]

    /// Families that have suites of their own: the first ones, in every target; encoders and images in `EncoderEdgesTests` and NetworksTests, sparse
    /// models in `SparseModelTests`.
    private static let elsewhere: Set = [
        "gpt2", "gpt_neox", "llama", "mistral", "qwen2", "gemma", "llama4", "bert", "roberta", "xlm-roberta", "camembert", "electra",
        "distilbert", "circuitgpt", "vit", "deit", "dinov2", "dinov2_with_registers", "convnext", "resnet",
    ]

    @Test func everyFamilyIsAmongThem() {
        let tried = Self.elsewhere.union(Self.models + Self.mixtures + Self.stacked)
        for type in TransformerFamilies.standard.modelTypes { #expect(tried.contains(type), "\(type)") }
    }

    private struct Model {
        let checkpoint: Checkpoint
        let catalog: LayerCatalog
        let network: Network

        init(_ path: String) throws {
            checkpoint = try Checkpoint.open(path)
            catalog = LayerCatalog(checkpoint)
            network = try #require(try TransformerFamilies.network(of: checkpoint, catalog: catalog))
        }

        static let sequences: [[Int32]] = [[3, 1, 20, 7, 9, 0, 11, 24], [5, 5, 2, 19, 6, 8, 23, 4]]
        static let others: [[Int32]] = [[4, 1, 20, 8, 9, 0, 12, 24], [5, 6, 2, 18, 6, 7, 23, 3]]

        func dataset(_ tokens: [[Int32]]) -> Dataset {
            Dataset(name: "tokens", inputs: .tokens(TokenSequences(tokens)), targets: .nextToken)
        }

        func logits() throws -> [Float] {
            var logits: [Float] = []
            _ = try Evaluator(SampleBatches(dataset(Self.sequences), for: network, batchSize: 2), threads: 1)
                .evaluate(logits: { logits += $0.elements })
            return logits
        }

        var pairs: BehaviourPairs {
            BehaviourPairs(
                name: "pairs", clean: dataset(Self.sequences), corrupted: dataset(Self.others), answers: [[1], [2]],
                wrongAnswers: [[3], [4]])
        }

        /// The MLPs' input layers of the language model with neuron i in cluster i mod 2.
        func layers() throws -> [AblatedLayer] {
            try catalog.defaultLayers.filter { network.parameter(named: $0.name) != nil }.map { layer in
                func labels(_ count: Int) -> Labels { Labels((0..<count).map { $0 % 2 }) }
                let clustering = LayerClustering(
                    layer: layer.name, clusterCount: 2, outLabels: labels(layer.outNeurons), inLabels: labels(layer.inNeurons))
                return try AblatedLayer(layer, in: network, clustering: clustering)
            }
        }
    }

    private static func largestDifference(_ a: [Float], _ b: [Float]) -> Float {
        a.count == b.count ? zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1)) } : .infinity
    }

    @Test(arguments: models) func everyBlockHasAnMLPWhoseLayerIsADefaultLayer(name: String) throws {
        let model = try Model(Fixtures.path("transformers/\(name)"))
        let layers = try model.layers()
        #expect(layers.count == model.network.anatomy.blocks.count)
        for (layer, block) in zip(layers, model.network.anatomy.blocks) { #expect(layer.node == block.mlp?.input) }
    }

    @Test(arguments: models + mixtures) func neuronsInAnotherOrderComputeTheSame(name: String) throws {
        let model = try Model(Fixtures.path("transformers/\(name)"))
        let order = try ClusterOrder(model.checkpoint, network: model.network, layers: try model.layers())
        let logits = try model.logits()
        try TemporaryFolder.with { folder in
            try CheckpointWriter(path: folder + "/changed/").write(order.rewiring.draft)
            let changed = try Model(folder + "/changed")
            #expect(Self.largestDifference(try changed.logits(), logits) < 2e-5)
            let parameter = try #require(try model.layers().first).parameter
            #expect(changed.network.values[parameter].elements != model.network.values[parameter].elements)
        }
    }

    /// The settings of the MLPs' width that have names of their own; BLOOM has none.
    private static let widths = ["gptj": "n_inner", "opt": "ffn_dim"]

    @Test(arguments: models.filter { !["bloom", "gemma3"].contains($0) })
    func aClusterAloneComputesWhatTheModelDoesWithTheOthersOff(name: String) throws {
        let model = try Model(Fixtures.path("transformers/\(name)"))
        let layers = try model.layers()
        // The same neurons set to 0 where they are read.
        let request = RunRequest(recorded: [model.network.output])
        var changed = model.network.values
        for block in model.network.anatomy.blocks {
            let output = try #require(block.mlp).output
            let parameter = model.network.nodes[output.index].parameters[0]
            let weight = changed[parameter].copied()
            guard case .produces(let weights) = model.network.nodes[output.index].operation.neurons, weights.inDimension == 1 else {
                continue
            }
            weight.withMutableElements { elements in
                for place in elements.indices where place % weight.width % 2 == 1 { elements[place] = 0 }
            }
            changed[parameter] = weight
        }
        let tokens = TokenBatch(ids: Model.sequences.flatMap { $0 }, samples: 2, length: 8)
        let executor = try Executor(model.network, batch: .tokens(samples: 2, length: 8), request: request, team: Team(size: 1))
        let wanted = try #require(executor.run(.tokens(tokens), parameters: changed)[model.network.output]).elements

        let extraction = try ClusterExtraction(model.checkpoint, network: model.network, layers: layers, cluster: 0)
        var draft = extraction.rewiring.draft
        let configuration = try #require(model.checkpoint.configuration).withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        let key = Self.widths[name] ?? "intermediate_size"
        let narrowed = configuration.replacingOccurrences(of: "\"\(key)\": 20", with: "\"\(key)\": 10")
        try #require(narrowed != configuration && extraction.widths.allSatisfy { $0 == 10 })
        draft.files["config.json"] = ByteRegion(copying: narrowed.utf8)
        try TemporaryFolder.with { folder in
            try CheckpointWriter(path: folder + "/alone/").write(draft)
            #expect(Self.largestDifference(try Model(folder + "/alone").logits(), wanted) < 2e-5)
        }
    }

    @Test(arguments: models + mixtures + stacked) func everyPartCanBePatched(name: String) throws {
        let model = try Model(Fixtures.path("transformers/\(name)"))
        let sites = try PatchSites(model.network)
        let parts = try sites.parts(["heads", "q", "k", "v", "attn_out", "mlp_out", "neurons"], granularity: .auto, by: .all)
        let result = try ActivationPatching(directions: [.denoise], metrics: [.logitDifference])
            .run(parts, on: PairBatches(model.pairs, for: model.network, batchSize: 2), threads: 2)
        #expect(result.rows.count == parts.count)
        #expect(result.rows.contains { abs(($0.measures?[0].value ?? result.scales[0].corrupted) - result.scales[0].corrupted) > 1e-4 })
    }

    @Test(arguments: models + mixtures + stacked) func edgesHaveScores(name: String) throws {
        let model = try Model(Fixtures.path("transformers/\(name)"))
        let experiment = try EdgeExperiment(
            try EdgeGraph(model.network, .component), PairBatches(model.pairs, for: model.network, batchSize: 2),
            metric: .logitDifference, ablation: .corrupted, threads: 2)
        let found = try EdgeAttribution(experiment).scores().means
        #expect(found.count == experiment.graph.edgeCount && found.contains { abs($0) > 1e-4 } && found.allSatisfy(\.isFinite))
        let exact = try ExactPatching(experiment).scores().means
        #expect(exact.contains { abs($0) > 1e-4 } && exact.allSatisfy(\.isFinite))
    }
}
