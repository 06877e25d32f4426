import Checkpoints
import Datasets
import Evaluation
import Interventions
import Networks
import Scoring
import TestSupport
import Testing
import Text

/// The requests of `ablate` and `patch`, made without a command line. The numbers are PyTorch's.
@Suite struct RequestTests {
    private static func model(_ name: String) throws -> LoadedModel {
        let architecture = try ModelFixture.architectures[name].map { try Architecture($0) }
        return try LoadedModel(
            try Checkpoint.open(Fixtures.path(architecture == nil ? name : "models/\(name).pt")), architecture: architecture)
    }

    @Test func anAblationReadsItsDataAndAnswersAsInPyTorch() throws {
        let fixture = try ModelFixture("mnist-mlp")
        var request = AblationRequest(
            try Self.model("mnist-mlp"), clusters: GivenClusters(name: "clusters", fixture.clusterings),
            data: DatasetSource(path: Fixtures.path("models/mnist-mlp.npz")))
        request.layers = ["fc3*"]
        request.threads = 2
        let prepared = try request.prepared()
        #expect(prepared.interventionCount == 8 && prepared.layers.map(\.layer.name) == ["fc3.weight"])
        var (fractions, batches): ([Double], Int) = ([], 0)
        let result = try prepared.run(answers: { _ in batches += 1 }, progress: { fractions.append($0) })
        let expected = fixture.expected.interventions.filter {
            $0.layer == "fc3.weight" && $0.reading == "activations" && $0.fill == "zero"
        }
        #expect(result.layers.count == 1 && result.layers[0].rows.count == 8 && expected.count == 8)
        for row in expected {
            let found = try #require(result.layers[0].rows.first { $0.kind.rawValue == row.intervention && $0.cluster == row.cluster })
            #expect(found.outcome.classes.map(\.correct) == row.correct && found.outcome.accuracy == row.accuracy)
        }
        #expect(batches > 0 && fractions == fractions.sorted() && abs((fractions.last ?? 0) - 1) < 1e-9)
    }

    @Test func anAblationNeedsAnswers() throws {
        let fixture = try ModelFixture("mnist-mlp")
        try TemporaryFolder.with { folder in
            let path = folder + "/x"
            try IDXFile.bytes(shape: [3, 28, 28], values: [UInt8](repeating: 9, count: 3 * 784)).write(to: .init(fileURLWithPath: path))
            let request = AblationRequest(
                try Self.model("mnist-mlp"), clusters: GivenClusters(name: "clusters", fixture.clusterings), data: DatasetSource(path: path)
            )
            #expect(throws: Problem("has no answers to compare with", subject: path, hint: .giveAnswers)) { try request.prepared() }
        }
    }

    @Test func patchesAreThoseOfPyTorch() throws {
        let fixture = try PatchingFixture("transformers/gpt2")
        let run = try #require(fixture.expected.runs.first { $0.direction == "denoise" && $0.positions == 0 })
        var request = PatchRequest(try Self.model("transformers/gpt2"), pairs: .given(fixture.pairs))
        request.parts = .sites(run.parts)
        request.patching = ActivationPatching(metrics: BehaviourMetric.allCases)
        let prepared = try request.prepared()
        #expect(prepared.patchCount == run.parts.count * prepared.batches.batches.count && prepared.lengths == [4, 5])
        let result = try prepared.run()
        let rows = Dictionary(uniqueKeysWithValues: result.rows.map { ($0.part.name, $0) })
        for (part, values) in zip(run.parts, run.exact) {
            let row = try #require(rows[part])
            for (metric, wanted) in values.enumerated() {
                let found = row.measures?[metric].value ?? result.scales[metric].corrupted
                #expect(abs(found - wanted) < 1e-5 * max(1, abs(wanted)), "\(part)")
            }
        }
    }

    /// Tables read the prompts, not the site that is called after them.
    @Test(arguments: ["tokens", "tok*", "tokens.0"]) func tokensOfAGraphAreNotPatched(site: String) throws {
        let model = try LoadedModel(Checkpoint.open(Fixtures.path("graphs/lookup.program.pt2")))
        var request = PatchRequest(model, pairs: .file("pairs.jsonl", limit: nil))
        request.parts = .sites([site])
        let problem = Problem(
            "site 'tokens' is the prompts' tokens, which are not activations", expected: "a site that is computed of them")
        #expect(throws: problem) { try request.prepared() }
    }

    @Test func pairsComeFromAFileOrAreDrawnByClass() throws {
        let model = try Self.model("mnist-mlp")
        let source = DatasetSource(path: Fixtures.path("models/mnist-mlp.npz"), limit: 40)
        let pairs = try model.behaviourPairs(.byClass(source, seed: 3))
        #expect(pairs.count == 40 && zip(pairs.answers, pairs.wrongAnswers).allSatisfy { $0 != $1 })
        #expect(throws: Problem("no prompt pairs", path: "modadd:5", hint: .drawPairsByClass)) {
            try model.behaviourPairs(.file("modadd:5", limit: nil))
        }
    }
}
