import Evaluation
import Interventions
import Modularity
import Networks
import Testing
import Text

/// Ablation of clusters against PyTorch with forward hooks, on models that PyTorch trained on MNIST and CIFAR-10.
struct ClusterAblationTests {
    @Test(arguments: ["mnist-mlp", "cifar-cnn"]) func the_intact_model_answers_as_in_pytorch(name: String) throws {
        let model = try ModelFixture(name)
        let outcome = try Evaluator(model.batches, threads: 2).evaluate()
        #expect(outcome.classes.map(\.correct) == model.expected.intact.correct)
        #expect(outcome.classes.map(\.count) == model.expected.intact.count)
        #expect(outcome.accuracy == model.expected.intact.accuracy)
        #expect(abs((outcome.loss ?? .nan) - model.expected.intact.loss) < 1e-5)
    }

    @Test(arguments: ["mnist-mlp", "cifar-cnn"], [("activations", "zero"), ("activations", "mean"), ("weights", "zero")])
    func every_intervention_answers_as_in_pytorch(name: String, how: (reading: String, fill: String)) throws {
        let model = try ModelFixture(name, batchSize: 50)
        let ablation = ClusterAblation(
            reading: try #require(.init(rawValue: how.reading)), fill: try #require(.init(rawValue: how.fill)))
        let result = try ablation.run(try model.layers(), on: model.batches, threads: 2)
        #expect(result.intact.classes.map(\.correct) == model.expected.intact.correct)
        let expected = model.expected.interventions.filter { $0.reading == how.reading && $0.fill == how.fill }
        #expect(expected.count == 16)
        for row in expected {
            let layer = try #require(result.layers.first { $0.name == row.layer })
            let found = try #require(layer.rows.first { $0.kind.rawValue == row.intervention && $0.cluster == row.cluster })
            let what = "\(row.layer) \(row.intervention) \(row.cluster)"
            #expect(found.neurons == row.neurons, "\(what)")
            #expect(found.outcome.classes.map(\.correct) == row.correct, "\(what)")
            #expect(found.outcome.accuracy == row.accuracy, "\(what)")
            #expect(abs((found.outcome.loss ?? .nan) - row.loss) < 1e-5 * max(1, row.loss), "\(what)")
            #expect(!found.movedNothing && (found.relativeChange ?? 0) > 0.01, "\(what)")
        }
        for row in model.expected.dependence where row.reading == how.reading && row.fill == how.fill {
            let layer = try #require(result.layers.first { $0.name == row.layer })
            #expect(layer.dependence[try #require(.init(rawValue: row.intervention))] == row.answers, "\(row.layer) \(row.intervention)")
        }
    }

    @Test func the_result_does_not_depend_on_threads() throws {
        let model = try ModelFixture("mnist-mlp", batchSize: 64)
        let ablation = ClusterAblation(fill: .resample, controls: 3, seed: 5)
        let one = try ablation.run(try model.layers(), on: model.batches, threads: 1)
        let three = try ablation.run(try model.layers(), on: model.batches, threads: 3)
        #expect(
            zip(one.layers, three.layers).allSatisfy { a, b in
                zip(a.rows, b.rows).allSatisfy { $0.outcome.loss == $1.outcome.loss && $0.change == $1.change && $0.control == $1.control }
            })
    }

    @Test func zeros_in_place_of_zeros_are_no_result() throws {
        // One cluster has all neurons: leaving it on alone switches nothing.
        let model = try ModelFixture("mnist-mlp")
        let layer = try #require(model.catalog["fc2.weight"])
        let whole = LayerClustering(
            layer: "fc2.weight", clusterCount: 1, outLabels: Labels([Int](repeating: 0, count: 32)),
            inLabels: Labels([Int](repeating: 0, count: 32)))
        let ablated = try AblatedLayer(layer, in: model.network, clustering: whole)
        let result = try ClusterAblation().run([ablated], on: model.batches, threads: 1)
        let on = try #require(result.layers[0].rows.first { $0.kind == .on })
        #expect(on.movedNothing && on.neurons == 0)
        let off = try #require(result.layers[0].rows.first { $0.kind == .off })
        // Every output of the layer is 0: nothing of its squared norm is left.
        #expect(!off.movedNothing && abs((off.relativeChange ?? 0) - 1) < 1e-12 && off.neurons == 32)
    }

    @Test func a_control_with_the_same_clusters_size_for_size_is_compared() throws {
        let model = try ModelFixture("mnist-mlp")
        let result = try ClusterAblation(controls: 9, seed: 1).run(try model.layers(), on: model.batches, threads: 2)
        for row in result.layers.flatMap(\.rows) {
            let control = try #require(row.control)
            #expect(control.samples == 9)
            let p = try #require(control.accuracy.p)
            #expect((1...10).contains { abs(p - Double($0) / 10) < 1e-12 })
            // The clusters of this fixture are random sets themselves: none stands out by six standard deviations.
            let mean = try #require(control.accuracy.mean)
            let deviation = try #require(control.accuracy.standardDeviation)
            #expect(abs((row.outcome.accuracy ?? .nan) - mean) < 6 * deviation + 0.05)
        }
    }

    @Test func neurons_with_weights_must_be_in_a_cluster() throws {
        let model = try ModelFixture("mnist-mlp")
        let layer = try #require(model.catalog["fc2.weight"])
        var labels = [Int](repeating: 0, count: 32)
        labels[7] = Labels.none
        let clustering = LayerClustering(
            layer: "fc2.weight", clusterCount: 1, outLabels: Labels(labels), inLabels: Labels([Int](repeating: 0, count: 32)))
        let error = #expect(throws: Problem.self) { try AblatedLayer(layer, in: model.network, clustering: clustering) }
        #expect("\(try #require(error))".contains("out-neuron 7 has weights and is in no cluster"))
    }

    @Test func every_sample_has_another_one_as_its_partner() throws {
        let model = try ModelFixture("mnist-mlp")
        let partners = ResampledPartners(model.batches.dataset, seed: 0).partners
        #expect(Set(partners).count == partners.count)
        #expect(partners.indices.allSatisfy { partners[$0] != $0 })
        #expect(ResampledPartners(model.batches.dataset, seed: 1).partners != partners)
    }

    @Test func resampled_outputs_are_another_samples_outputs() throws {
        // With everything of the first layer resampled, each sample gets its partner's answer.
        let model = try ModelFixture("mnist-mlp")
        let layer = try #require(model.catalog["fc1.weight"])
        let whole = LayerClustering(
            layer: "fc1.weight", clusterCount: 1, outLabels: Labels([Int](repeating: 0, count: 32)),
            inLabels: Labels([Int](repeating: 0, count: 784)))
        let ablated = try AblatedLayer(layer, in: model.network, clustering: whole)
        var intact: [Int32] = []
        var changed: [Int32] = []
        _ = try ClusterAblation(fill: .resample, seed: 4).run(
            [ablated], on: model.batches, threads: 2,
            answers: { batch in
                intact += batch.intact.predictions
                changed += batch.layers[0][0].predictions
            })
        let partners = ResampledPartners(model.batches.dataset, seed: 4).partners
        #expect(changed == partners.map { intact[$0] })
    }
}
