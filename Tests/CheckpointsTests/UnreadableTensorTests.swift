import Archives
import Foundation
import TestSupport
import Testing
import Text

@testable import Checkpoints

private func opened(_ name: String, options: Checkpoint.Options = .init()) throws -> Checkpoint {
    try Checkpoint.open(TorchFixtures.root + "/fixtures/unreadable/" + name, options: options)
}

/// An unreadable tensor is listed with its type and the reason; every other tensor is read.
struct UnreadableTensorTests {
    @Test func pyTorchsOtherTensorsAreListed() throws {
        let checkpoint = try opened("tensors.pt")
        #expect(checkpoint.tensors.map(\.name) == ["fc1.weight", "fc2.weight"])
        #expect(checkpoint["fc1.weight"]?.floats() == (0..<12).map(Float.init))
        let listed = Dictionary(uniqueKeysWithValues: checkpoint.unreadable.map { ($0.name, $0) })
        let expected: [(name: String, dtype: String, shape: [Int]?, reason: String)] = [
            ("complex", "complex64", [2, 3], "holds complex numbers"), ("coo", "sparse_coo f32", [4, 4], "a sparse tensor"),
            ("csr", "sparse_csr f64", [5, 5], "a sparse tensor"), ("quantised", "quint8", [3, 4], "a quantised tensor"),
            ("channels", "qint8", [3, 4], "a quantised tensor"), ("meta", "bf16", [6, 7], "a tensor without data"),
            ("nested", "nested f32", nil, "a nested tensor"), ("e8m0", "float8_e8m0fnu", [4, 2], "is not supported"),
            ("f4", "float4_e2m1fn_x2", [4, 2], "is not supported"),
        ]
        #expect(listed.count == expected.count)
        for (name, dtype, shape, reason) in expected {
            let tensor = try #require(listed[name], "\(name)")
            #expect(tensor.dtype == dtype && tensor.shape == shape, "\(name): \(tensor.dtype ?? "-") \(tensor.shape ?? [])")
            #expect(tensor.reason.contains(reason), "\(tensor.reason)")
            #expect("\(tensor.problem)".contains("tensors.pt: tensor '\(name)': "), "\(tensor.problem)")
        }
    }

    @Test func aFileOfUnreadableTensorsOpens() throws {
        let checkpoint = try opened("only-sparse.pt")
        #expect(checkpoint.tensors.isEmpty && checkpoint.unreadable.map(\.name) == ["only"])
        #expect(problem { try LayerCatalog(checkpoint).select([]) }?.contains("tensor 'only': a sparse tensor") == true)
    }

    @Test func typesOfSafetensorsThatStandForNoNumberAreListed() throws {
        let checkpoint = try opened("types.safetensors")
        #expect(checkpoint.tensors.map(\.name) == ["fc1.bias", "fc1.weight"])
        #expect(checkpoint.unreadable.map(\.name) == ["packed", "scale", "wave"])
        #expect(checkpoint.unreadable.map(\.dtype) == ["F4", "F8_E8M0", "C64"])
        #expect(checkpoint.unreadable.map(\.shape) == [[3, 8], [3, 1], [4]])
        #expect(checkpoint.unreadable.map { $0.bytes?.count } == [12, 3, 32])
    }

    @Test func layersAreTakenWithoutThemUnlessOneIsNamed() throws {
        let catalog = LayerCatalog(try opened("tensors.pt"))
        #expect(try catalog.select([]).map(\.name) == ["fc1.weight", "fc2.weight"])
        #expect(try catalog.select(["all"]).map(\.name) == ["fc1.weight", "fc2.weight"])
        #expect(try catalog.select(["*"]).map(\.name) == ["fc1.weight", "fc2.weight"])
        #expect(problem { try catalog.select(["coo"]) }?.contains("tensor 'coo': a sparse tensor") == true)
        #expect(problem { try catalog.select(["q*"]) }?.contains("tensor 'quantised': a quantised tensor") == true)
    }

    @Test func arraysThatAreNoNumbersAreListed() throws {
        let checkpoint = try opened("arrays.npz")
        #expect(checkpoint.tensors.map(\.name) == ["good"])
        #expect(checkpoint.unreadable.map(\.name) == ["objects", "words", "records", "waves"])
        #expect(checkpoint.unreadable.map(\.dtype) == ["|O", "<U2", "[('x', '<f4'), ('y', '<i4', (2,))]", "<c16"])
        #expect(checkpoint.unreadable.map(\.shape) == [[2], [2], [2], [2, 2]])
        #expect(try opened("objects.npy").unreadable.map(\.dtype) == ["|O"])
    }

    @Test func aDamagedMemberTakesNoOtherWithIt() throws {
        let checkpoint = try opened("damaged.npz")
        #expect(checkpoint.tensors.map(\.name) == ["a", "c"])
        #expect(checkpoint["c"]?.floats() == (1...12).map(Float.init))
        #expect(checkpoint.unreadable.map(\.name) == ["b"])
    }

