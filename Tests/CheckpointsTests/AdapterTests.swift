import Archives
import Foundation
import TestSupport
import Testing

@testable import Checkpoints

/// The adapters of fixtures/adapters, which peft has written, and the models that peft merges them into.
struct AdapterFixture {
    let name: String
    let adapter: Checkpoint
    let base: Checkpoint
    let expected: Checkpoint

    static let bases: [(name: String, base: String)] = [
        ("patterns", "transformers/llama"), ("biased", "transformers/llama"), ("dora", "transformers/llama"),
        ("saved", "transformers/llama"),
        ("untied", "transformers/llama-tied"), ("tied", "transformers/llama-tied"),
        ("input-only", "transformers/llama-tied"), ("conv1d", "transformers/gpt2"),
        ("conv1d-dora", "transformers/gpt2"), ("bf16", "llama-tiny"), ("conv2d", "cnn.pt"), ("conv2d-dora", "cnn.pt"),
        ("signal", "adapters/bases/signal.safetensors"), ("point", "adapters/bases/point.safetensors"),
        ("experts", "adapters/bases/experts"), ("mixture", "transformers/mixtral"),
    ]

    static func path(_ name: String) -> String { FormatFixtures.path("../" + name) }

    init(_ name: String) throws {
        let base = try #require(Self.bases.first { $0.name == name }?.base)
        self.name = name
        adapter = try Checkpoint.open(Self.path("adapters/\(name)"))
        self.base = try Checkpoint.open(Self.path(base))
        expected = try Checkpoint.open(Self.path("adapters/expected/\(name).safetensors"))
    }

    /// What is expected under names that begin with `kind`, by the base's names.
    func values(_ kind: String) -> [(name: String, tensor: TensorRecord)] {
        expected.tensors.filter { $0.name.hasPrefix(kind + ".") }.map { (String($0.name.dropFirst(kind.count + 1)), $0) }
    }
}

extension Checkpoint {
    /// The tensor of a name, whatever prefixes this checkpoint's have.
    func named(_ name: String) -> TensorRecord? {
        if let own = self[name] { return own }
        let bare = TensorName(name).bare
        let others = tensors.filter { TensorName($0.name).bare == bare }
        return others.count == 1 ? others[0] : nil
    }
}

@Suite struct AdapterTests {
    static let names = AdapterFixture.bases.map(\.name)

    private func expectClose(_ found: [Float], _ expected: [Float], _ what: String, tolerance: Float = 2e-6) {
        #expect(found.count == expected.count, "\(what)")
        let worst = zip(found, expected).map { abs($0 - $1) / max(1, abs($1)) }.max() ?? 0
        #expect(worst <= tolerance, "\(what): \(worst)")
    }

    @Test(arguments: names.filter { !["experts", "mixture"].contains($0) }) func mergedWeightsAreThoseOfPEFT(_ name: String) throws {
        let fixture = try AdapterFixture(name)
        let merged = try fixture.adapter.merged(into: fixture.base)
        let values = fixture.values("merged")
        #expect(!values.isEmpty)
        var seen: Set<String> = []
        for (name, wanted) in values {
            let found = try #require(merged.named(name), "\(name)")
            seen.insert(found.name)
            #expect(found.shape == wanted.shape)
            #expect(found.dtype == wanted.dtype)
            // A sum that lies between two numbers of half precision may be rounded to either.
            expectClose(found.floats(), wanted.floats(), name, tolerance: wanted.dtype == .bf16 ? 1 / 256 : 2e-6)
        }
        for tensor in merged.tensors where !seen.contains(tensor.name) {
            #expect(tensor.derived == nil, "\(tensor.name)")
            #expect(tensor.floats() == fixture.base[tensor.name]?.floats(), "\(tensor.name)")
        }
        #expect(merged.configuration != nil || fixture.base.configuration == nil)
        #expect(merged.base?.path == fixture.base.path)
    }

    @Test(arguments: ["patterns", "biased", "saved", "untied", "input-only", "conv1d", "bf16", "conv2d", "signal", "point"])
    func byItselfAnAdapterIsItsChanges(_ name: String) throws {
        let fixture = try AdapterFixture(name)
        #expect(fixture.adapter.refusal == nil)
        let values = fixture.values("delta")
        #expect(fixture.adapter.tensors.map(\.name).sorted() == values.map(\.name).sorted())
        let catalog = LayerCatalog(fixture.adapter)
        for (name, wanted) in values {
            if wanted.shape.count > 2 {
                let found = try #require(fixture.adapter[name])
                #expect(found.shape == wanted.shape)
                expectClose(found.floats(), wanted.floats(), name)
                continue
            }
            let layer = try #require(catalog[name], "\(name)")
            #expect([layer.outNeurons, layer.inNeurons] == wanted.shape, "\(name)")
            guard case .single(let matrix) = try layer.weights() else {
                Issue.record("\(name) is not in single precision")
                continue
            }
            expectClose(matrix.withElements { Array($0) }, wanted.floats(), name)
        }
    }

