import Archives
import Foundation
import TestSupport
import Testing
import Text

@testable import Checkpoints

@Suite struct AdapterSettingsTests {
    private func settings(_ text: String) throws -> AdapterConfiguration {
        try AdapterConfiguration(ByteRegion(copying: text.utf8), path: "a")
    }

    /// Opens tensors beside an adapter's settings.
    private func open(
        _ tensors: [(name: String, shape: [Int])], settings: String?, key: String? = nil
    ) throws -> Checkpoint {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("adapter-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = try SafetensorsFile.bytes(
            tensors.map { ($0.name, $0.shape, (0..<$0.shape.reduce(1, *)).map { Float($0) + 1 }) })
        try file.write(to: folder.appendingPathComponent("adapter_model.safetensors"))
        if let settings { try Data(settings.utf8).write(to: folder.appendingPathComponent("adapter_config.json")) }
        return try Checkpoint.open(folder.path, options: .init(key: key))
    }

    private static let plain = #"{"peft_type": "LORA", "r": 2, "lora_alpha": 4}"#
    private static let change: [(name: String, shape: [Int])] = [
        ("base_model.model.m.fc.lora_A.weight", [2, 3]), ("base_model.model.m.fc.lora_B.weight", [4, 2]),
    ]

    /// As peft's `get_pattern_key` finds them: whole endings behind a point, the first entry that matches.
    @Test func patternsMatchTheEndsOfNames() throws {
        let settings = try settings(
            #"""
            {"peft_type": "lora", "r": 8, "lora_alpha": 16, "rank_pattern": {"q_proj": 4, "layers.1.q_proj": 2, "layers\\.(2|3)\\.v_proj": 6},
             "alpha_pattern": {"^model.layers.0.v_proj": 3}, "use_rslora": false}
            """#)
        #expect(try settings.rank(of: "model.layers.0.q_proj") == 4)
        #expect(try settings.rank(of: "model.layers.1.q_proj") == 4)
        #expect(try settings.rank(of: "q_proj") == 4)
        #expect(try settings.rank(of: "model.layers.0.sq_proj") == 8)
        #expect(try settings.rank(of: "model.layers.3.v_proj") == 6)
        #expect(try settings.rank(of: "model.layers.4.v_proj") == 8)
        #expect(try settings.scale(of: "model.layers.0.v_proj", rank: 8) == 3 / 8)
        #expect(try settings.scale(of: "x.model.layers.0.v_proj", rank: 8) == 2)
    }

    @Test func scalesByTheRootOfTheRank() throws {
        let settings = try settings(#"{"peft_type": "LORA", "r": 16, "lora_alpha": 8, "use_rslora": true}"#)
        #expect(try settings.scale(of: "m", rank: 16) == 2)
    }

    @Test func scalesBeyondSinglePrecisionAreErrors() throws {
        let settings = try settings(#"{"peft_type": "LORA", "r": 2, "lora_alpha": 1e300}"#)
        let problem = #expect(throws: Problem.self) { try settings.scale(of: "m", rank: 2) }
        #expect(problem?.description.contains("'lora_alpha' is too large, expected a scale of single precision, found 1e+300") == true)
    }

    @Test func theChangeIsTheProductByHand() throws {
        let adapter = try open(Self.change, settings: Self.plain)
        // B A with B = [[1 2] [3 4] [5 6] [7 8]], A = [[1 2 3] [4 5 6]], times 4 / 2.
        #expect(adapter["m.fc.weight"]?.floats() == [18, 24, 30, 38, 52, 66, 58, 80, 102, 78, 108, 138])
        #expect(adapter.tensors.map(\.name) == ["m.fc.weight"])
    }

    @Test(arguments: [
        ("[]", "peft_type"), ("{", "is not JSON"), (#"{"peft_type": 3}"#, "peft_type"),
        (#"{"peft_type": "LORA", "r": 0}"#, "a whole number from 1"),
        (#"{"peft_type": "LORA", "r": 1e300}"#, "a whole number from 1"), (#"{"peft_type": "LORA", "r": "2"}"#, "a number"),
        (#"{"peft_type": "LORA", "r": 2, "use_dora": 1}"#, "true or false"),
        (#"{"peft_type": "LORA", "rank_pattern": {"(": 2}}"#, "expression"),
        (#"{"peft_type": "LORA", "r": 2, "target_modules": 3}"#, "a list of names"),
        (#"{"peft_type": "LORA", "r": 3, "lora_alpha": 4}"#, "expected [3, in] and [out, 3]"),
        (#"{"peft_type": "LORA", "lora_alpha": 4}"#, "'r'"),
        (#"{"peft_type": "LORA", "r": 2}"#, "lora_alpha"),
        (#"{"peft_type": "LORA", "r": 2, "lora_alpha": 4, "use_dora": true}"#, "lora_magnitude_vector"),
    ])
    func wrongSettingsAreNamed(_ settings: String, _ words: String) {
        let text = problem { try open(Self.change, settings: settings) }
        #expect(text?.contains(words) == true, "\(text ?? "")")
        #expect(text?.contains("\n") == false)
    }

    /// Methods other than LoRA give the same settings other meanings. The values are those that peft writes.
    @Test(
        arguments: [
            ("OFT", #""r": 0, "oft_block_size": 8"#, nil), ("BOFT", #""boft_block_size": 4"#, nil), ("LOHA", #""r": 8, "alpha": 8"#, 8),
            ("LN_TUNING", #""target_modules": null"#, nil), ("HRA", #""r": 4"#, 4), ("VERA", #""r": 256, "d_initial": 0.1"#, 256),
        ] as [(String, String, Int?)])
    func otherMethodsAreDescribedAndRefusedByName(type: String, settings: String, rank: Int?) throws {
        let adapter = try open(
            [("base_model.model.m.fc.\(type.lowercased())_R.weight", [2, 3])], settings: #"{"peft_type": "\#(type)", \#(settings)}"#)
        #expect(adapter.adapter?.configuration?.type == type && adapter.adapter?.configuration?.rank == rank)
        let refusal = adapter.refusal.map { "\($0)" } ?? ""
        #expect(refusal.contains("adapters of this type are not merged, expected LORA, found \(type)"), "\(refusal)")
    }

    @Test(arguments: [
        (#""layer_replication": [[0, 4]]"#, "layer_replication"), (#""init_lora_weights": "pissa_niter_4""#, "pissa"),
        (#""use_qalora": true"#, "use_qalora"), (#""alora_invocation_tokens": [1]"#, "alora_invocation_tokens"),
    ])
    func settingsThatMergeOtherwiseAreRefusedByName(_ setting: String, _ words: String) throws {
        let adapter = try open(Self.change, settings: #"{"peft_type": "LORA", "r": 2, "lora_alpha": 4, \#(setting)}"#)
        #expect(adapter.tensors.isEmpty)
        #expect("\(try #require(adapter.refusal))".contains(words))
    }

    @Test func settingsThatAreOffAreNoObstacle() throws {
        let adapter = try open(
            Self.change,
            settings:
                #"{"peft_type": "LORA", "r": 2, "lora_alpha": 4, "layer_replication": null, "use_qalora": false, "init_lora_weights": "gaussian"}"#
        )
        #expect(adapter.refusal == nil)
    }

    @Test func withoutItsSettingsAnAdapterIsRefused() throws {
        let adapter = try open(Self.change, settings: nil)
        #expect(adapter.tensors.isEmpty)
        #expect("\(try #require(adapter.refusal))".contains("adapter_config.json"))
        #expect("\(try #require(adapter.refusal))".contains("lora_A"))
    }

    private static let misfits: [(tensors: [(String, [Int])], words: String)] = [
        ([("base_model.model.m.lora_A.weight", [2, 3])], "one of the two factors of its change is missing"),
        ([("m.lora_A.weight", [2, 3]), ("m.lora_B.weight", [4, 3])], "do not fit"),
        ([("m.lora_A.weight", [2]), ("m.lora_B.weight", [4])], "do not fit"),
        ([("m.lora_A.weight", [2, 0]), ("m.lora_B.weight", [4, 2])], "do not fit"),
        ([("m.lora_A.weight", [2, 3, 3, 3]), ("m.lora_B.weight", [4, 2, 3, 3])], "do not fit"),
        ([("m.lora_A.weight", [2, 3]), ("base_model.model.m.lora_A.weight", [2, 3]), ("m.lora_B.weight", [4, 2])], "appears twice"),
        ([("m.lora_A.weight", [2, 3]), ("m.lora_B.weight", [4, 2]), ("m.lora_magnitude_vector", [3])], "lengths of its weights"),
        ([("m.lora_A.weight", [2, 3]), ("m.lora_B.weight", [4, 2]), ("m.lora_B.bias", [3])], "its bias does not fit"),
    ]

    @Test(arguments: misfits)
    func partsThatDoNotFitAreRefused(_ tensors: [(String, [Int])], _ words: String) {
        let text = problem { try open(tensors.map { (name: $0.0, shape: $0.1) }, settings: Self.plain) }
        #expect(text?.contains(words) == true, "\(text ?? "")")
    }

    @Test func ofSeveralAdaptersInAFileAKeyPicksOne() throws {
        let tensors = ["first", "second"].flatMap { name in
            [
                (name: "base_model.model.m.fc.lora_A.\(name).weight", shape: [2, 3]),
                (name: "base_model.model.m.fc.lora_B.\(name).weight", shape: [4, 2]),
            ]
        }
        let text = problem { try open(tensors, settings: Self.plain) }
        #expect(text?.contains("several models in the file, found first, second; a key picks one") == true, "\(text ?? "")")
        let adapter = try open(tensors, settings: Self.plain, key: "second")
        #expect(adapter.key == "second")
        #expect(adapter.tensors.map(\.name) == ["m.fc.weight"])
        // The name of the only adapter is not part of any tensor's name.
        #expect(try open(Array(tensors.prefix(2)), settings: Self.plain).tensors.map(\.name) == ["m.fc.weight"])
    }

    @Test func namesAreTakenApart() {
        let cases: [(String, String, AdapterTensorName.Role, Int, String?)] = [
            ("base_model.model.a.b.lora_A.weight", "a.b", .a, 0, nil), ("base_model.model.a.b.lora_B.other.weight", "a.b", .b, 0, "other"),
            ("base_model.model.a.b.lora_B.bias", "a.b", .bias, 0, nil), ("base_model.model.e.lora_embedding_A", "e", .embeddingA, 0, nil),
            ("e.lora_embedding_B.default", "e", .embeddingB, 0, "default"), ("a.lora_magnitude_vector", "a", .magnitude, 0, nil),
            ("a.lora_magnitude_vector.default.weight", "a", .magnitude, 0, "default"),
            ("a.experts.base_layer.lora_A.weight", "a.experts", .a, 1, nil), ("a.q.base_layer.bias", "a.q.bias", .whole, 0, nil),
            ("head.modules_to_save.default.weight", "head.weight", .whole, 0, "default"),
            ("base_model.model.head.weight", "head.weight", .whole, 0, nil),
        ]
        for (name, module, role, nesting, adapter) in cases {
            let found = AdapterTensorName(name)
            #expect(
                found.module == module && found.role == role && found.nesting == nesting && found.adapter == adapter, "\(name): \(found)")
        }
    }

    /// Whatever the settings and the names say, the result is an error or a change, never a trap.
    @Test func damagedSettingsEndInErrors() throws {
        let fixture = try AdapterFixture("patterns")
        let text = try ByteRegion.mapping(path: AdapterFixture.path("adapters/patterns/adapter_config.json")).withUnsafeBytes { Array($0) }
        var random = SplitMix(state: 9)
        for _ in 0..<400 {
            var bytes = text
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                bytes[place] = [UInt8(ascii: "9"), UInt8(ascii: "("), UInt8(ascii: "\""), UInt8.random(in: 32...126, using: &random)]
                    .randomElement(using: &random)!
            }
            guard
                let adapter = try? Adapter(
                    fixture.adapter.stored, configuration: ByteRegion(copying: bytes), fileName: "adapter_model.safetensors", path: "a")
            else { continue }
            for tensor in try adapter.tensors() { _ = tensor.floats() }
        }
    }
}
