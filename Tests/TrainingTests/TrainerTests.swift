import Networks
import Tensors
import Testing
import Text

@testable import Training

/// Runs of up to a hundred steps against PyTorch's own in double precision, from the same weights on the same batches.
///
/// Each run is as long as PyTorch's own float32 runs stay within a fifth of the tolerance, 1e-4 of a number's size: `make_training.py` says why.
struct TrainerTests {
    @Test(arguments: ReferenceRun.all.keys.sorted()) func a_run_goes_as_in_pytorch(name: String) throws {
        let run = try ReferenceRun(name)
        #expect(run.expected.spread <= 2e-5 && run.expected.losses.count >= 4)
        let trainer = try run.trainer(threads: 2)
        var reports: [Trainer.Report] = []
        for _ in run.expected.losses { reports.append(try trainer.makeStep()) }
        for (report, loss) in zip(reports, run.expected.losses) {
            #expect(abs(report.loss - loss) < 1e-4 * max(1, abs(loss)), "step \(report.step)")
        }
        let last = try #require(reports.last)
        for (found, expected) in zip(reports[0].clusterability, run.expected.first) { #expect(abs((found ?? 0) - expected) < 1e-5) }
        for (found, expected) in zip(last.clusterability, run.expected.last) { #expect(abs((found ?? 0) - expected) < 1e-4) }
        if let entropy = run.expected.entropy { #expect(abs(last.crossEntropy - entropy) < 1e-4 * max(1, entropy)) }

        var compared = 0
        for (index, parameter) in run.network.parameters.enumerated() {
            guard let expected = run.expected.weights[parameter.name] else { continue }
            compared += 1
            if run.expected.withoutEffect.contains(parameter.name) { continue }
            let tensor = trainer.parameters[ParameterID(index)]
            let elements = tensor.elements
            let scale = expected.norm / Double(tensor.count).squareRoot()
            for (place, value) in expected.values.enumerated() {
                let found = Double(elements[place * tensor.count / 8])
                #expect(abs(found - value) < 1e-4 * scale + 1e-6, "\(parameter.name)[\(place * tensor.count / 8)]")
            }
            let norm = elements.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
            #expect(abs(norm - expected.norm) < 1e-4 * expected.norm + 1e-5, "\(parameter.name)")
        }
        #expect(compared == run.network.parameters.count)
    }

    @Test(arguments: ["mnist-mlp adam 20", "cifar-cnn adam 20", "grokking adamw 5", "gpt2-tiny adamw 5"])
    func the_weights_do_not_depend_on_threads(name: String) throws {
        let run = try ReferenceRun(name)
        let trainers = try [1, 2, 3].map { try run.trainer(threads: $0) }
        for trainer in trainers { for _ in 0..<3 { _ = try trainer.makeStep() } }
        #expect(trainers[0].bits == trainers[1].bits)
        #expect(trainers[0].bits == trainers[2].bits)
    }

    @Test func two_half_batches_make_the_step_of_a_whole_one() throws {
        let run = try ReferenceRun("grokking sgd 5")
        let whole = try run.trainer(threads: 1)
        let halves = try run.trainer(threads: 1, batchSize: 50, accumulation: 2)
        #expect(halves.order.stepsPerEpoch == 1)
        let (a, b) = (try whole.makeStep(), try halves.makeStep())
        #expect(abs(a.loss - b.loss) < 1e-6 && a.samples == b.samples && abs(a.gradientNorm - b.gradientNorm) < 1e-5 * a.gradientNorm)
    }

    @Test func a_long_gradient_is_scaled_to_the_norm() throws {
        // Plain descent moves the weights by rate * the scaled gradient.
        let run = try ReferenceRun("grokking sgd 0")
        let free = try run.trainer(threads: 1)
        let bound = try run.trainer(threads: 1, largestNorm: 0.01)
        let before = bound.parameters.all.map(\.elements)
        let norm = try free.makeStep().gradientNorm
        #expect(try bound.makeStep().gradientNorm == norm)
        let moved = zip(bound.parameters.all, before).reduce(0.0) { sum, pair in
            zip(pair.0.elements, pair.1).reduce(sum) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
        }
        // Weight decay 0.001 adds to the gradient.
        let decay = before.joined().reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot() * 0.001
        #expect(norm > 1 && moved.squareRoot() > 0.01 * (0.01 - decay) - 1e-6 && moved.squareRoot() < 0.01 * (0.01 + decay) + 1e-6)
    }

    @Test func a_loss_that_is_no_number_stops_before_the_weights_change() throws {
        let run = try ReferenceRun("grokking sgd 0")
        let trainer = try run.trainer(threads: 1)
        trainer.weights.fill(.nan)
        let before = trainer.bits
        let error = try #require(throws: Problem.self) { try trainer.makeStep() }
        #expect(error.description.hasPrefix("step 1: the loss is not finite"))
        #expect(trainer.bits == before && trainer.step == 0)
    }

    @Test func what_is_frozen_stays() throws {
        let run = try ReferenceRun("mnist-mlp adam 20")
        let trained = try TrainedParameters(of: run.network, only: ["fc*.weight"], frozen: ["fc2.*"])
        #expect(trained.parameters.map { run.network.parameters[$0.index].name } == ["fc1.weight", "fc3.weight", "fc4.weight"])
        let trainer = try Trainer(
            run.batches, trained: trained, order: BatchOrder(count: 300, batchSize: 64, arrangement: .shuffled(seed: 1)),
            settings: .init(optimizer: Optimizer(.adam), learningRate: LearningRate(1e-3, total: 10)),
            term: ClusterabilityTerm(lambda: 20, layers: run.layers, network: run.network), threads: 2)
        let before = trainer.bits
        _ = try trainer.makeStep()
        for (index, parameter) in run.network.parameters.enumerated() {
            #expect((trainer.bits[index] == before[index]) == !trained.parameters.contains(ParameterID(index)), "\(parameter.name)")
        }
        #expect(throws: Problem.self) { try TrainedParameters(of: run.network, only: ["conv*"]) }
        #expect(throws: Problem.self) { try TrainedParameters(of: run.network, frozen: ["*"]) }
    }

    @Test func the_checkpoint_keeps_its_numbers() throws {
        let run = try ReferenceRun("cifar-cnn adam 20")
        let before = run.network.values.all.map(\.elements)
        let trainer = try run.trainer(threads: 2)
        for _ in 0..<2 { _ = try trainer.makeStep() }
        #expect(run.network.values.all.map(\.elements) == before)
        #expect(trainer.parameters.all.map(\.elements) != before)
    }
}