    /// Experts that are separate tensors in the file and one parameter in the adapter and in the library's memory.
    @Test(arguments: ["adapters/bases/experts", "adapters/bases/experts-stacked.safetensors"])
    func expertsAreChangedHoweverTheyAreStored(_ base: String) throws {
        let fixture = try AdapterFixture("experts")
        let merged = try fixture.adapter.merged(into: Checkpoint.open(AdapterFixture.path(base)))
        for (name, wanted) in fixture.values("merged") {
            if let found = merged[name] {
                expectClose(found.floats(), wanted.floats(), name)
                continue
            }
            let module = name.split(separator: ".").dropLast().joined(separator: ".")
            let size = wanted.elementCount / wanted.shape[0]
            for expert in 0..<wanted.shape[0] {
                let parts = name.hasSuffix("gate_up_proj") ? ["gate_proj", "up_proj"] : ["down_proj"]
                let found = try parts.flatMap { try #require(merged["\(module).\(expert).\($0).weight"]).floats() }
                expectClose(found, Array(wanted.floats()[expert * size..<(expert + 1) * size]), "\(name)[\(expert)]")
            }
        }
    }

    /// The library calls `mlp` what it stores as `block_sparse_moe`.
    @Test func expertsAreChangedUnderTheNamesOfTheFile() throws {
        let fixture = try AdapterFixture("mixture")
        let merged = try fixture.adapter.merged(into: fixture.base)
        for (name, wanted) in fixture.values("merged") {
            let stored = name.replacingOccurrences(of: ".mlp.", with: ".block_sparse_moe.")
            if let found = merged[stored] {
                expectClose(found.floats(), wanted.floats(), name)
                continue
            }
            let parts = name.hasSuffix("gate_up_proj") ? ["w1", "w3"] : ["w2"]
            let module = stored.split(separator: ".").dropLast().joined(separator: ".")
            let size = wanted.elementCount / wanted.shape[0]
            for expert in 0..<wanted.shape[0] {
                let found = try parts.flatMap { try #require(merged["\(module).\(expert).\($0).weight"]).floats() }
                expectClose(found, Array(wanted.floats()[expert * size..<(expert + 1) * size]), "\(name)[\(expert)]")
            }
        }
    }

    @Test(arguments: names) func anyPartHasTheBitsOfTheWhole(_ name: String) throws {
        let fixture = try AdapterFixture(name)
        let merged = try fixture.adapter.merged(into: fixture.base)
        var random = SplitMix(state: 3)
        for tensor in (merged.tensors + fixture.adapter.tensors).filter({ $0.derived != nil }) {
            let whole = tensor.floats()
            for _ in 0..<8 {
                let start = Int.random(in: 0..<whole.count, using: &random)
                let end = Int.random(in: start...whole.count, using: &random)
                var part = [Float](repeating: .nan, count: end - start)
                part.withUnsafeMutableBufferPointer { tensor.fill($0, elements: start..<end) }
                #expect(part == Array(whole[start..<end]), "\(tensor.name) \(start)..<\(end)")
            }
            #expect(tensor.doubles().map(Float.init) == whole)
        }
    }

    @Test(arguments: [
        ("dora", "depends on its base"), ("ia3", "found IA3"), ("adalora", "found ADALORA"), ("loha", "found LOHA"),
        ("prefix", "found PREFIX_TUNING"),
    ])
    func whatCannotBeToldIsNotInvented(_ name: String, _ words: String) throws {
        let adapter = try Checkpoint.open(AdapterFixture.path("adapters/\(name)"))
        #expect(adapter.tensors.isEmpty)
        #expect(adapter.adapter != nil)
        #expect("\(try #require(adapter.refusal))".contains(words))
        #expect(adapter.runRefusal != nil)
        guard name != "dora" else { return }
        let text = problem { try adapter.merged(into: Checkpoint.open(AdapterFixture.path("transformers/llama"))) }
        #expect(text?.contains(words) == true, "\(text ?? "")")
    }

    @Test func anAdapterOfAnotherModelIsRefusedWithTheFirstThatDoesNotFit() throws {
        let patterns = try AdapterFixture("patterns").adapter
        let missing = problem { try patterns.merged(into: AdapterFixture("conv1d").base) }
        #expect(
            missing?.contains("tensor 'model.layers.0.mlp.down_proj.bias': is not a tensor of the base model") == true, "\(missing ?? "")")
        #expect(
            missing?.hasSuffix("found none of this name; 12 of 12 changes do not fit") == true, "\(missing ?? "")")
        let size = problem { try AdapterFixture("bf16").adapter.merged(into: AdapterFixture("patterns").base) }
        #expect(size?.contains("expected [24, 16], found a change [80, 32]") == true, "\(size ?? "")")
        let model = try AdapterFixture("patterns").base
        #expect(problem { try model.merged(into: model) }?.contains("expected an adapter, found a model") == true)
        #expect(problem { try patterns.merged(into: patterns) }?.contains("is an adapter itself") == true)
    }

    @Test(arguments: ["untied", "input-only"]) func tokenizerAndSettingsAreTheBases(_ name: String) throws {
        let fixture = try AdapterFixture(name)
        let merged = try fixture.adapter.merged(into: fixture.base)
        // The output matrix is kept whole, so that it is no longer the embedding.
        let settings = try #require(merged.configuration).withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        #expect(settings.contains("\"tie_word_embeddings\": false"))
        #expect(
            fixture.base.configuration?.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }.contains("\"tie_word_embeddings\": true")
                == true)
        #expect(merged.companions["adapter_config.json"] == nil)
    }
}
