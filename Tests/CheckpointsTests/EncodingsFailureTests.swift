import Archives
import Testing

@testable import Checkpoints

@Suite struct EncodingsFailureTests {
    static let up = "model.layers.0.mlp.up_proj."

    /// Why the one weight of a changed fixture cannot be read.
    private func problem(_ fixture: String, _ change: (inout EncodedFile) -> Void) throws -> String {
        var file = try EncodedFile(fixture: fixture)
        change(&file)
        let checkpoint = try file.checkpoint()
        for tensor in checkpoint.tensors { _ = tensor.floats() }
        #expect(!checkpoint.tensors.contains { $0.name.hasPrefix(Self.up) && !$0.name.hasSuffix("bias") })
        #expect(checkpoint.unreadable.count == 1)
        return checkpoint.unreadable.first.map { "\($0.problem)" } ?? ""
    }

    private let weight = "m.safetensors: tensor 'model.layers.0.mlp.up_proj.weight': "

    @Test func aMissingPartIsNamed() throws {
        #expect(
            try problem("gptq-4") { $0.tensors[Self.up + "scales"] = nil }
                == weight + "a part is missing, expected 'model.layers.0.mlp.up_proj.scales'")
        #expect(
            try problem("fp8-scale") {
                $0.tensors = $0.tensors.filter { $0.key == Self.up + "weight" }
                $0.configuration = #"{"quantization_config": {"quant_method": "fp8"}}"#
            } == weight + "a part is missing, expected 'model.layers.0.mlp.up_proj.weight_scale_inv'")
    }

    /// Of a weight one of whose parts is of a type that stands for no number here, the weight is named, and the part with its type.
    @Test(arguments: [
        ("awq", "scales", "f32 or f16 or bf16"), ("awq", "qzeros", "i32 or u32"), ("gptq-4", "scales", "f32 or f16 or bf16"),
        ("gptq-4", "qzeros", "i32 or u32"), ("gptq-4", "g_idx", "i32 or i64"), ("ct-4", "weight_scale", "f32 or f16 or bf16"),
        ("ct-4", "weight_shape", "i64 or i32"), ("ct-4-zeros", "weight_zero_point", "i32 or u32"), ("nvfp4", "weight_scale", "f8e4m3fn"),
        ("nvfp4", "weight_global_scale", "f32"), ("modelopt-nvfp4", "weight_scale", "f8e4m3fn"),
        ("modelopt-nvfp4", "weight_scale_2", "f32"), ("fp8-block", "weight_scale_inv", "f32 or f16 or bf16"),
        ("fp8-scale", "weight_scale", "f32 or f16 or bf16"), ("int8-scale", "weight_scale", "f32 or f16 or bf16"),
        ("bnb-int8", "SCB", "f32"), ("bnb-nf4", "weight.absmax", "f32"), ("bnb-nf4", "weight.quant_map", "f32"),
        ("bnb-nf4", "weight.quant_state.bitsandbytes__nf4", "u8"), ("bnb-fp4-nested", "weight.nested_absmax", "f32"),
        ("bnb-fp4-nested", "weight.nested_quant_map", "f32"), ("mlx", "scales", "f32 or f16 or bf16"), ("mlx", "biases", "f32"),
        ("mlx-mxfp4", "scales", "u8"), ("mxfp4", "gate_up_proj_scales", "u8"),
    ]) func aPartThatCannotBeReadIsNamedWithItsWeight(fixture: String, part: String, expected: String) throws {
        var file = try EncodedFile(fixture: fixture)
        let name = try #require(
            ([Self.up + part] + file.tensors.keys.sorted()).first { $0.hasSuffix("." + part) && file.tensors[$0] != nil })
        let shape = try #require(file.tensors[name]).1
        file.tensors[name] = (.u8, shape, [UInt8](repeating: 1, count: shape.reduce(1, *)))
        let checkpoint = try file.checkpoint(calling: [name: "F8_E8M0"])
        let weight = part.hasSuffix("_scales") ? String(name.dropLast(7)) : Self.up + "weight"
        let problems = checkpoint.unreadable.filter { $0.name == weight }.map { "\($0.problem)" }
        #expect(problems == ["m.safetensors: tensor '\(weight)': the part '\(name)' cannot be read, expected \(expected), found F8_E8M0"])
        #expect(checkpoint[weight] == nil)
    }

    @Test(arguments: [
        ("awq", "qweight"), ("gptq-4", "qweight"), ("ct-4", "weight_packed"), ("nvfp4", "weight_packed"), ("mxfp4", "gate_up_proj_blocks"),
    ])
    func codesThatCannotBeReadAreNamedWithTheirWeight(fixture: String, codes: String) throws {
        var file = try EncodedFile(fixture: fixture)
        let name = try #require(
            ([Self.up + codes] + file.tensors.keys.sorted()).first { $0.hasSuffix("." + codes) && file.tensors[$0] != nil })
        var (_, shape, bytes) = try #require(file.tensors[name])
        let width = bytes.count / shape.dropLast().reduce(1, *)
        shape[shape.count - 1] = width
        file.tensors[name] = (.u8, shape, bytes)
        let checkpoint = try file.checkpoint(calling: [name: "F8_E8M0"])
        let weight = codes.hasSuffix("_blocks") ? String(name.dropLast(7)) : Self.up + "weight"
        let problems = checkpoint.unreadable.filter { $0.name == weight }.map { "\($0.problem)" }
        #expect(problems.count == 1)
        #expect(problems.first?.hasPrefix("m.safetensors: tensor '\(weight)': the part '\(name)' cannot be read: ") == true, "\(problems)")
        #expect(!checkpoint.tensors.contains { $0.name.hasPrefix(Self.up) && !$0.name.hasSuffix("bias") })
    }

    /// What the configuration says of all weights also holds for one without scales: its codes are not weights.
    @Test(arguments: [("modelopt-nvfp4", "weight_scale_2"), ("mlx", "scales"), ("fp8-scale", "weight_scale")])
    func codesWithoutTheirScalesAreNoWeights(_ fixture: String, _ part: String) throws {
        #expect(
            try problem(fixture) { $0.tensors[Self.up + part] = nil }.hasPrefix(
                weight + "is stored as codes without their scales, expected the parts of "))
    }

    /// A scale beside a weight means that the stored values are not the weight, whatever their type.
    @Test(arguments: [(DType.i8, [5, 24], [5, 1]), (.u8, [5, 24], [5]), (.f32, [5, 6], [1]), (.bf16, [5, 12], [5, 1])])
    func aScaleOfNoKnownSchemeIsRefused(dtype: DType, shape: [Int], scale: [Int]) throws {
        let text = try problem("fp8-scale") {
            $0.configuration = nil
            $0.tensors[Self.up + "weight"] = (dtype, shape, [UInt8](repeating: 1, count: 120))
            $0.tensors[Self.up + "weight_scale"] = (.f32, scale, EncodedFile.floats([Float](repeating: 2, count: scale[0])))
        }
        #expect(
            text == weight + "is stored with a scale by a scheme that is not known, expected quantization_config in config.json, "
                + "found \(dtype.rawValue) with 'weight_scale'")
    }

    @Test func groupsOutOfOrderNeedTheirIndex() throws {
        #expect(
            try problem("gptq-order") { $0.tensors[Self.up + "g_idx"] = nil }
                == weight
                + "a part is missing that gives the order of the groups, expected 'model.layers.0.mlp.up_proj.g_idx', as 'desc_act' says"
        )
    }

    @Test func oneScaleForEachRowIsNoScaleForEachGroup() throws {
        #expect(
            try problem("ct-8") { $0.tensors[Self.up + "weight_scale"] = (.f32, [5, 1], EncodedFile.floats([1, 1, 1, 1, 1])) }
                == weight + "'weight_scale' has the wrong shape, expected groups of 8 of 24, found [5, 1]")
    }

    private static func compressed(_ weights: String, _ others: String = "") -> String {
        #"{"quantization_config": {"quant_method": "compressed-tensors", "config_groups": {"a": {"weights": {\#(weights)}}}\#(others)}}"#
    }

    /// Zero points beside symmetric codes would change the numbers, or would not: the file says both.
    @Test(arguments: [#", "symmetric": true"#, "", #", "symmetric": null"#])
    func zeroPointsOfSymmetricCodesAreAContradiction(_ symmetric: String) throws {
        let text =
            "config.json and the tensors contradict each other, expected zero points of 0, as 'symmetric' says, found 'weight_zero_point'"
        let packed = try problem("ct-4-zeros") {
            $0.configuration = Self.compressed(#""num_bits": 4, "group_size": 32"# + symmetric)
        }
        #expect(packed == weight + text)
        let bytes = try problem("int8-scale") {
            $0.tensors[Self.up + "weight_zero_point"] = (.i8, [6, 1], [0, 0, 0, 0, 1, 0])
            $0.configuration = Self.compressed(#""num_bits": 8, "type": "int""# + symmetric)
        }
        #expect(bytes == weight + text)
    }

    @Test func zeroPointsOfZeroDoNotContradictSymmetry() throws {
        var file = try EncodedFile(fixture: "int8-scale")
        let expected = try file.checkpoint()[Self.up + "weight"]?.floats()
        file.tensors[Self.up + "weight_zero_point"] = (.i8, [6, 1], [0, 0, 0, 0, 0, 0])
        #expect(try expected != nil && file.checkpoint()[Self.up + "weight"]?.floats() == expected)
    }

    @Test func symmetryIsTrueOrFalse() throws {
        #expect(
            try problem("ct-4") { $0.configuration = Self.compressed(#""num_bits": 4, "group_size": 32, "symmetric": "junk""#) }
                == weight + "symmetric in config.json, expected true or false, found 'junk'")
    }

    /// Codes in another form may look like those of a form that is known.
    @Test(arguments: [
        (#", "format": "marlin-24""#, "'marlin-24'"), (#", "format": "mxfp6-pack-quantized""#, "'mxfp6-pack-quantized'"),
        (#", "format": "pack-quantized", "sparsity_config": {"format": "sparse-24-bitmask"}"#, "'sparse-24-bitmask'"),
        (#", "format": "pack-quantized", "transform_config": {"config_groups": {"R1": {"type": "hadamard"}}}"#, "transforms of weights"),
    ]) func otherFormsOfCompressionAreRefusedByName(_ setting: String, _ name: String) throws {
        var file = try EncodedFile(fixture: "ct-4")
        file.configuration = Self.compressed(#""num_bits": 4, "group_size": 32, "symmetric": true"#, setting)
        let checkpoint = try file.checkpoint()
        #expect(!checkpoint.tensors.contains { $0.name.hasPrefix(Self.up) })
        for tensor in checkpoint.unreadable {
            #expect("\(tensor.problem)".hasSuffix("is stored by compressed-tensors with \(name), which is not decoded"))
        }
        #expect(checkpoint.unreadable.count == 3)
    }

    @Test func sparseWeightsAreRefusedByName() throws {
        let file = EncodedFile(
            tensors: [
                Self.up + "compressed": (.f32, [3], EncodedFile.floats([1, 2, 3])), Self.up + "bitmask": (.u8, [2, 1], [3, 1]),
                Self.up + "shape": (.i32, [2], EncodedFile.integers([2, 3])),
            ], configuration: Self.compressed(#""num_bits": 8"#))
        let checkpoint = try file.checkpoint()
        #expect(checkpoint.tensors.isEmpty)
        #expect(
            checkpoint.unreadable.allSatisfy {
                "\($0.problem)".hasSuffix("is stored by compressed-tensors with sparse bitmasks, which is not decoded")
            } && checkpoint.unreadable.count == 3)
    }

    @Test func settingsOfOtherKindsAreShown() throws {
        for (stated, found) in [("7", "7"), ("[null, 128]", "[null, 128]"), ("[1, 2, \"x\"]", "[1, 2, 'x']")] {
            #expect(
                try problem("fp8-scale") {
                    $0.tensors = $0.tensors.filter { $0.key.hasPrefix(Self.up) }
                    $0.configuration = #"{"quantization_config": {"quant_method": "fp8", "weight_block_size": \#(stated)}}"#
                    $0.tensors[Self.up + "weight_scale_inv"] = $0.tensors.removeValue(forKey: Self.up + "weight_scale")
                } == weight + "weight_block_size in config.json, expected two numbers of at least 1, found \(found)")
        }
        for (method, fixture) in [("gptq", "gptq-4"), ("awq", "awq")] {
            #expect(
                try problem(fixture) {
                    $0.configuration =
                        #"{"quantization_config": {"quant_method": "\#(method)", "bits": 4, "group_size": "junk", "version": "gemm"}}"#
                } == weight + "group_size in config.json, expected -1 or at least 1, found 'junk'")
        }
    }

    @Test func groupsOutsideTheScalesAreRefused() throws {
        let text = try problem("gptq-order") {
            $0.tensors[Self.up + "g_idx"] = (.i32, [64], EncodedFile.integers([Int32](repeating: 4, count: 64)))
        }
        #expect(text == weight + "'g_idx' names no group, expected 0 to 3, found 4")
        let negative = try problem("gptq-order") {
            $0.tensors[Self.up + "g_idx"] = (.i32, [64], EncodedFile.integers([Int32](repeating: -2, count: 64)))
        }
        #expect(negative == weight + "'g_idx' names no group, expected 0 to 3, found -2")
    }

    @Test func scalesOfAnotherShapeAreRefused() throws {
        let text = try problem("gptq-4") { $0.tensors[Self.up + "scales"] = (.f16, [2, 40], [UInt8](repeating: 0, count: 160)) }
        #expect(text == weight + "'scales' has the wrong shape, expected [3, 40], found [2, 40]")
        let block = try problem("fp8-scale") { $0.tensors[Self.up + "weight_scale"] = (.f32, [5], [UInt8](repeating: 0, count: 20)) }
        #expect(block.hasPrefix(weight + "'weight_scale' has the wrong shape, expected [1, 1], [6] or [6, 1], found [5]"))
    }

    @Test func scalesOfAnotherTypeAreRefused() throws {
        let text = try problem("awq") { $0.tensors[Self.up + "scales"] = (.i16, [3, 40], [UInt8](repeating: 0, count: 240)) }
        #expect(text == weight + "'scales' is of another type, expected f32 or f16 or bf16, found i16")
    }

    @Test(arguments: ["0", "-3", "\"x\""]) func badSizesOfGroupsAreRefused(size: String) throws {
        let text = try problem("gptq-4") {
            $0.configuration = #"{"quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": \#(size)}}"#
        }
        #expect(text.hasPrefix(weight + "group_size in config.json, expected -1 or at least 1, found "))
    }

    @Test(arguments: ["0", "5", "-4", "64"]) func badNumbersOfBitsAreRefused(bits: String) throws {
        let text = try problem("gptq-4") {
            $0.configuration = #"{"quantization_config": {"quant_method": "gptq", "bits": \#(bits), "group_size": 24}}"#
        }
        #expect(text == weight + "bits of GPTQ codes in config.json, expected 2, 3, 4 or 8, found \(bits)")
    }

    @Test func blocksOfNoLengthAreRefused() throws {
        let text = try problem("fp8-scale") {
            $0.tensors = $0.tensors.filter { $0.key == Self.up + "weight" }
            $0.tensors[Self.up + "weight_scale_inv"] = (.f32, [1, 1], EncodedFile.floats([1]))
            $0.configuration = #"{"quantization_config": {"quant_method": "fp8", "weight_block_size": [0, 128]}}"#
        }
        #expect(text == weight + #"weight_block_size in config.json, expected two numbers of at least 1, found [0, 128]"#)
        let state = #"{"blocksize": 0, "shape": [7, 37]}"#
        let nested = try problem("bnb-nf4") {
            $0.tensors[Self.up + "weight.quant_state.bitsandbytes__nf4"] = (.u8, [state.utf8.count], Array(state.utf8))
        }
        #expect(
            nested == weight + "blocksize of 'weight.quant_state.bitsandbytes__nf4', expected at least 1, found 0")
    }

    @Test(arguments: ["[9223372036854775807, 9]", "[-7, -37]", "[]", "7", "[7, 38, 5]"]) func absurdShapesAreRefused(shape: String) throws {
        let state = #"{"blocksize": 64, "shape": \#(shape)}"#
        let text = try problem("bnb-nf4") {
            $0.tensors[Self.up + "weight.quant_state.bitsandbytes__nf4"] = (.u8, [state.utf8.count], Array(state.utf8))
        }
        #expect(text.hasPrefix(weight + "'weight.quant_state.bitsandbytes__nf4' gives a different shape, expected one of 260 numbers"))
    }

    @Test func formsThatAreNotReadAreRefusedByName() throws {
        let gemv = try problem("awq") {
            $0.configuration = #"{"quantization_config": {"quant_method": "awq", "bits": 4, "group_size": 32, "version": "GEMV"}}"#
        }
        #expect(gemv == weight + "is stored as AWQ for gemv, which is not read, expected gemm")
        let marlin = try problem("gptq-4") {
            $0.configuration =
                #"{"quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 24, "checkpoint_format": "marlin"}}"#
        }
        #expect(marlin == weight + "is stored in a form of GPTQ that is not read, expected gptq or gptq_v2, found 'marlin'")
    }

    @Test func aConfigurationOfAnotherSchemeIsAContradiction() throws {
        let text = try problem("mlx-mxfp4") {
            $0.configuration = #"{"quantization_config": {"quant_method": "bitsandbytes"}}"#
        }
        #expect(
            text == weight
                + "config.json and the names of its parts contradict each other, expected bitsandbytes, as quantization_config says, found the parts of MLX"
        )
    }

    @Test func aConfigurationWithoutWeightsOfItsSchemeIsAContradiction() throws {
        let file = EncodedFile(
            tensors: ["w.weight": (.f32, [1, 1], EncodedFile.floats([1]))],
            configuration: #"{"quantization_config": {"quant_method": "gptq"}}"#)
        var text = ""
        do { _ = try file.checkpoint() } catch { text = "\(error)" }
        #expect(
            text
                == "m.safetensors: config.json and the tensors contradict each other, expected weights of GPTQ, as quantization_config says, "
                + "found none among 1 tensors")
    }

    @Test func codesWithoutAConfigurationAreRefusedWhereTheyDoNotSayAll() throws {
        // Zero points that differ mean different numbers in the two versions.
        let text = try problem("gptq-4") { $0.configuration = nil }
        #expect(
            text == weight
                + "is stored as codes of GPTQ, whose settings are missing, expected quantization_config in config.json with checkpoint_format, "
                + "which defines the zero points, found none")
        let groups = try problem("gptq-4") {
            $0.configuration = nil
            $0.tensors[Self.up + "g_idx"] = nil
        }
        #expect(groups.contains("expected quantization_config in config.json, found no 'g_idx', which would give the groups"), "\(groups)")
        let shape = try problem("awq") {
            $0.configuration = nil
            $0.tensors[Self.up + "scales"] = (.f16, [96, 40], [UInt8](repeating: 0, count: 7680))
        }
        #expect(shape.hasSuffix("expected quantization_config in config.json, found [96, 5] codes with [96, 40] scales"), "\(shape)")
    }

    @Test func aModeOfMLXHasItsBitsAndGroups() throws {
        for (mode, bits, size, text) in [
            ("nvfp4", 8, 16, "bits in config.json, expected 4, found 8"), ("mxfp8", 4, 32, "bits in config.json, expected 8, found 4"),
            ("nvfp4", 4, 32, "group_size in config.json, expected 16, found 32"),
            ("int4", 4, 32, "is stored by MLX in a mode that is not read, expected affine, mxfp4, nvfp4 or mxfp8, found 'int4'"),
        ] {
            let found = try problem("mlx-nvfp4") {
                $0.configuration = #"{"quantization": {"mode": "\#(mode)", "bits": \#(bits), "group_size": \#(size)}}"#
            }
            #expect(found == weight + text)
        }
        let scaled = try problem("mlx-nvfp4") { $0.tensors[Self.up + "global_scale"] = (.f32, [1], EncodedFile.floats([2])) }
        #expect(scaled.hasPrefix(weight + "is stored by MLX with a global scale"), "\(scaled)")
    }

    @Test(arguments: [("hqq", "HQQ"), ("torchao", "torchao"), ("quark", "Quark"), ("newest", "'newest'")])
    func schemesThatAreNotDecodedAreRefusedByName(method: String, name: String) throws {
        let file = EncodedFile(
            tensors: [
                "a.weight": (.u8, [2, 2], [1, 2, 3, 4]), "a.scales": (.f32, [1], EncodedFile.floats([1])),
                "norm.weight": (.f32, [2], EncodedFile.floats([1, 2])),
            ], configuration: #"{"quantization_config": {"quant_method": "\#(method)"}}"#)
        let checkpoint = try file.checkpoint()
        #expect(checkpoint.tensors.map(\.name) == ["norm.weight"])
        #expect(
            Set(checkpoint.unreadable.map { "\($0.problem)" }) == [
                "m.safetensors: tensor 'a.scales': is stored by \(name), which is not decoded",
                "m.safetensors: tensor 'a.weight': is stored by \(name), which is not decoded",
            ])
    }

    @Test func otherTensorsOfTheFileAreRead() throws {
        var file = try EncodedFile(fixture: "gptq-4")
        file.tensors[Self.up + "qzeros"] = nil
        let checkpoint = try file.checkpoint()
        #expect(Set(checkpoint.tensors.map(\.name)) == ["model.layers.0.mlp.up_proj.bias", "model.norm.weight"])
    }

    @Test func aWeightThatIsStoredTwiceIsNoneAndSinksNoOther() throws {
        let text = try problem("gptq-4") { $0.tensors[Self.up + "weight"] = (.f32, [1, 1], EncodedFile.floats([1])) }
        #expect(text == weight + "is stored twice, expected 'weight' or 'qweight', found both")
        var file = try EncodedFile(fixture: "gptq-4")
        file.tensors[Self.up + "weight"] = (.f32, [1, 1], EncodedFile.floats([1]))
        let checkpoint = try file.checkpoint()
        #expect(Set(checkpoint.tensors.map(\.name)) == ["model.layers.0.mlp.up_proj.bias", "model.norm.weight"])
        let stacked = try EncodedFile(fixture: "mxfp4")
        for name in stacked.tensors.keys where name.hasSuffix("_blocks") {
            var doubled = stacked
            let weight = String(name.dropLast(7))
            doubled.tensors[weight] = (.f32, [1], EncodedFile.floats([1]))
            let checkpoint = try doubled.checkpoint()
            #expect(checkpoint[weight] == nil)
            #expect(checkpoint.unreadable.map(\.name) == [weight])
        }
    }

    /// Every byte of every part replaced, and every shape changed: the result is a value or an error, never a trap.
    @Test(arguments: EncodingsTests.names) func damagedPartsEndInALine(name: String) throws {
        var generator = SplitMix(state: 11)
        let whole = try EncodedFile(fixture: name)
        for _ in 0..<60 {
            var file = whole
            guard let key = file.tensors.keys.sorted().randomElement(using: &generator), var content = file.tensors[key] else { continue }
            switch Int.random(in: 0..<4, using: &generator) {
            case 0:
                for _ in 0..<8 where !content.2.isEmpty {
                    content.2[Int.random(in: 0..<content.2.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
                }
                file.tensors[key] = content
            case 1: file.tensors[key] = (content.0, content.1 + [1], content.2)
            case 2: file.tensors[key] = (content.0, [content.1.reduce(1, *)], content.2)
            default: file.tensors[key] = (.u8, [content.2.count], content.2)
            }
            do {
                for tensor in try file.checkpoint().tensors { _ = tensor.floats() }
            } catch {
                #expect(!"\(error)".contains("\n"))
            }
        }
    }
}
