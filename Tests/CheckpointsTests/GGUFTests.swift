import Archives
import Foundation
import TestSupport
import Testing

@testable import Checkpoints

/// What `gguf.quants.dequantize` makes of the tensors in fixtures/gguf.
private struct GGUFFixtures: Decodable {
    struct Tensor: Decodable {
        let shape: [Int]
        let bits: [UInt32]
    }
    let types: [String: Tensor]
    let aligned: [UInt32]

    static func load() throws -> GGUFFixtures {
        try JSONDecoder().decode(GGUFFixtures.self, from: Data(bytes("expected.json")))
    }

    static func bytes(_ name: String) throws -> [UInt8] {
        let region = try ByteRegion.mapping(path: TorchFixtures.root + "/fixtures/gguf/" + name)
        return region.bytes(0..<region.count) ?? []
    }
}

private func read(_ bytes: [UInt8]) throws -> [TensorRecord] {
    try GGUF.read(guardedRegion(bytes), path: "file.gguf").models[0].tensors
}

/// Reads the values of a file whose tensors are all in order.
private func readWhole(_ bytes: [UInt8]) throws {
    let model = try GGUF.read(guardedRegion(bytes), path: "file.gguf").models[0]
    if let tensor = model.unreadable.last { throw tensor.problem }
    for tensor in model.tensors { _ = tensor.floats() }
}

private func problem(_ bytes: [UInt8]) -> String? {
    do {
        try readWhole(bytes)
        return nil
    } catch {
        return "\(error)"
    }
}

/// A GGUF file built by hand.
private struct Builder {
    var bytes = Array("GGUF".utf8)

    mutating func add<Number: FixedWidthInteger>(_ number: Number) {
        for place in 0..<Number.bitWidth / 8 { bytes.append(UInt8(truncatingIfNeeded: number >> (8 * place))) }
    }

    mutating func add(_ text: String) {
        add(UInt64(text.utf8.count))
        bytes += Array(text.utf8)
    }

    /// A file of version 3 with f32 vectors.
    static func file(tensors: [(name: String, length: UInt64, offset: UInt64)], type: UInt32 = 0, dataCount: Int) -> [UInt8] {
        var file = Builder()
        file.add(UInt32(3))
        file.add(UInt64(tensors.count))
        file.add(UInt64(0))
        for tensor in tensors {
            file.add(tensor.name)
            file.add(UInt32(1))
            file.add(tensor.length)
            file.add(type)
            file.add(tensor.offset)
        }
        while file.bytes.count % 32 != 0 { file.bytes.append(0) }
        return file.bytes + [UInt8](repeating: 0, count: dataCount)
    }
}

struct GGUFTests {
    @Test func typesHaveTheValuesOfGGML() throws {
        let expected = try GGUFFixtures.load().types
        let tensors = try read(GGUFFixtures.bytes("types.gguf"))
        #expect(tensors.count == expected.count)
        for tensor in tensors {
            let wanted = try #require(expected[tensor.name])
            #expect(tensor.dtype.rawValue == tensor.name)
            #expect(tensor.shape == wanted.shape)
            #expect(tensor.floats().map(\.bitPattern) == wanted.bits, "\(tensor.name)")
            #expect(tensor.doubles() == wanted.bits.map { Double(Float(bitPattern: $0)) }, "\(tensor.name)")
        }
    }

    @Test func everyFormatOfBlocksHasTheValuesOfGGML() throws {
        let expected = try Checkpoint.open(TorchFixtures.root + "/fixtures/gguf/blocks.npz")
        let tensors = try read(GGUFFixtures.bytes("blocks.gguf"))
        #expect(tensors.count == 19 && expected.tensors.count == 19)
        for tensor in tensors {
            let wanted = try #require(expected[tensor.name])
            #expect(tensor.dtype.rawValue == tensor.name && tensor.shape == wanted.shape)
            let values = wanted.floats().map(\.bitPattern)
            #expect(tensor.floats().map(\.bitPattern) == values, "\(tensor.name)")
            for first in stride(from: 0, to: values.count, by: 11) {
                for count in [1, 17, 63, 130] where first + count <= values.count {
                    var part = [Float](repeating: .nan, count: count)
                    part.withUnsafeMutableBufferPointer { tensor.fill($0, elements: first..<first + count) }
                    #expect(part.map(\.bitPattern) == Array(values[first..<first + count]), "\(tensor.name)")
                }
            }
        }
    }

