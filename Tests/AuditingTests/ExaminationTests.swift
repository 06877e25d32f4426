import Checkpoints
import Foundation
import Modularity
import Scoring
import TestSupport
import Testing
import Text

@testable import Auditing

@Suite struct ExaminationTests {
    private static func found(_ name: String, base: String? = nil) -> FoundCheckpoint {
        FoundCheckpoint(path: Fixtures.path(name), name: name, base: base.map(Fixtures.path), files: [])
    }

    private static func row(_ name: String, base: String? = nil, _ change: (inout AuditSettings) -> Void = { _ in }) -> AuditRow {
        var settings = AuditSettings(version: "1")
        change(&settings)
        return Examination.row(of: found(name, base: base), settings: settings)
    }

    /// Computed by `fixtures/make_audit.py` from the definition.
    private static let expected: [String: String] = {
        (try? JSONDecoder().decode(
            [String: String].self, from: Data(contentsOf: URL(fileURLWithPath: Fixtures.path("audit/expected.json"))))) ?? [:]
    }()

    // MARK: - What is not there

    @Test func exclusionsThatExcludeNothingHereDoNotMatter() {
        let all = Self.row("mlp.safetensors") { $0.layers = ["all"] }
        #expect(all.status == .ok && (all.results.first?.layers.count ?? 0) > 2)
        #expect(Self.row("mlp.safetensors") { $0.layers = ["!absent*"] }.results == all.results)
        let one = Self.row("mlp.safetensors") { $0.layers = ["fc2.weight", "!absent*"] }
        #expect(one.status == .ok && one.results.first?.layers.map(\.layer) == ["fc2.weight"])
        // What is asked for must be there.
        #expect(Self.row("mlp.safetensors") { $0.layers = ["absent*", "!fc2.weight"] }.status == .failed)
    }