    @Test func ofACutStreamTheStoragesBeforeTheCutAreRead() throws {
        let bytes = try ByteRegion.mapping(path: TorchFixtures.root + "/fixtures/unreadable/legacy.pt")
        // Three storages of 8 + 48 bytes end the file.
        let whole = try Checkpoint.open(bytes, path: "legacy.pt")
        #expect(whole.tensors.map(\.name) == ["first", "second", "third"] && whole.unreadable.isEmpty)
        for (cut, readable) in [(1, 2), (56, 2), (57, 1), (112, 1), (113, 0), (168, 0)] {
            let part = try #require(bytes.slice(offset: 0, count: bytes.count - cut))
            let checkpoint = try Checkpoint.open(part, path: "legacy.pt")
            #expect(checkpoint.tensors.count == readable && checkpoint.unreadable.count == 3 - readable, "cut by \(cut)")
            #expect(checkpoint.assumptions.isEmpty, "what remains is the storage that is cut")
            for tensor in checkpoint.tensors { #expect(tensor.floats() == whole[tensor.name]?.floats()) }
        }
    }

    /// What is left of a chain may be a shorter one, with other ends: the layers are those of the whole file, and one that is missing is an error.
    @Test(arguments: ["mlp-legacy.pt", "audit/mlp.gguf", "mlp.npz"]) func ofADamagedChainTheDefaultLayersAreThoseOfTheWhole(name: String)
        throws
    {
        let region = try ByteRegion.mapping(path: TorchFixtures.root + "/fixtures/" + name)
        let bytes = try #require(region.bytes(0..<region.count))
        func chosen(_ bytes: [UInt8]) throws -> (checkpoint: Checkpoint, layers: Result<[String], any Error>) {
            let checkpoint = try Checkpoint.open(ByteRegion(copying: bytes), path: name)
            return (checkpoint, Result { try LayerCatalog(checkpoint).select([]).map(\.name) })
        }
        let whole = try chosen(bytes).layers.get()
        var seen = (refused: 0, complete: 0)
        for place in stride(from: 1000, to: bytes.count - 8, by: 611) {
            // The members of an npz are told by their checksums, the others by where the file ends.
            var damaged = name.hasSuffix("npz") ? bytes : Array(bytes.prefix(place))
            if name.hasSuffix("npz") { damaged[place] ^= 0x10 }
            guard let (checkpoint, layers) = try? chosen(damaged) else { continue }
            let lost = checkpoint.unreadable.map(\.name).filter { !$0.hasSuffix("bias") }
            switch layers {
            case .success(let layers):
                #expect(layers == whole && Set(lost).isDisjoint(with: whole), "\(name) at \(place): \(layers), lost \(lost)")
                if !checkpoint.unreadable.isEmpty { seen.complete += 1 }
            case .failure(let error):
                #expect(lost.contains { "\(error)".contains("tensor '\($0)': ") }, "\(name) at \(place): \(error), lost \(lost)")
                seen.refused += 1
            }
        }
        #expect(seen.refused > 5, "\(seen)")
    }

    @Test func theTensorsOfAMissingShardAreListed() throws {
        try TemporaryFolder.with { folder in
            try Data(FormatFixtures.bytes("model.safetensors")).write(to: URL(fileURLWithPath: folder + "/one.safetensors"))
            try Data("damaged".utf8).write(to: URL(fileURLWithPath: folder + "/three.safetensors"))
            let index =
                #"{"weight_map": {"w": "one.safetensors", "u": "two.safetensors", "v": "three.safetensors", "x": "one.safetensors"}}"#
            try Data(index.utf8).write(to: URL(fileURLWithPath: folder + "/model.safetensors.index.json"))
            try expectTheRest(in: folder)
        }
    }

    private func expectTheRest(in folder: String) throws {
        for path in [folder, folder + "/model.safetensors.index.json"] {
            let checkpoint = try Checkpoint.open(path)
            #expect(checkpoint["w"] != nil)
            #expect(checkpoint.unreadable.map(\.name) == ["u", "v", "x"])
            #expect(checkpoint.unreadable[0].reason.contains("two.safetensors") || "\(checkpoint.unreadable[0].problem)".contains("two."))
            #expect("\(checkpoint.unreadable[1].problem)".contains("three.safetensors"), "\(checkpoint.unreadable[1].problem)")
            #expect(checkpoint.unreadable[2].reason == "is not in its shard, expected it in one.safetensors")
            #expect(problem { try LayerCatalog(checkpoint).select(["u"]) }?.contains("tensor 'u'") == true)
        }
    }

    private func problem(_ body: () throws -> some Any) -> String? {
        do {
            _ = try body()
            return nil
        } catch {
            return "\(error)"
        }
    }
}