    @Test func everyPointOfTheLookupGridsIsGGMLs() throws {
        let hashes = try JSONDecoder().decode([String: String].self, from: Data(GGUFFixtures.bytes("grids.json")))
        let tensors = try read(GGUFFixtures.bytes("grids.gguf"))
        #expect(tensors.count == 7)
        for tensor in tensors {
            var hash: UInt64 = 0xCBF2_9CE4_8422_2325
            for value in tensor.floats() {
                for shift in [0, 8, 16, 24] as [UInt32] {
                    hash = (hash ^ UInt64(value.bitPattern >> shift & 0xFF)) &* 0x100_0000_01B3
                }
            }
            #expect("\(hash)" == hashes[tensor.name], "\(tensor.name)")
        }
    }

    @Test func aSplitModelIsOneWhicheverPartIsGiven() throws {
        let folder = TorchFixtures.root + "/fixtures/gguf/split"
        let names = (1...3).map { "net-0000\($0)-of-00003.gguf" }
        for path in [folder] + names.map({ folder + "/" + $0 }) {
            let checkpoint = try Checkpoint.open(path)
            #expect(checkpoint.tensors.map(\.name) == (0..<3).map { "blk.\($0).ffn_up.weight" })
            #expect(checkpoint.container.hasSuffix("3 GGUF parts"))
            #expect(checkpoint.sources.count == 3)
            #expect(checkpoint.metadata.first { $0.key == "general.architecture" }?.value == .string("llama"))
        }
        #expect(Set(Checkpoint.files(at: folder + "/" + names[1])).isSuperset(of: names.map { folder + "/" + $0 }))
    }

