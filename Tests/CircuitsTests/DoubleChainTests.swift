import Checkpoints
import Datasets
import Evaluation
import Networks
import Tensors
import TestSupport
import Testing

@testable import Circuits

/// Chains of every operation in double precision, beside the network's own run and the plain algorithm.
@Suite struct DoubleChainTests {
    static let architectures = [
        "conv1(padding=1),bn1,relu,maxpool(2),conv2(padding=1,stride=2),relu,maxpool(2),flatten,fc1,relu,fc2,relu,fc3",
        "conv1(padding=1),bn1,gelu,avgpool(2),conv2(padding=1,stride=2),silu,maxpool(3,2,padding=1),flatten,fc1,tanh,fc2,sigmoid,fc3",
        "conv1(padding=1),dropout,bn1,tanh,adaptiveavgpool(10),conv2(padding=2),gelu_tanh,adaptiveavgpool(4),flatten,fc1,identity,fc2,relu,fc3",
    ]

    private func network(_ architecture: String) throws -> (Network, SampleBatches) {
        let checkpoint = try Checkpoint.open(Fixtures.path("models/cifar-cnn.pt"))
        let network = try Chain.network(of: checkpoint, Architecture(architecture))
        let dataset = try DatasetSource(path: Fixtures.path("models/cifar-cnn.npz")).open()
        return (network, try SampleBatches(dataset.selecting(Array(0..<9)), for: network))
    }

    private func inputs(_ chain: DoubleChain, _ batches: SampleBatches) throws -> FeatureTable {
        guard case .values(let given) = batches.batch(of: Array(0..<9)) else { throw TestFailure() }
        let table = FeatureTable(features: chain.inFeatures, samples: 9)
        table.setSamples(from: 0, to: given)
        return table
    }

    struct TestFailure: Error {}

    @Test(arguments: architectures) func theScoresAreTheNetworks(architecture: String) throws {
        let (network, batches) = try network(architecture)
        let chain = try #require(DoubleChain(network, sampleShape: [3, 32, 32]))
        let scores = chain.output(from: 0, try inputs(chain, batches), chain.weights(of: network))
        let expected = try SampleScores(batches, samples: Array(0..<9)).scores(nil, team: Team(size: 1))
        let largest = expected.elements.reduce(0) { max($0, abs($1)) }
        for (a, b) in zip(scores.elements, expected.elements) { #expect(abs(a - b) < 1e-5 * largest) }
    }

    /// Every weight of one layer, by what its row changes and by the whole model: layers early and late, linear ones and convolutions.
    @Test(arguments: [
        (0, "conv1.weight"), (0, "conv2.weight"), (0, "fc2.weight"), (1, "conv1.weight"), (1, "fc2.weight"), (1, "fc3.weight"),
        (2, "conv1.weight"), (2, "fc2.weight"), (2, "fc3.weight"),
    ])
    func aRowsWayIsTheWholeModels(place: Int, layer: String) throws {
        let (network, batches) = try network(Self.architectures[place])
        let chain = try #require(DoubleChain(network, sampleShape: [3, 32, 32]))
        let table = try inputs(chain, batches)
        let parameter = try #require(network.parameter(named: layer))
        let step = try #require(chain.steps.firstIndex { $0.weight == parameter })
        let labels = try WeightPruning.labels(of: batches)
        let all = try ChainInputs(chain, network: network, batches: batches, labels: labels, steps: [step], threads: 2)
        for objective in [WeightObjective.divergence, .labelDivergence(label: 3)] {
            let target = objective.target(scores: all.scores, labels: labels)
            // A fifth of what the loss of the whole layer costs.
            var without = chain.weights(of: network)
            without[step] = without[step]?.map { _ in 0 }
            let cost = target.losses(chain.output(from: 0, table, without)).reduce(0, +) - target.entropy
            let limit = target.entropy + 0.2 * cost
            let pruner = ChainPruner(chain: chain, inputs: all, target: target, limit: limit, team: Team(size: 2))
            let found = pruner.prune(chain.weights(of: network), steps: [step]) { _ in }
            let plain = PlainPruning.prune(chain, table, target, limit: limit, steps: [step], network)
            let kept = (plain[step] ?? []).count { $0 != 0 }
            #expect(found[step] == plain[step], "\(objective)")
            #expect(kept > 0 && kept < (plain[step] ?? []).count)
        }
    }

    @Test func whatIsNoPlainChainRunsAsANetwork() throws {
        // A chain in double precision does not support scores after a softmax.
        let (network, batches) = try network(Self.architectures[0] + ",softmax,tanh")
        #expect(DoubleChain(network, sampleShape: [3, 32, 32]) == nil)
        let catalog = LayerCatalog(try Checkpoint.open(Fixtures.path("models/cifar-cnn.pt")))
        let layers = catalog.weightMatrices.filter { $0.name == "fc3.weight" }
        let found = try WeightPruning(objectives: [.divergence], tolerance: 1e-4, controls: 0, seed: 0)
            .run(layers, on: batches, heldOut: batches, threads: 2) { _ in }
        #expect(found.precision == .single)
        let scores = SampleScores(batches, samples: Array(0..<9))
        let target = LossTarget.divergence(from: try scores.scores(nil, team: Team(size: 1)))
        let parameter = try #require(network.parameter(named: "fc3.weight"))
        let plain = try PlainPruning.prune(scores, parameter, target, limit: target.entropy + 9e-4)
        #expect(found.circuits[0].mask.layers[0].isKept == plain)
        #expect(plain.contains(true) && plain.contains(false))
    }
}
