import Archives
import Foundation
import TestSupport
import Testing
import Text

@testable import Checkpoints

/// The settings that say how weights are stored, and what follows from them.
@Suite struct EncodingsSettingsTests {
    static let up = "model.layers.0.mlp.up_proj."

    private func weight(_ file: EncodedFile) throws -> [Float] {
        try #require(try file.checkpoint()[Self.up + "weight"]).floats()
    }

    /// AutoGPTQ adds 1 to a stored zero point and keeps its bits: all ones are 0, as the second version stores it.
    @Test(arguments: [2, 3, 4]) func aZeroPointOfAllOnesIsZero(bits: Int) throws {
        var file = try EncodedFile(fixture: "gptq-\(bits)")
        let zeros = try #require(file.tensors[Self.up + "qzeros"])
        let size = ["2": 16, "3": 32, "4": 24]["\(bits)"] ?? 0
        func settings(_ format: String) -> String {
            #"{"quantization_config": {"quant_method": "gptq", "bits": \#(bits), "group_size": \#(size), "checkpoint_format": "\#(format)"}}"#
        }
        file.tensors[Self.up + "qzeros"] = (zeros.0, zeros.1, [UInt8](repeating: 0xFF, count: zeros.2.count))
        file.configuration = settings("gptq")
        let first = try weight(file)
        file.tensors[Self.up + "qzeros"] = (zeros.0, zeros.1, [UInt8](repeating: 0, count: zeros.2.count))
        file.configuration = settings("gptq_v2")
        #expect(try first == weight(file))
        #expect(first.min() == 0 && first.contains { $0 > 0 })
    }

