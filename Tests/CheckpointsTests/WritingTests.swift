import Archives
import Glibc
import Tensors
import Testing

@testable import Checkpoints

@Suite struct WritingTests {
    /// Calls `body` with a folder that exists until it returns.
    private func withFolder(_ body: (String) throws -> Void) throws {
        var template = Array("/tmp/modinspect-writing-XXXXXX".utf8CString)
        #expect(mkdtemp(&template) != nil)
        let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        chmod(folder, 0o755)
        defer { remove(folder) }
        try body(folder)
    }

    private func names(_ folder: String) -> [String] {
        guard let handle = opendir(folder) else { return [] }
        defer { closedir(handle) }
        var names: [String] = []
        while let entry = readdir(handle) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    private func remove(_ path: String) {
        for name in names(path) { remove(path + "/" + name) }
        if unlink(path) != 0 { rmdir(path) }
    }

    private func region(_ text: String) -> ByteRegion { ByteRegion(copying: text.utf8) }

    private func draft() throws -> CheckpointDraft {
        let values = Tensor(shape: [2, 3], [1, -2, 0.1, 1e-8, 3.5, 65504])
        return CheckpointDraft(
            tensors: [
                .init(name: "z.half", dtype: .f16, shape: [2, 3]) { values },
                .init(name: "a.count", dtype: .u8, shape: [3]) { ByteRegion(copying: [1, 2, 3]) },
                .init(name: "a.weight", dtype: .f32, shape: [2, 3]) { values }, .init(name: "a.brain", dtype: .bf16, shape: [6]) { values },
                .init(name: "b \"odd\"\n/é", dtype: .f64, shape: [3, 2]) { values },
                .init(name: "scalar", dtype: .i64, shape: []) { ByteRegion(copying: [UInt8](repeating: 255, count: 8)) },
                .init(name: "empty", dtype: .f32, shape: [0, 4]) { Tensor(shape: [0, 4], []) },
            ],
            files: [
                "config.json": region(#"{"model_type": "x"}"#), "modinspect.json": region("{\"architecture\": \"a,relu\"}\n"),
                "tokenizer.json": region("{}"),
            ])
    }

    @Test(arguments: ["m.tar", "m.safetensors", "m", "m.v2/"]) func whatIsWrittenIsReadAgain(name: String) throws {
        try withFolder { folder in
            try CheckpointWriter(path: folder + "/" + name).write(draft())
            let checkpoint = try Checkpoint.open(folder + "/" + name)
            #expect(
                Set(checkpoint.tensors.map(\.name)) == ["z.half", "a.count", "a.weight", "a.brain", "b \"odd\"\n/é", "scalar", "empty"])
            #expect(checkpoint["a.weight"]?.floats() == [1, -2, 0.1, 1e-8, 3.5, 65504])
            #expect(checkpoint["a.weight"]?.shape == [2, 3])
            #expect(checkpoint["b \"odd\"\n/é"]?.doubles() == [1, -2, Double(Float(0.1)), Double(Float(1e-8)), 3.5, 65504])
            #expect(checkpoint["z.half"]?.floats() == [1, -2, 0.099975586, 0, 3.5, 65504])
            #expect(checkpoint["a.count"]?.floats() == [1, 2, 3])
            #expect(checkpoint["scalar"]?.doubles() == [-1])
            #expect(checkpoint["empty"]?.shape == [0, 4])
            // The file has config.json and modinspect.json in its header; a tokenizer has no place there.
            #expect(checkpoint.configuration.map { $0.withUnsafeBytes { String(decoding: $0, as: UTF8.self) } } == #"{"model_type": "x"}"#)
            #expect(checkpoint.companions["modinspect.json"]?.count == 27)
            #expect((checkpoint.companions["tokenizer.json"] != nil) == !name.hasSuffix(".safetensors"))
            #expect(names(folder).count == 1)
        }
    }

    @Test func theDataIsAligned() throws {
        var bytes: [UInt8] = []
        try SafetensorsWriter(draft().tensors, metadata: [:], path: "x").write { bytes += $0 }
        let header: Int = bytes.withUnsafeBytes { Int($0.loadUnaligned(as: UInt64.self)) }
        #expect((header + 8) % 64 == 0)
        let text = String(decoding: bytes[8..<(8 + header)], as: UTF8.self)
        #expect(text.contains(#""__metadata__":{"format":"pt"}"#))
        // In the data wider types come first.
        let region = try #require(ByteRegion(copying: bytes).slice(offset: 8, count: header))
        #expect((try? SafetensorsHeader.content(region))?.tensors.contains { $0.name == "b \"odd\"\n/é" } == true)
        #expect(text.contains(#""a.count":{"dtype":"U8","shape":[3],"data_offsets":[104,107]}"#))
    }

    @Test func theSameDraftGivesTheSameBytes() throws {
        try withFolder { folder in
            for name in ["a.tar", "b.tar"] { try CheckpointWriter(path: folder + "/" + name).write(draft()) }
            let files = try ["a.tar", "b.tar"].map { try ByteRegion.contents(path: folder + "/" + $0) }
            #expect(files[0].bytes(0..<files[0].count) == files[1].bytes(0..<files[1].count))
        }
    }

    @Test func whatIsThereIsReplacedOnlyByForce() throws {
        try withFolder { folder in
            for name in ["m.tar", "m.safetensors", "m"] {
                let path = folder + "/" + name
                try CheckpointWriter(path: path).write(draft())
                #expect { try CheckpointWriter(path: path) } throws: { "\($0)".contains("it can be replaced") }
                var smaller = try draft()
                smaller.tensors.removeLast(3)
                smaller.files = [:]
                try CheckpointWriter(path: path, existing: .replaced).write(smaller)
                let checkpoint = try Checkpoint.open(path)
                #expect(checkpoint.tensors.count == 4 && checkpoint.companions.isEmpty && checkpoint.configuration == nil)
            }
            #expect(names(folder) == ["m", "m.safetensors", "m.tar"])
            #expect(names(folder + "/m") == ["model.safetensors"])
        }
    }

    @Test func aDirectoryOfOtherThingsIsNeverReplaced() throws {
        try withFolder { folder in
            let path = folder + "/m"
            try CheckpointWriter(path: path).write(draft())
            close(open(path + "/thesis.tex", O_WRONLY | O_CREAT, 0o644))
            #expect { try CheckpointWriter(path: path, existing: .replaced) } throws: {
                "\($0)" == "\(path): cannot be replaced, expected nothing but the files of a checkpoint, found 'thesis.tex'"
            }
            #expect(names(path).contains("thesis.tex"))
        }
    }

