import Datasets
import Checkpoints
import Evaluation
import Foundation
import Interventions
import Networks
import Tensors
import TestSupport
import Testing
import Text

/// Pairs, the metrics on them and where their answers are read.
struct BehaviourTests {
    /// The metrics that `make_patching.py` wrote.
    private struct Expected: Decodable {
        struct Metric: Decodable {
            let values: [Double]
            let gradient: [[Double]]
        }

        let logits: [[Float]]
        let clean: [[Float]]
        let answers: [[Int32]]
        let wrong: [[Int32]]
        let metrics: [String: Metric]
    }

    private static func expected() throws -> Expected {
        let data = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("expected/behaviour.json")))
        return try JSONDecoder().decode(Expected.self, from: data)
    }

    @Test(arguments: BehaviourMetric.allCases) func values_and_gradients_are_those_of_pytorch(metric: BehaviourMetric) throws {
        let expected = try Self.expected()
        let wanted = try #require(expected.metrics[metric.rawValue])
        let logits = Tensor(shape: [5, 6], expected.logits.flatMap { $0 })
        let clean = Tensor(shape: [5, 6], expected.clean.flatMap { $0 })
        let answers = PairAnswers(right: expected.answers, wrong: expected.wrong)
        let values = metric.values(logits, answers, clean: clean)
        for (found, wanted) in zip(values, wanted.values) {
            #expect(abs(found - wanted) <= 1e-10 * max(1, abs(wanted)), "\(found) for \(wanted)")
        }
        #expect(values.count == 5)
        let gradient = metric.gradient(logits, answers, clean: clean)
        #expect(gradient.shape == [5, 6])
        for (found, wanted) in zip(gradient.elements, wanted.gradient.flatMap { $0 }) { #expect(abs(Double(found) - wanted) < 1e-6) }
    }

    @Test func a_run_has_no_divergence_from_itself() throws {
        let expected = try Self.expected()
        let logits = Tensor(shape: [5, 6], expected.logits.flatMap { $0 })
        let answers = PairAnswers(right: expected.answers, wrong: expected.wrong)
        #expect(BehaviourMetric.divergence.values(logits, answers, clean: logits) == [0, 0, 0, 0, 0])
        #expect(BehaviourMetric.divergence.gradient(logits, answers, clean: logits).elements.allSatisfy { $0 == 0 })
    }

    @Test func a_scale_without_length_normalises_nothing() {
        #expect(BehaviourScale(clean: 3, corrupted: 1).normalized(2) == 0.5)
        #expect(BehaviourScale(clean: -1, corrupted: 3).normalized(-1) == 1)
        #expect(BehaviourScale(clean: 2, corrupted: 2).normalized(2) == nil)
        #expect(BehaviourScale(clean: 2, corrupted: 2 + 1e-7).normalized(5) == nil)
        #expect(BehaviourScale(clean: 0, corrupted: 0).normalized(0) == nil)
        #expect(BehaviourScale(clean: 0, corrupted: 1e-8).normalized(5e-9) == 0.5)
    }

    private static func tokens(_ pairs: [(clean: [Int32], corrupted: [Int32], answers: [Int32], wrong: [Int32])]) throws -> BehaviourPairs {
        let pieces = PromptPairs(
            name: "p",
            pairs: pairs.map { pair in
                PromptPairs.Pair(
                    clean: .tokens(pair.clean), corrupted: .tokens(pair.corrupted), answers: pair.answers.map { .tokens([$0]) },
                    wrongAnswers: pair.wrong.map { .tokens([$0]) })
            })
        return BehaviourPairs(try pieces.tokenized(prompt: nil, answer: nil))
    }

    @Test func batches_hold_pairs_of_one_length() throws {
        let network = try LanguageModelFixture("gpt2-tiny").batches.network
        let pairs = try Self.tokens([
            ([1, 2, 3], [1, 9, 3], [4, 4], [5]), ([7, 8], [8, 7], [1], []), ([4, 5, 6], [6, 5, 4], [2], [3]),
            ([1, 1, 1], [2, 2, 2], [3], [9]),
        ])
        #expect(pairs.answers[0] == [4])
        let batches = try PairBatches(pairs, for: network, batchSize: 2)
        #expect(batches.batches == [[1], [0, 2], [3]])
        guard case .tokens(let clean) = batches.clean(1), case .tokens(let corrupted) = batches.corrupted(1) else {
            Issue.record("no tokens")
            return
        }
        #expect(clean.ids == [1, 2, 3, 4, 5, 6] && corrupted.ids == [1, 9, 3, 6, 5, 4] && batches.length(1) == 3)
        #expect(batches.answers(1).right == [[4], [2]] && batches.answers(1).wrong == [[5], [3]])
    }

    @Test func a_pair_that_does_not_fit_is_named() throws {
        let network = try LanguageModelFixture("gpt2-tiny").batches.network
        func problem(_ body: () throws -> Void) -> String {
            do {
                try body()
                return ""
            } catch { return "\(error)" }
        }
        let fine: ([Int32], [Int32], [Int32], [Int32]) = ([1], [2], [3], [4])
        func message(_ clean: [Int32], _ corrupted: [Int32], _ answers: [Int32]) -> String {
            problem { _ = try PairBatches(try Self.tokens([fine, (clean, corrupted, answers, [])]), for: network) }
        }
        let width = Int32(network.outputWidth)
        #expect(
            message([1], [2], [width]) == "p: pair 1 has an answer out of the model's range, expected 0 to \(width - 1), found \(width)")
        #expect(
            message([1, 2], [2, width], [0]).hasPrefix("p: pair 1: the corrupted prompt has a token beyond the vocabulary at position 1"))
        let long = [Int32](repeating: 1, count: 2000)
        #expect(message(long, long, [0]).hasPrefix("p: pair 1: the prompts are longer than the model's positions"))
        let open = try Self.tokens([fine, ([1], [2], [3], [])])
        #expect(
            problem { try BehaviourMetric.logitDifference.check(open) }.hasPrefix(
                "p: pair 1 has no wrong answers, which logit-diff compares with"))
        #expect(problem { try BehaviourMetric.loss.check(open) }.isEmpty)
        let empty = try Self.tokens([([1], [2], [], [])])
        #expect(problem { try BehaviourMetric.probability.check(empty) }.hasPrefix("p: pair 0 has no answers, which prob reads"))
        #expect(problem { try BehaviourMetric.divergence.check(empty) }.isEmpty)
    }

    @Test func pairs_by_class_are_two_samples_of_different_classes() throws {
        let dataset = try DatasetSource(path: Fixtures.path("models/mnist-mlp.npz")).open()
        let pairs = try BehaviourPairs(byClass: dataset, seed: 0)
        guard case .labels(let labels) = dataset.targets, case .labels(let partners) = pairs.corrupted.targets else {
            Issue.record("no labels")
            return
        }
        #expect(pairs.count == 300 && pairs.answers == labels.map { [$0] } && pairs.wrongAnswers == partners.map { [$0] })
        #expect(zip(labels, partners).allSatisfy { $0 != $1 })
        // All classes are drawn about equally often: a tenth of 300 each, within six standard deviations.
        let counts = Dictionary(grouping: partners) { $0 }.mapValues(\.count)
        #expect(counts.count == 10 && counts.values.allSatisfy { (1...62).contains($0) })
        #expect(try BehaviourPairs(byClass: dataset, seed: 0).wrongAnswers == pairs.wrongAnswers)
        #expect(try BehaviourPairs(byClass: dataset, seed: 1).wrongAnswers != pairs.wrongAnswers)
    }

    @Test func pairs_of_modular_addition_differ_in_their_answers() throws {
        let dataset = try DatasetSource(path: "modadd:7").open()
        let pairs = try BehaviourPairs(byClass: dataset, seed: 3)
        guard case .tokens(let tokens) = pairs.corrupted.inputs else {
            Issue.record("no tokens")
            return
        }
        for pair in 0..<pairs.count {
            let ids = Array(tokens.tokens(of: pair))
            #expect(ids.count == 3 && ids[2] == 7)
            #expect(pairs.wrongAnswers[pair] == [(ids[0] + ids[1]) % 7] && pairs.wrongAnswers[pair] != pairs.answers[pair])
        }
    }

    @Test func samples_of_one_class_make_no_pairs() throws {
        let dataset = try DatasetSource(path: "modadd:7").open()
        guard case .answers(let answers) = dataset.targets else { return }
        let same = dataset.selecting(answers.indices.filter { answers[$0] == 2 })
        #expect(throws: Problem.self) { try BehaviourPairs(byClass: same, seed: 0) }
        let text = Dataset(name: "t", inputs: .tokens(TokenSequences([[1, 2]])), targets: .nextToken)
        #expect(throws: Problem.self) { try BehaviourPairs(byClass: text, seed: 0) }
    }

    /// The gradient at the reading's node is that of the metric: by finite differences through the last layer, and through a bound or a
    /// scaling of the logits.
    @Test(arguments: ["gpt2-tiny", "transformers/grokking/model.pth", "transformers/gemma2", "transformers/granite"])
    func the_seed_is_the_gradient_at_the_last_position(name: String) throws {
        let checkpoint = try Checkpoint.open(Fixtures.path(name))
        let network = try #require(try TransformerFamilies.network(of: checkpoint, catalog: LayerCatalog(checkpoint)))
        let reading = BehaviourReading(network)
        let team = Team(size: 1)
        #expect(reading.node != network.output)
        let width = try #require(network.shapes(for: .tokens(samples: 2, length: 3))[reading.node.index].last)
        var generator = SeededGenerator(seed: 1)
        let values = Tensor(shape: [2, 3, width], (0..<6 * width).map { _ in Float(generator.normal()) })
        let answers = PairAnswers(right: [[1], [2]], wrong: [[3], [0]])
        func total(_ values: Tensor) -> Double {
            BehaviourMetric.loss.values(reading.logits(values, team: team), answers).reduce(0, +)
        }
        let logits = reading.logits(values, team: team)
        let gradient = BehaviourMetric.loss.gradient(logits, answers)
        let seed = reading.seed(gradient, at: logits, shape: values.shape, team: team).elements
        for place in stride(from: 0, to: values.count, by: 5) {
            let step: Float = 1e-2
            var moved = values.elements
            moved[place] += step
            let up = total(Tensor(shape: values.shape, moved))
            moved[place] -= 2 * step
            let down = total(Tensor(shape: values.shape, moved))
            #expect(abs((up - down) / Double(2 * step) - Double(seed[place])) < 2e-3, "\(place)")
        }
        #expect(seed[..<(2 * width)].allSatisfy { $0 == 0 })
    }
}
