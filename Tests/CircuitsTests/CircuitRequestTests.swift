import Checkpoints
import Datasets
import Evaluation
import Foundation
import Networks
import Synchronization
import TestSupport
import Testing
import Text

@testable import Circuits

/// The requests of `circuit`, made without a command line. The numbers are PyTorch's.
@Suite struct CircuitRequestTests {
    private static func model(_ path: String, _ architecture: String? = nil) throws -> LoadedModel {
        try LoadedModel(try Checkpoint.open(Fixtures.path(path)), architecture: architecture.map { try Architecture($0) })
    }

    @Test func edgesAreScoredAndChosenAsInPyTorch() throws {
        let fixture = try EdgeFixture("transformers/gpt2")
        let model = try Self.model("transformers/gpt2")
        let wanted = try #require(fixture.expected.exact["logit-diff corrupted"])
        var request = EdgeCircuitRequest(model, pairs: .given(fixture.pairs), method: .exact)
        (request.size, request.threads) = (.edges(5), 2)
        let done = Mutex([Double]())
        let prepared = try request.prepared()
        let result = try prepared.run { fraction in done.withLock { $0.append(fraction) } }
        EdgeFixture.compare(result.scores, wanted, fixture.expected.edges, "exact")
        #expect(result.chosen == 5 && prepared.outside.isEmpty && prepared.search.experiment.metric == .logitDifference)
        let largest = Set(wanted.indices.sorted { abs(wanted[$0]) > abs(wanted[$1]) }.prefix(5))
        #expect(result.kept.indices.filter { result.kept[$0] }.allSatisfy(largest.contains))
        #expect(abs((done.withLock { $0.max() } ?? 0) - 1) < 1e-6)
    }

    @Test func discoveryAsksAboutTheDivergenceAndKeepsThePapersEdges() throws {
        let fixture = try EdgeFixture("transformers/llama")
        for search in fixture.expected.acdc {
            let request = EdgeCircuitRequest(
                try Self.model("transformers/llama"), pairs: .given(fixture.pairs), method: .discovery(threshold: search.threshold))
            let prepared = try request.prepared()
            #expect(prepared.search.experiment.metric == .divergence)
            let result = try prepared.run()
            // Those that lead nowhere are dropped.
            let kept = Set(result.kept.indices.filter { result.kept[$0] }.map(prepared.graph.name))
            #expect(kept.isSubset(of: search.kept) && result.chosen == search.kept.count)
        }
    }

    @Test func weightsAreThoseOfThePlainAlgorithm() throws {
        // All samples that a case names, on both sides: the request judges by other data only.
        for expected in PruningTests.cases where expected.model == "mnist-mlp" {
            let source = DatasetSource(path: Fixtures.path("models/mnist-mlp.npz"), limit: expected.samples)
            var request = WeightCircuitRequest(
                try Self.model("models/mnist-mlp.pt", PrunedModel.architectures["mnist-mlp"]), data: source)
            request.heldOut = .data(source)
            request.objective = expected.objective == "label-loss" ? .labelLoss : .kl
            request.subjects = expected.label.map { .labels([$0]) } ?? .wholeModel
            (request.tolerance, request.controls, request.threads) = (expected.tolerance, 1, 2)
            let prepared = try request.prepared()
            let result = try prepared.run()
            #expect(prepared.weightCount == 784 * 32 + 32 * 32 * 2 + 32 * 10 || prepared.layers.count == expected.kept.count)
            let circuit = try #require(result.circuits.first)
            #expect(circuit.objective == expected.goal && circuit.controls.count == 1)
            for layer in circuit.mask.layers {
                let wanted = try expected.isKept(layer.name, count: layer.isKept.count)
                #expect(layer.isKept == wanted, "\(expected) \(layer.name)")
            }
            #expect(abs(circuit.loss - expected.loss) < 1e-9 * max(1, expected.loss))
        }
    }

    @Test func dataArePartedUnderTheSeed() throws {
        let model = try Self.model("models/mnist-mlp.pt", PrunedModel.architectures["mnist-mlp"])
        var request = WeightCircuitRequest(model, data: DatasetSource(path: Fixtures.path("models/mnist-mlp.npz"), limit: 40))
        (request.heldOut, request.subjects, request.layers) = (.share(0.25), .everyLabel, ["fc4*"])
        let prepared = try request.prepared()
        #expect(prepared.batches.dataset.count == 30 && prepared.judged.dataset.count == 10)
        let present = Set(try WeightPruning.labels(of: prepared.batches).map(Int.init))
        #expect(prepared.pruning.objectives == present.sorted().map { .labelDivergence(label: $0) })
        #expect(prepared.pruning.tolerance == 0.01 && prepared.layers.map(\.name) == ["fc4.weight"])
        let one = WeightCircuitRequest(model, data: DatasetSource(path: Fixtures.path("models/mnist-mlp.npz"), limit: 1))
        #expect {
            try one.prepared()
        } throws: {
            ($0 as? Problem)?.hint == .giveHeldOutData && ($0 as? Problem)?.found == "1"
        }
    }

    private static func weights(_ path: String, _ places: [[Int]], shape: [Int] = [2, 3]) -> CircuitCollection {
        CircuitCollection(
            path: path,
            places.enumerated().map {
                .init(label: $0.offset, kind: .weights, groups: [("fc.weight", $0.element)], available: 6, shapes: ["fc.weight": shape])
            })
    }

    @Test func overlapIsCountedWithinAndBetweenFiles() throws {
        let found = try CircuitComparisonRequest([
            Self.weights("a.json", [[0, 1, 2], [2, 3]]), Self.weights("b.json", [[2, 5]]),
        ]).run()
        #expect(found.kind == .weights && found.circuits.map(\.name) == ["a.json:0", "a.json:1", "b.json:0"])
        #expect(found.circuits.map(\.kept) == [3, 2, 2] && found.circuits.map(\.size) == [0.5, 2.0 / 6, 2.0 / 6])
        #expect(found.overlap.pairs.map(\.ratio) == [0.25, 0.25, 1.0 / 3])
        #expect(found.overlap.sharedByAll == 1 && found.overlap.union == 5)
        #expect(found.files.map(\.meanOverlap) == [0.25, nil] && found.files[0].meanKept == 2.5 && found.files[0].union == 4)
    }

    @Test func circuitsOfOtherModelsAreRefused() throws {
        let a = Self.weights("a.json", [[0]])
        #expect(
            throws: Problem(
                "tensor 'fc.weight': has a different shape than in a.json", path: "standard input", expected: "2x3", found: "3x2")
        ) {
            try CircuitComparisonRequest([a, Self.weights("-", [[0]], shape: [3, 2])]).run()
        }
        func edges(_ path: String, of count: Int) -> CircuitCollection {
            CircuitCollection(path: path, [.init(label: nil, kind: .edges, groups: [("a -> b", [0])], available: count)])
        }
        #expect(throws: Problem("holds circuits of a different kind", path: "b.json", expected: "weights as a.json")) {
            try CircuitComparisonRequest([a, edges("b.json", of: 4)]).run()
        }
        #expect(throws: Problem("holds circuits of another graph than b.json", path: "c.json", expected: "4 edges", found: "5")) {
            try CircuitComparisonRequest([edges("b.json", of: 4), edges("c.json", of: 5)]).run()
        }
        #expect(throws: Problem("cannot be compared", expected: "2 to 1000 circuits", found: "1")) {
            try CircuitComparisonRequest([a]).run()
        }
    }
}
