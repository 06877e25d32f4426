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
        "gptq-2", "gptq-3", "gptq-4", "gptq-8", "gptq-order", "awq", "ct-3", "ct-4", "ct-4-zeros", "ct-5-zeros", "ct-8", "nvfp4",
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
}
