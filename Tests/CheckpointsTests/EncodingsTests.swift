import Archives
import Testing

@testable import Checkpoints

/// What fixtures/make_quantised.py wrote: the stored tensors, and the numbers that the libraries decode.
@Suite struct EncodingsTests {
    static let folder: String = {
        let parts = #filePath.split(separator: "/").dropLast(3)
        return "/" + parts.joined(separator: "/") + "/fixtures/quantised/"
    }()

    static let names = [
        "gptq-2", "gptq-3", "gptq-4", "gptq-8", "gptq-order", "awq", "ct-3", "ct-4", "ct-4-zeros", "ct-5-zeros", "ct-8", "ct-4-tensor",
        "ct-6-tensor-zeros", "nvfp4",
        "modelopt-nvfp4", "fp8-block", "fp8-scale", "int8-scale", "mxfp4", "bnb-nf4", "bnb-fp4", "bnb-nf4-nested", "bnb-fp4-nested",
        "bnb-int8",
        "mlx", "mlx-mxfp4", "mlx-nvfp4", "mlx-mxfp8",
    ]

    @Test(arguments: names) func weightsAreTheLibrarysBitForBit(name: String) throws {
        let checkpoint = try Checkpoint.open(Self.folder + name + ".safetensors")
        let expected = try Checkpoint.open(Self.folder + name + ".npz")
        for wanted in expected.tensors {
            let tensor = try #require(checkpoint[wanted.name], "\(checkpoint.tensors.map(\.name))")
            #expect(tensor.shape == wanted.shape)
            #expect(tensor.dtype == .f32)
            #expect(tensor.floats().map(\.bitPattern) == wanted.floats().map(\.bitPattern), "\(wanted.name)")
        }
        #expect(checkpoint.tensors.count { $0.encoding != nil } == expected.tensors.count)
        #expect(checkpoint.unreadable.isEmpty)
    }

    @Test(arguments: names) func everyRunIsAPartOfTheWhole(name: String) throws {
        let checkpoint = try Checkpoint.open(Self.folder + name + ".safetensors")
        var generator = SplitMix(state: 7)
        for tensor in checkpoint.tensors where tensor.encoding != nil {
            let whole = tensor.floats()
            for _ in 0..<60 {
                let start = Int.random(in: 0..<whole.count, using: &generator)
                let end = min(whole.count, start + Int.random(in: 1...300, using: &generator))
                let part = [Float](unsafeUninitializedCapacity: end - start) { target, count in
                    tensor.fill(UnsafeMutableBufferPointer(rebasing: target[..<(end - start)]), elements: start..<end)
                    count = end - start
                }
                #expect(part.map(\.bitPattern) == whole[start..<end].map(\.bitPattern))
            }
        }
    }

    @Test func partsAreNoTensorsAndBiasesAre() throws {
        let checkpoint = try Checkpoint.open(Self.folder + "gptq-order.safetensors")
        #expect(
            Set(checkpoint.tensors.map(\.name)) == [
                "model.layers.0.mlp.up_proj.weight", "model.layers.0.mlp.up_proj.bias", "model.norm.weight",
            ])
        #expect(checkpoint.stored.count == 6)
        #expect(checkpoint["model.layers.0.mlp.up_proj.weight"]?.encoding == "GPTQ, 4 bits, groups of 16, by activation order")
        let stacked = try Checkpoint.open(Self.folder + "mxfp4.safetensors")
        #expect(
            Set(stacked.tensors.map(\.name)) == ["model.layers.0.mlp.experts.gate_up_proj", "model.layers.0.mlp.experts.gate_up_proj_bias"])
        #expect(try Checkpoint.open(Self.folder + "nvfp4.safetensors").tensors.count == 1)
        #expect(try Checkpoint.open(Self.folder + "modelopt-nvfp4.safetensors").tensors.count == 1)
        #expect(try Checkpoint.open(Self.folder + "bnb-int8.safetensors").tensors.count == 1)
    }

    /// bitsandbytes calls the bytes of its codes elements of `bnb_4bit_quant_storage`.
    @Test(arguments: [DType.bf16, .f16]) func codesMayBeStoredAsAnotherType(dtype: DType) throws {
        var file = try EncodedFile(fixture: "bnb-nf4")
        let expected = try Checkpoint.open(Self.folder + "bnb-nf4.safetensors")
        for (name, content) in file.tensors where content.0 == .u8 && file.tensors[name + ".absmax"] != nil {
            file.tensors[name] = (dtype, [content.2.count / dtype.bytesPerBlock, 1], content.2)
        }
        let checkpoint = try file.checkpoint()
        let decoded = expected.tensors.filter { $0.encoding != nil }
        #expect(!decoded.isEmpty)
        for wanted in decoded { #expect(checkpoint[wanted.name]?.floats() == wanted.floats()) }
    }

    @Test func longRowsAreDecodedInSegments() throws {
        let columns = 9000
        let codes = (0..<columns).map { UInt8($0 * 7 % 251) }
        let checkpoint = try EncodedFile(
            tensors: ["w.weight": (.i8, [1, columns], codes), "w.SCB": (.f32, [1], EncodedFile.floats([127]))]
        ).checkpoint()
        let weight = try #require(checkpoint["w.weight"])
        let expected = codes.map { Float(Int8(bitPattern: $0)) * 127 * Float(7.874015718698502e-3) }
        #expect(weight.floats() == expected)
    }

    /// Codes that lie along the rows are decoded in bands of many rows, around whose edges the numbers are those of the definition.
    @Test func interleavedCodesAreDecodedInBlocks() throws {
        let (rows, columns, size) = (1040, 520, 130)
        let groups = columns / size
        func words(_ count: Int, _ factor: UInt32) -> [Int32] { (0..<count).map { Int32(bitPattern: (UInt32($0) &+ 3) &* factor) } }
        let codes = words(columns * rows / 8, 2_654_435_761)
        let zeros = words(groups * rows / 8, 2_246_822_519)
        let scales = (0..<groups * rows).map { Float($0 % 17 + 1) / 64 }
        let checkpoint = try EncodedFile(
            tensors: [
                "w.qweight": (.i32, [columns, rows / 8], EncodedFile.integers(codes)),
                "w.qzeros": (.i32, [groups, rows / 8], EncodedFile.integers(zeros)),
                "w.scales": (.f32, [groups, rows], EncodedFile.floats(scales)),
            ],
            configuration: #"{"quantization_config": {"quant_method": "awq", "bits": 4, "group_size": \#(size)}}"#
        ).checkpoint()
        let weight = try #require(checkpoint["w.weight"])
        #expect(weight.shape == [rows, columns])
        let values = weight.floats()
        // Column c of eight is nibble [0, 4, 1, 5, 2, 6, 3, 7][c] of the word.
        func nibble(_ words: [Int32], _ line: Int, _ row: Int) -> Float {
            let place = [0, 4, 1, 5, 2, 6, 3, 7][row % 8]
            return Float(UInt32(bitPattern: words[line * (rows / 8) + row / 8]) >> UInt32(4 * place) & 15)
        }
        for row in [0, 1, 127, 128, 511, 1016, 1023, 1024, 1025, 1031, 1032, 1039] {
            for column in [0, 129, 130, 257, 500, 511, 512, 513, 519] {
                let group = column / size
                let expected = (nibble(codes, column, row) - nibble(zeros, group, row)) * scales[group * rows + row]
                #expect(values[row * columns + column] == expected, "row \(row), column \(column)")
            }
        }
    }
}