    @Test func onePartOfASplitModelByItselfIsAnError() throws {
        let part = try GGUFFixtures.bytes("split/net-00002-of-00003.gguf")
        try TemporaryFolder.with { folder in
            let path = folder + "/net-00002-of-00003.gguf"
            try Data(part).write(to: URL(fileURLWithPath: path))
            for place in [path, folder] {
                #expect { try Checkpoint.open(place) } throws: {
                    "\($0)".contains("is part 2 of 3 of a split model, and a part is missing")
                        && "\($0)".contains("net-00001-of-00003.gguf")
                }
            }
            try Data(part).write(to: URL(fileURLWithPath: folder + "/other.gguf"))
            #expect { try Checkpoint.open(folder + "/other.gguf") } throws: {
                "\($0)".contains("is part 2 of 3 of a split model, and its name does not say so")
            }
        }
    }

    @Test func metadataAreReadWithTheirTypes() throws {
        let metadata = try GGUF.read(guardedRegion(GGUFFixtures.bytes("types.gguf")), path: "file.gguf").metadata
        let values = Dictionary(uniqueKeysWithValues: metadata.map { ($0.key, $0.value) })
        #expect(values["note"] == .string("text"))
        #expect(values["words"] == .list([.string("a"), .string("bc"), .string("")]))
        #expect(values["numbers"] == .list([.integer(1), .integer(2), .integer(3)]))
        #expect(values["nested"] == .list([.list([.integer(1), .integer(2)]), .list([.integer(3)])]))
        #expect(values["truth"] == .bool(true) && values["wide"] == .number(0.5))
    }

    @Test func runsMayBeginAndEndInsideBlocks() throws {
        let expected = try GGUFFixtures.load().types
        for tensor in try read(GGUFFixtures.bytes("types.gguf")) {
            let all = try #require(expected[tensor.name]).bits
            for first in stride(from: 0, to: all.count, by: 7) {
                for count in [1, 31, 33, 300] where first + count <= all.count {
                    var part = [Float](repeating: 0, count: count)
                    part.withUnsafeMutableBufferPointer { tensor.fill($0, elements: first..<first + count) }
                    #expect(part.map(\.bitPattern) == Array(all[first..<first + count]), "\(tensor.name)")
                    var wide = [Double](repeating: 0, count: count)
                    wide.withUnsafeMutableBufferPointer { tensor.fill($0, elements: first..<first + count) }
                    #expect(wide == part.map { Double($0) })
                }
            }
        }
    }

    @Test func alignmentIsTakenFromTheMetadata() throws {
        let tensors = try read(GGUFFixtures.bytes("aligned.gguf"))
        let matrix = try GGUFFixtures.load().aligned
        #expect(tensors.map(\.name) == ["a", "b"])
        #expect(tensors[0].floats().map(\.bitPattern) == matrix)
        #expect(tensors[1].floats().map(\.bitPattern) == Array(matrix[..<4]))
    }

    @Test func unreadTypesAndByteOrdersAreNamed() throws {
        #expect(problem(try GGUFFixtures.bytes("unread.gguf"))?.contains("tensor 'odd': its type Q8_K is not supported") == true)
        #expect(try read(GGUFFixtures.bytes("unread.gguf")).map(\.name) == ["a"])
        #expect(problem(try GGUFFixtures.bytes("big_endian.gguf"))?.contains("big-endian") == true)
    }

    @Test func versionTwoIsReadAndVersionOneRefused() throws {
        var bytes = Builder.file(tensors: [("a", 2, 0)], dataCount: 8)
        #expect(try read(bytes).map(\.shape) == [[2]])
        bytes[4] = 2
        #expect(try read(bytes).map(\.shape) == [[2]])
        bytes[4] = 1
        #expect(problem(bytes) == "file.gguf: unknown GGUF version, expected 2 or 3, found 1")
    }

    @Test func dataThatOverlapOrLeaveTheFileAreRefused() {
        #expect(
            problem(Builder.file(tensors: [("a", 16, 0), ("b", 8, 32)], dataCount: 64))?.contains("tensor 'b': overlaps tensor 'a'") == true
        )
        #expect(
            problem(Builder.file(tensors: [("a", 8, 0), ("b", 9, 32)], dataCount: 64))?.contains("its data extend past the end of the file")
                == true)
        #expect(problem(Builder.file(tensors: [("a", 8, 0), ("a", 8, 32)], dataCount: 64))?.contains("names it twice") == true)
        #expect(problem(Builder.file(tensors: [("a", 8, 4)], dataCount: 64))?.contains("bad offset") == true)
        #expect(problem(Builder.file(tensors: [("a", 1 << 62, 0)], dataCount: 64))?.contains("shape overflows") == true)
        #expect(problem(Builder.file(tensors: [("a", UInt64.max, 0)], dataCount: 64))?.contains("shape overflows") == true)
        #expect(
            problem(Builder.file(tensors: [("a", 8, UInt64(Int.max) / 32 * 32)], dataCount: 64))?.contains(
                "extend past the end of the file") == true)
        #expect(problem(Builder.file(tensors: [("a", 40, 0)], type: 2, dataCount: 64))?.contains("incomplete block") == true)
        #expect(problem(Builder.file(tensors: [], dataCount: 0)) == "file.gguf: no tensors")
    }

    @Test func countsBeyondTheFileAllocateNothing() {
        var file = Builder()
        file.add(UInt32(3))
        file.add(UInt64.max)
        file.add(UInt64(0))
        #expect(problem(file.bytes)?.contains("too many tensors for the file") == true)

        file = Builder()
        file.add(UInt32(3))
        file.add(UInt64(0))
        file.add(UInt64(1))
        file.add("key")
        // Arrays of arrays, twenty deep.
        for _ in 0..<20 {
            file.add(UInt32(9))
            file.add(UInt32(9))
            file.add(UInt64(1))
        }
        #expect(problem(file.bytes)?.contains("file.gguf: ") == true)
    }

    @Test func everyTruncationIsAnError() throws {
        let bytes = try GGUFFixtures.bytes("aligned.gguf")
        // The padding after the last tensor has no meaning.
        let end = try #require(bytes.lastIndex { $0 != 0 })
        for count in 0..<end where problem(Array(bytes[..<count])) == nil {
            Issue.record("cut to \(count) of \(bytes.count) bytes it was read")
        }
    }

    @Test func flippedBitsThrowOrAreReadable() throws {
        var generator = SplitMix(state: 2)
        let bytes = try GGUFFixtures.bytes("types.gguf")
        var failures = 0
        for _ in 0..<2000 {
            var damaged = bytes
            damaged[Int.random(in: 0..<1200, using: &generator)] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            if problem(damaged) != nil { failures += 1 }
        }
        #expect(failures > 300)
    }
}
