import Datasets
import Evaluation
import Interventions
import Networks
import Tensors
import Testing
import Training

/// Parameters are pages of a model's file, which the types protect from being written; a run writes only to copies.
struct MappedWeightsTests {
    @Test(arguments: ["mnist-mlp adam 20", "cifar-cnn adam 20"]) func runs_leave_the_mapped_file_as_it_is(name: String) throws {
        let run = try ReferenceRun(name)
        let network = run.network
        #expect(!run.catalog.layers.isEmpty)
        for layer in run.catalog.layers {
            let parameter = try #require(network.parameter(named: layer.name))
            let mapped = try #require(layer.tensor.bytes.withUnsafeBytes { $0.baseAddress })
            // The bytes themselves, no copy; and nothing that can be written.
            #expect(network.values[parameter].withElements { UnsafeRawPointer($0.baseAddress) } == mapped, "\(layer.name)")
            #expect(!(network.values[parameter] is MutableTensor), "\(layer.name)")
        }
        let before = bits(network)

        _ = try Evaluator(run.batches, threads: 2).evaluate()
        #expect(bits(network) == before)

        let pairs = try BehaviourPairs(byClass: run.batches.dataset, seed: 1).prefix(4)
        let parts = Array(try PatchSites(network).parts(by: .all).prefix(20))
        for method in ActivationPatching.Method.allCases {
            let patching = ActivationPatching(directions: [.denoise, .noise], metrics: [.loss], method: method)
            let result = try patching.run(parts, on: PairBatches(pairs, for: network), threads: 2)
            #expect(result.rows.contains { $0.change.changed > 0 })
        }
        #expect(bits(network) == before)

        let trainer = try run.trainer(threads: 2)
        #expect(trainer.bits == before)
        _ = try trainer.makeStep()
        #expect(trainer.bits != before && bits(network) == before)
    }

    private func bits(_ network: Network) -> [[UInt32]] { network.values.all.map { $0.elements.map(\.bitPattern) } }
}