    @Test func anErrorLeavesWhatWasThere() throws {
        struct Full: Error {}
        try withFolder { folder in
            for name in ["m.tar", "m.safetensors", "m"] {
                let path = folder + "/" + name
                try CheckpointWriter(path: path).write(draft())
                var broken = try draft()
                broken.tensors.append(.init(name: "late", dtype: .f32, shape: [1]) { () throws -> ByteRegion in throw Full() })
                let writer = try CheckpointWriter(path: path, existing: .replaced)
                #expect(throws: Full.self) { try writer.write(broken) }
                #expect(try Checkpoint.open(path).tensors.count == 7)
            }
            #expect(names(folder) == ["m", "m.safetensors", "m.tar"])
        }
    }

    @Test(arguments: [(DType.f16, Float(65520), "65504", "65520.0"), (.bf16, 3.4e38, "3.39e38", "3.4e+38")])
    func numbersBeyondTheTypeAreNotWritten(_ type: DType, _ value: Float, _ largest: String, _ shown: String) throws {
        try withFolder { folder in
            let draft = CheckpointDraft(tensors: [
                .init(name: "fits", dtype: type, shape: [2]) { Tensor(shape: [2], [.infinity, .nan]) },
                .init(name: "w", dtype: type, shape: [2, 2]) { Tensor(shape: [2, 2], [1, 2, -value, value]) },
            ])
            for name in ["m.tar", "m.safetensors", "m"] {
                let path = folder + "/" + name
                #expect { try CheckpointWriter(path: path).write(draft) } throws: {
                    "\($0)"
                        == "\(path): tensor 'w': has a weight beyond the range of \(type.rawValue), expected at most \(largest) in magnitude, "
                        + "found -\(shown)"
                }
            }
            #expect(names(folder).isEmpty)
        }
    }

    @Test func doublePrecisionThatSinglePrecisionCannotHoldIsNotNarrowed() throws {
        try withFolder { folder in
            func tensor(_ values: [Double]) throws -> TensorRecord {
                let bytes = values.flatMap { value in withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) } }
                return try TensorRecord(name: "w", dtype: .f64, shape: [2], bytes: ByteRegion(copying: bytes))
            }
            let path = folder + "/m.safetensors"
            let large = CheckpointDraft(tensors: [.init(try tensor([1, 1e39]), dtype: .f32)])
            #expect { try CheckpointWriter(path: path).write(large) } throws: {
                "\($0)" == "\(path): tensor 'w': has a weight beyond the range of f32, expected at most 3.40e38 in magnitude, found 1e+39"
            }
            #expect(names(folder).isEmpty)
            // Infinite values stay infinite.
            try CheckpointWriter(path: path).write(CheckpointDraft(tensors: [.init(try tensor([1, -.infinity]), dtype: .f32)]))
            #expect(try Checkpoint.open(path).tensors[0].floats() == [1, -.infinity])
        }
    }

    @Test func aDraftIsOpenedBeforeItIsWritten() throws {
        let outline = try draft().outline(path: "m")
        try withFolder { folder in
            let path = folder + "/m"
            try CheckpointWriter(path: path).write(draft())
            let written = try Checkpoint.open(path)
            #expect(Set(outline.tensors.map(\.name)) == Set(written.tensors.map(\.name)))
            for tensor in written.tensors {
                let other = try #require(outline[tensor.name])
                #expect(other.shape == tensor.shape && other.dtype == tensor.dtype)
            }
            #expect(outline.companions.keys.sorted() == written.companions.keys.sorted())
        }
    }

    @Test func namesThatCannotBeWrittenAreRefused() throws {
        try withFolder { folder in
            #expect { try CheckpointWriter(path: folder + "/m.pt") } throws: { "\($0)".contains("is of a kind that is not written") }
            #expect { try CheckpointWriter(path: folder + "/none/m.tar") } throws: { "\($0)".hasSuffix("no such file or directory") }
            #expect { try CheckpointWriter(path: "") } throws: { _ in true }
            let twice = CheckpointDraft(tensors: try draft().tensors + draft().tensors)
            #expect { try CheckpointWriter(path: folder + "/m.tar").write(twice) } throws: {
                "\($0)".contains("tensor 'z.half': appears twice")
            }
            #expect(names(folder).isEmpty)
        }
    }

    @Test func aStridedViewIsWrittenInRowMajorOrder() throws {
        let storage = ByteRegion(copying: (0..<12).flatMap { withUnsafeBytes(of: Float($0)) { Array($0) } })
        let view = try TensorRecord(name: "v", dtype: .f32, shape: [3, 2], strides: [1, 4], offset: 1, storage: storage)
        let bytes = view.gathered()
        #expect(try TensorRecord(name: "v", dtype: .f32, shape: [3, 2], bytes: bytes).floats() == [1, 5, 2, 6, 3, 7])
        let part = view.gathered([[2, 0], [1]])
        #expect(try TensorRecord(name: "v", dtype: .f32, shape: [2, 1], bytes: part).floats() == [7, 5])
    }

    /// A model whose output matrix is the embedding under another name.
    private func tied(settings: String?) throws -> Checkpoint {
        let embedding = try record("wte.weight", [2, 3])
        let head = try TensorRecord(name: "lm_head.weight", dtype: .f32, shape: [2, 3], bytes: embedding.bytes)
        let weights = WeightFile(format: "test", models: [.init(key: "", tensors: [embedding, head])], keepsOrder: true)
        return try Checkpoint(
            path: "tied", container: "test", member: nil, weights: weights, key: nil, weightPath: "tied",
            companions: settings.map { ["config.json": region($0)] } ?? [:], sources: [])
    }

    @Test func anOutputMatrixThatTheSettingsTieIsLeftOut() throws {
        #expect(try CheckpointDraft(tied(settings: "{}")).tensors.map(\.name) == ["wte.weight"])
        #expect(try CheckpointDraft(tied(settings: #"{"tie_word_embeddings": true}"#)).tensors.map(\.name) == ["wte.weight"])
        let both = ["wte.weight", "lm_head.weight"]
        #expect(try CheckpointDraft(tied(settings: #"{"tie_word_embeddings": false}"#)).tensors.map(\.name) == both)
        #expect(try CheckpointDraft(tied(settings: nil)).tensors.map(\.name) == both)
    }

    @Test func tensorsThatShareTheirBytesAreReplacedTogether() throws {
        try withFolder { folder in
            let draft = CheckpointDraft(
                try tied(settings: nil), replacing: ["wte.weight": Tensor(shape: [2, 3], [7, 7, 7, 7, 7, 7])], dtype: .bf16)
            try CheckpointWriter(path: folder + "/m.tar").write(draft)
            let read = try Checkpoint.open(folder + "/m.tar")
            #expect(read["lm_head.weight"]?.floats() == [Float](repeating: 7, count: 6))
            #expect(read.tensors.allSatisfy { $0.dtype == .bf16 })
        }
    }
}