    @Test func aModelWithoutAllOfItsShardsHasFailed() throws {
        try TemporaryFolder.with { folder throws in
            try FileManager.default.copyItem(atPath: Fixtures.path("audit/sharded"), toPath: folder + "/model")
            let files = try FileManager.default.contentsOfDirectory(atPath: folder + "/model").filter { $0.hasSuffix(".safetensors") }
                .sorted()
            // As a search finds it.
            let model = folder + "/model/model.safetensors.index.json"
            let whole = Examination.row(
                of: FoundCheckpoint(path: model, name: "model", files: []), settings: AuditSettings(version: "1", layers: ["!absent*"]))
            #expect(whole.status == .ok)
            try FileManager.default.removeItem(atPath: folder + "/model/" + (try #require(files.last)))
            let row = Examination.row(
                of: FoundCheckpoint(path: model, name: "model", files: []), settings: AuditSettings(version: "1", layers: ["all"]))
            #expect(row.status == .failed)
            #expect(row.reason?.hasPrefix("is incomplete, expected 8 tensors, found ") == true, "\(row.reason ?? "")")
            #expect(row.reason?.hasSuffix(" without those in \(files.last ?? "")") == true, "\(row.reason ?? "")")
            #expect(row.results.count == 1 && row.findings.contains { $0.kind == .unread })
        }
    }

    // MARK: - The digest of the weights

    @Test(arguments: [
        "mlp.safetensors", "mlp.tar", "mlp.tar.gz", "mlp.tar.zst", "mlp.zip", "mlp.pt", "mlp-legacy.pt", "mlp.npz", "training.pth",
        "audit/sharded", "audit/sharded/model.safetensors.index.json", "audit/mlp.gguf", "audit/prefixed.pt", "audit/strided.pt",
    ])
    func theContainerDoesNotChangeTheDigestOfTheWeights(name: String) {
        let row = Self.row(name)
        #expect(row.status == .ok)
        #expect(row.weightsSHA256 == Self.expected["mlp"])
        #expect(row.weightsSHA256 != nil)
    }

    @Test func wideningIsNoChangeAndRoundingIsOne() throws {
        let half = try #require(Self.expected["half"])
        #expect(Self.row("audit/half.safetensors").weightsSHA256 == half)
        #expect(Self.row("audit/widened.npz").weightsSHA256 == half)
        #expect(Self.row("audit/double.pt").weightsSHA256 == Self.expected["double"])
        #expect(half != Self.expected["mlp"])
    }

    @Test(arguments: ["audit/changed.safetensors", "audit/renamed.safetensors", "mlp-tuned.safetensors"])
    func otherWeightsAndOtherNamesAreAnotherModel(name: String) {
        let digest = Self.row(name).weightsSHA256
        #expect(digest != nil)
        #expect(digest != Self.expected["mlp"])
    }

    @Test(arguments: ["audit/tied-once.safetensors", "audit/tied.pt", "audit/tied-twice.npz", "audit/tied-masks.safetensors"])
    func tiedWeightsAndMasksCountOnceOrNever(name: String) {
        let row = Self.row(name)
        #expect(row.weightsSHA256 == Self.expected["tied"])
        #expect(row.weightsSHA256 != nil)
    }

    // MARK: - Findings

    @Test func everyFindingInTheNumbersIsNamed() {
        let row = Self.row("audit/findings.safetensors") { $0.layers = ["all"] }
        #expect(
            row.findings.map(\.line) == [
                "nan: fc5.bias, 2", "infinite: fc5.bias", "zero: fc2.weight", "dead: fc1.weight (out), 2: 2, 9",
                "dead: fc1.weight (in): 4", "duplicate: fc1.weight (out): 5 equals 1",
                "proportional: fc1.weight (out), 2: 7 is a multiple of 0, 8 is a multiple of 0", "copy: fc3.weight: fc4.weight",
            ])
        // A bias is not scored, so that its NaN do no harm there.
        #expect(row.status == .ok)
    }

    @Test func aTieThatIsDeclaredAndBrokenIsFound() {
        #expect(Self.row("audit/untied").findings.map(\.line) == ["untied: lm_head.weight: differs from 'transformer.wte.weight'"])
        #expect(Self.row("audit/tied.pt").findings.isEmpty)
        #expect(Self.row("audit/tied-twice.npz").findings.map(\.line) == ["copy: transformer.wte.weight: lm_head.weight"])
    }

    /// As `info` says it of a model that runs.
    @Test(arguments: [
        ("timm-resnet", "no tensor shows activations, strides and pools: "),
        ("timm-vit-bare", "no tensor shows the activation and what the head reads: "), ("resnet", nil), ("convnext", nil),
    ]) func whatNoTensorOfAModelShowsIsFound(name: String, expected: String?) throws {
        let row = Self.row("transformers/" + name)
        let details = row.findings.filter { $0.kind == .assumed }.map { $0.detail ?? "" }
        #expect(row.status == .ok)
        if let expected { #expect(details.count == 1 && details[0].hasPrefix(expected), "\(details)") } else { #expect(details.isEmpty) }
    }

    @Test func soundModelsHaveNoFindings() {
        for name in ["mlp.safetensors", "cnn.pt", "gpt2-tiny", "llama-tiny", "pythia-tiny"] {
            #expect(Self.row(name).findings.isEmpty, "\(name): \(Self.row(name).findings.map(\.line))")
        }
    }

    @Test func whatScoringCannotReadFailsWithTheReasonAndIsFound() {
        let row = Self.row("nan.safetensors")
        #expect(row.status == .failed)
        #expect(row.reason == "tensor 'spoilt': weights that are not finite, expected numbers, found 1 NaN and 0 infinite")
        #expect(row.findings == [Finding(.nan, subject: "spoilt")])
        #expect(row.model?.container == "safetensors")
        #expect(row.results.isEmpty)
        #expect(Self.row("infinite.npz").findings == [Finding(.infinite, subject: "spoilt")])
        #expect(Self.row("nan.npz") { $0.layers = ["sound"] }.status == .ok)
    }

    @Test func tensorsThatCannotBeReadAreFoundAndLeaveTheWeightsWithoutADigest() {
        let row = Self.row("unreadable/tensors.pt")
        #expect(row.count(of: .unread) > 0)
        #expect(row.findings.allSatisfy { $0.kind != .unread || $0.detail != nil && $0.subject != nil })
        #expect(row.weightsSHA256 == nil)
        #expect(row.sha256 != nil)
    }

    @Test func globalsBeyondTensorsAreUnsafe() {
        let row = Self.row("unreadable/sidecars.pt")
        #expect(row.count(of: .unsafe) > 0)
        #expect(Self.row("mlp.pt").count(of: .unsafe) == 0)
    }

    /// A pickle that cannot be opened as a checkpoint, because it calls something in place of holding tensors.
    @Test func aFileThatOnlyCallsIsUnsafe() throws {
        let attack = Array("\u{02}}q\0X\u{01}\0\0\0aq\u{01}cposix\nsystem\nq\u{02}X\u{04}\0\0\0trueq\u{03}".utf8)
        let bytes = Data([0x80] + attack + [0x85] + Array("q\u{04}Rq\u{05}s.".utf8))
        try TemporaryFolder.with { folder throws in
            let path = folder + "/raw.pt"
            try bytes.write(to: URL(fileURLWithPath: path))
            let file = FoundCheckpoint.FoundFile(path: path, size: bytes.count, modified: 0)
            let found = FoundCheckpoint(path: path, name: "raw.pt", files: [file])
            let row = Examination.row(of: found, settings: AuditSettings(version: "1"))
            #expect(row.status == .failed)
            #expect(row.findings == [Finding(.unsafe, detail: "posix.system")])
            #expect(row.sha256 != nil)
        }
    }

    // MARK: - Failures

    @Test func aFileThatIsNoCheckpointFailsWithoutItsPathInTheReason() {
        for name in ["absent.pt", "README.md", "make_fixtures.py"] {
            let row = Self.row(name)
            #expect(row.status == .failed)
            #expect(row.model == nil)
            #expect(row.reason?.isEmpty == false)
            #expect(row.reason?.contains(Fixtures.folder) == false, "\(row.reason ?? "")")
        }
    }

    @Test func aPatternThatMatchesNothingFails() {
        let row = Self.row("mlp.pt") { $0.layers = ["nothing.*"] }
        #expect(row.status == .failed)
        #expect(row.reason == "no layer matches 'nothing.*'")
        #expect(row.weightsSHA256 == Self.expected["mlp"])
    }

    @Test func theGradientMethodIsRefused() { #expect(Self.row("mlp.pt") { $0.method = .gradient }.status == .failed) }

    // MARK: - Scores

    @Test(arguments: ["mlp.tar", "cnn.pt", "gpt2-tiny", "edge.npz"]) func scoresAreThoseOfScore(name: String) throws {
        let row = Self.row(name) {
            $0.counts = [2, 3]
            $0.nullSamples = 3
            $0.seed = 5
        }
        let catalog = LayerCatalog(try Checkpoint.open(Fixtures.path(name)))
        var request = try ScoreRequest(
            catalog, path: name, clusters: .found(ClusteringOptions(seed: 5), counts: [.fixed(2), .fixed(3)]))
        request.nullSamples = 3
        let sweeps = try request.run().sweeps
        #expect(row.results.map(\.k) == [2, 3])
        for (result, sweep) in zip(row.results, sweeps) {
            #expect(result.layers.map(\.layer) == sweep.layers.map(\.clustering.layer))
            for (layer, scored) in zip(result.layers, sweep.layers) {
                for measure in Measure.allCases { #expect(layer[measure] == scored.measures[measure]) }
                #expect(layer.null?.z == scored.null?.z)
                #expect(layer.null?.p == scored.null?.p)
            }
            for measure in Measure.allCases { #expect(result.mean[measure] == sweep.mean { $0[measure] }) }
            #expect(result.mean.null?.p == sweep.null?.p)
        }
    }

    @Test func threadsChangeNothing() {
        let settings = AuditSettings(version: "1", nullSamples: 4)
        for name in ["mlp.pt", "gpt2-tiny"] {
            let one = Examination.row(of: Self.found(name), settings: settings)
            #expect(Examination.row(of: Self.found(name), settings: settings, threads: 3) == one)
        }
    }

    @Test func whatAModelIs() throws {
        let row = Self.row("training.pth")
        #expect(row.model?.family == "chain")
        // 64 x 48 + 48 x 48 + 48 x 48 + 48 x 10 weights and 48 + 48 + 48 + 10 biases.
        #expect(row.model?.parameters == 3072 + 2304 + 2304 + 480 + 154)
        #expect(row.model?.dtypes == ["f32"])
        #expect(row.model?.leftOut == [.init(reason: "vector", count: 4), .init(reason: "chainEnd", count: 2)])
        #expect(row.sha256 == (try Self.sha256("training.pth")))
    }

    private static func sha256(_ name: String) throws -> String {
        let result = try BuiltCommand.shell("sha256sum < \"$1\"", Fixtures.path(name))
        return String(result.text.prefix(64))
    }

    @Test func anAdapterIsMergedIntoItsBase() {
        let (base, alone) = (Self.row("transformers/llama"), Self.row("adapters/dora"))
        let merged = Self.row("adapters/dora", base: "transformers/llama")
        #expect(merged.status == .ok)
        #expect(merged.base == Fixtures.path("transformers/llama"))
        #expect(merged.model?.parameters == base.model?.parameters)
        #expect(Set([base, alone, merged].map(\.weightsSHA256)).count == 3)
        #expect(Self.row("adapters/dora", base: "absent").status == .failed)
    }
}