    /// gptqmodel's `dynamic` gives modules bits and groups of their own.
    @Test(arguments: [("gptq-4", 4, 24), ("gptq-8", 8, 12), ("gptq-order", 4, 16)])
    func aModuleMayHaveItsOwnGroups(name: String, bits: Int, size: Int) throws {
        var file = try EncodedFile(fixture: name)
        let expected = try weight(file)
        for (general, own) in [(128, size), (-1, size)] {
            file.configuration = #"""
                {"quantization_config": {"quant_method": "gptq", "bits": 2, "group_size": \#(general), "checkpoint_format":
                "\#(name == "gptq-4" ? "gptq" : "gptq_v2")", "dynamic": {"+:.*up.*": {"bits": \#(bits), "group_size": \#(own)}}}}
                """#
            #expect(try weight(file) == expected)
        }
    }

    /// As in gptqmodel, the first pattern counts that matches the beginning of a module's name. `(?=` is not read, and leaves what the shapes of
    /// the parts say.
    @Test(arguments: [
        (#"{"-:model": {}}"#, "is stored as codes of GPTQ, which dynamic in config.json excludes"),
        (#"{"model.*up": {}, "-:model": {}}"#, nil), (#"{"-:up": {}, "-:.*down.*": {}}"#, nil), (#"{"-:(?=nothing)": {}}"#, nil),
        (#"{"+:model.*": {"bits": 8}}"#, "codes of other bits than dynamic in config.json gives the module, expected 8, found 4"),
        (#"{"model.*": {"group_size": 8}}"#, "'scales' has the wrong shape"),
        (#"{"-:.*down.*": {}, "+:.*": {"bits": 4, "group_size": 24}, "model": {"bits": 8}}"#, nil),
    ])
    func dynamicThatContradictsTheTensorsIsRefused(dynamic: String, message: String?) throws {
        var file = try EncodedFile(fixture: "gptq-4")
        let expected = try weight(file)
        file.configuration = #"""
            {"quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 24, "checkpoint_format": "gptq",
            "dynamic": \#(dynamic)}}
            """#
        guard let message else {
            #expect(try weight(file) == expected)
            return
        }
        let checkpoint = try file.checkpoint()
        let problem = checkpoint.unreadable.first { $0.name == Self.up + "weight" }.map { "\($0.problem)" }
        #expect(problem?.contains(message) == true, "\(problem ?? "none")")
    }

    /// One of several files has codes whose scales lie in another, and the reverse; what describes both lies beside them.
    @Test(arguments: [
        ("fp8-block", "weight_scale_inv"), ("fp8-scale", "weight_scale"), ("mlx", "scales"), ("mlx", "biases"), ("gptq-4", "scales"),
        ("gptq-4", "qweight"), ("awq", "qzeros"), ("ct-4", "weight_scale"), ("bnb-nf4", "weight.absmax"), ("bnb-int8", "SCB"),
        ("mxfp4", "experts.gate_up_proj_scales"), ("mxfp4", "experts.gate_up_proj_blocks"),
    ])
    func aShardAloneHasNoWeightThatIsNotWholeInIt(fixture: String, part: String) throws {
        var first = try EncodedFile(fixture: fixture)
        var second = first
        second.tensors = first.tensors.filter { $0.key.hasSuffix("." + part) }
        first.tensors = first.tensors.filter { !$0.key.hasSuffix("." + part) }
        #expect(!first.tensors.isEmpty && !second.tensors.isEmpty)
        let configuration = try #require(first.configuration)
        (first.configuration, second.configuration) = (nil, nil)
        try TemporaryFolder.with { folder in
            try ByteRegion(copying: configuration.utf8).write(folder + "/config.json")
            for (file, name) in [(first, "model-00001-of-00002"), (second, "model-00002-of-00002")] {
                try file.write(folder + "/\(name).safetensors")
                let checkpoint = try Checkpoint.open(folder + "/\(name).safetensors")
                #expect(checkpoint.configuration != nil)
                #expect(!checkpoint.unreadable.isEmpty)
                // What is left is no matrix: biases and norms.
                for tensor in checkpoint.tensors { #expect(tensor.shape.count == 1 || tensor.name.hasSuffix("bias"), "\(tensor.name)") }
            }
        }
    }

    /// A shard in which nothing is quantised contradicts nothing.
    @Test func aShardNeedNotHoldQuantisedWeights() throws {
        let file = EncodedFile(tensors: ["lm_head.weight": (.f32, [1, 2], EncodedFile.floats([1, 2]))])
        try TemporaryFolder.with { folder in
            try ByteRegion(copying: #"{"quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 24}}"#.utf8)
                .write(folder + "/config.json")
            try file.write(folder + "/model-00002-of-00002.safetensors")
            #expect(try Checkpoint.open(folder + "/model-00002-of-00002.safetensors")["lm_head.weight"]?.floats() == [1, 2])
            try file.write(folder + "/model.safetensors")
            #expect(throws: Problem.self) { try Checkpoint.open(folder + "/model.safetensors") }
        }
    }

    /// AutoFP8 calls its method fp8 and has a scale a tensor under the name of compressed-tensors; ComfyUI has a name of its own.
    @Test(arguments: ["weight_scale", "scale_weight"]) func aFactorHasOneOfSeveralNames(name: String) throws {
        // 0x38 is 1, 0x40 is 2, 0xBC is -1.5.
        var file = EncodedFile(
            tensors: [
                "l.weight": (.f8e4m3fn, [2, 2], [0x38, 0x40, 0xBC, 0]), "l.\(name)": (.f32, [1], EncodedFile.floats([0.25])),
                "l.scale_input": (.f32, [1], EncodedFile.floats([3])),
            ])
        for settings in [nil, #"{"quantization_config": {"quant_method": "fp8", "activation_scheme": "static"}}"#] {
            file.configuration = settings
            let checkpoint = try file.checkpoint()
            #expect(checkpoint.tensors.map(\.name) == ["l.weight"] && checkpoint.unreadable.isEmpty, "\(checkpoint.unreadable)")
            #expect(checkpoint["l.weight"]?.floats() == [0.25, 0.5, -0.375, 0])
        }
    }

    /// Scales that were saved as a transposed view are those of the view.
    @Test func scalesMayBeATransposedView() throws {
        let file = try EncodedFile(fixture: "awq")
        let stored = try file.checkpoint().stored
        let turned = try stored.map { record in
            guard record.name.hasSuffix("scales") else { return record }
            let (rows, columns, width) = (record.shape[0], record.shape[1], record.dtype.bytesPerBlock)
            let source = try #require(record.bytes.bytes(0..<record.bytes.count))
            var bytes: [UInt8] = []
            for column in 0..<columns {
                for row in 0..<rows {
                    let start = (row * columns + column) * width
                    bytes += source[start..<start + width]
                }
            }
            return try TensorRecord(
                name: record.name, dtype: record.dtype, shape: record.shape, strides: [1, rows], offset: 0,
                storage: ByteRegion(copying: bytes))
        }
        let settings = EncodingSettings(file.configuration.map { ByteRegion(copying: $0.utf8) })
        let (found, expected) = (try EncodedTensors(turned, settings: settings), try EncodedTensors(stored, settings: settings))
        #expect(found.failures.isEmpty && !expected.tensors.isEmpty)
        #expect(found.tensors.map { $0.floats() } == expected.tensors.map { $0.floats() })
    }

    @Test func aFileBesideTheConfigurationSaysIt() throws {
        for (name, fixture, text) in [
            ("quantize_config.json", "gptq-4", #"{"bits": 4, "group_size": 24, "desc_act": false, "sym": false}"#),
            ("quant_config.json", "awq", #"{"zero_point": true, "q_group_size": 32, "w_bit": 4, "version": "GEMM"}"#),
        ] {
            try TemporaryFolder.with { folder in
                var file = try EncodedFile(fixture: fixture)
                let expected = try weight(file)
                file.configuration = #"{"model_type": "llama"}"#
                try file.write(folder + "/model.safetensors")
                try ByteRegion(copying: Array(text.utf8)).write(folder + "/" + name)
                let checkpoint = try Checkpoint.open(folder)
                #expect(checkpoint[Self.up + "weight"]?.floats() == expected)
                #expect(checkpoint.isDecoded)
                // The intended model has no such file.
                #expect(checkpoint.companions[name] == nil)
            }
        }
    }

    /// Without settings, the shapes suffice: zero points of 8, stored less one in the first version, give 7 and 8 throughout a word.
    @Test(arguments: [
        ("gptq-4", 1, 0x77), ("gptq-4", 2, 0x88), ("gptq-8", 1, 0x7F), ("gptq-8", 2, 0x80), ("gptq-order", 2, 0x88), ("gptq-2", 1, 0x55),
    ])
    func theShapesOfGPTQSayItWhereZeroPointsAreInTheMiddle(name: String, version: Int, zero: UInt8) throws {
        var file = try EncodedFile(fixture: name)
        let zeros = try #require(file.tensors[Self.up + "qzeros"])
        file.tensors[Self.up + "qzeros"] = (zeros.0, zeros.1, [UInt8](repeating: zero, count: zeros.2.count))
        let (bits, size) = try #require(["gptq-2": (2, 16), "gptq-4": (4, 24), "gptq-8": (8, 12), "gptq-order": (4, 16)][name])
        let format = version == 1 ? "gptq" : "gptq_v2"
        file.configuration =
            #"{"quantization_config": {"quant_method": "gptq", "bits": \#(bits), "group_size": \#(size), "checkpoint_format": "\#(format)"}}"#
        let said = try file.checkpoint()
        #expect(said.assumptions == [])
        let expected = try #require(said[Self.up + "weight"])
        for configuration in [nil, #"{"model_type": "llama"}"#] {
            file.configuration = configuration
            let checkpoint = try file.checkpoint()
            let found = try #require(checkpoint[Self.up + "weight"], "\(checkpoint.unreadable.map(\.reason))")
            #expect(found.floats() == expected.floats())
            #expect(found.encoding == expected.encoding)
            #expect(
                checkpoint.assumptions == [
                    "no config.json describes how 'model.layers.0.mlp.up_proj.weight' is stored; read as \(found.encoding ?? ""), by the shapes of its parts"
                ])
        }
    }

    @Test(arguments: ["awq", "mlx-mxfp4", "mlx-nvfp4", "mlx-mxfp8"]) func shapesThatLeaveNoChoiceSayIt(name: String) throws {
        var file = try EncodedFile(fixture: name)
        file.configuration = nil
        let checkpoint = try file.checkpoint()
        let expected = try Checkpoint.open(EncodingsTests.folder + name + ".npz")
        #expect(checkpoint.assumptions.count == 1 && checkpoint.unreadable.isEmpty, "\(checkpoint.unreadable.map(\.reason))")
        for wanted in expected.tensors {
            #expect(checkpoint[wanted.name]?.floats().map(\.bitPattern) == wanted.floats().map(\.bitPattern), "\(wanted.name)")
        }
    }

    /// The words of a group say bits times size: 2 in 32 and 5 in 32 fit alone, all others with another pair.
    @Test func shapesOfMLXSayItWhereOnePairFits() throws {
        var file = try EncodedFile(fixture: "mlx")
        file.configuration = nil
        let checkpoint = try file.checkpoint()
        let expected = try Checkpoint.open(EncodingsTests.folder + "mlx.npz")
        func name(_ layer: Int) -> String { "model.layers.\(layer).mlp.up_proj.weight" }
        for layer in [0, 3] { #expect(checkpoint[name(layer)]?.floats() == expected[name(layer)]?.floats()) }
        #expect(Set(checkpoint.unreadable.map(\.name)) == Set([1, 2, 4, 5].map(name)))
        #expect(
            checkpoint.unreadable.first { $0.name == name(2) }?.reason
                == "is stored as codes of MLX, whose settings are missing, expected quantization in config.json, with bits and group_size, "
                + "found 2 bits in groups of 128 or 4 bits in groups of 64 or 8 bits in groups of 32")
        #expect(checkpoint.tensors.allSatisfy { !$0.name.hasSuffix("scales") && !$0.name.hasSuffix("biases") })
    }

    @Test func aFileBesidePlainWeightsSaysNothing() throws {
        try TemporaryFolder.with { folder in
            let file = EncodedFile(tensors: ["w.weight": (.f32, [1, 1], EncodedFile.floats([1]))])
            try file.write(folder + "/model.safetensors")
            try ByteRegion(copying: Array(#"{"bits": 4, "group_size": 24}"#.utf8)).write(folder + "/quantize_config.json")
            let checkpoint = try Checkpoint.open(folder)
            #expect(checkpoint.tensors.map(\.name) == ["w.weight"])
            #expect(!checkpoint.isDecoded)
        }
    }

    @Test(arguments: EncodingsTests.names) func finiteScalesShowThatAllIsFinite(name: String) throws {
        let checkpoint = try Checkpoint.open(EncodingsTests.folder + name + ".safetensors")
        for tensor in checkpoint.tensors {
            guard let derived = tensor.derived else { continue }
            let strange = tensor.floats().count { !$0.isFinite }
            #expect(strange == 0)
            #expect(derived.isCertainlyFinite, "\(tensor.name)")
        }
    }

    @Test func weightsThatAreNoNumbersAreCounted() throws {
        var gptq = try EncodedFile(fixture: "gptq-4")
        var scales = try #require(gptq.tensors[Self.up + "scales"])
        // The first scale is NaN: the 24 weights of its group are.
        scales.2.replaceSubrange(0..<2, with: [0x00, 0x7E])
        gptq.tensors[Self.up + "scales"] = scales
        #expect(try NonFiniteCount(#require(gptq.checkpoint()[Self.up + "weight"])).nan == 24)
        var codes = try EncodedFile(fixture: "fp8-scale")
        var weight = try #require(codes.tensors[Self.up + "weight"])
        weight.2[5] = 0xFF
        codes.tensors[Self.up + "weight"] = weight
        #expect(try NonFiniteCount(#require(codes.checkpoint()[Self.up + "weight"])).nan == 1)
    }
}

extension EncodedFile {
    func write(_ path: String) throws {
        let drafts = tensors.sorted { $0.key < $1.key }.map { name, content in
            CheckpointDraft.Tensor(name: name, dtype: content.0, shape: content.1) { ByteRegion(copying: content.2) }
        }
        var bytes: [UInt8] = []
        let metadata = configuration.map { ["config.json": $0] } ?? [:]
        try SafetensorsWriter(drafts, metadata: metadata, path: "out").write { bytes += Array($0) }
        try ByteRegion(copying: bytes).write(path)
    }
}

extension ByteRegion {
    fileprivate func write(_ path: String) throws {
        try Data(bytes(0..<count) ?? []).write(to: URL(fileURLWithPath: path))
    }
}
