import Archives
import FoundationEssentials
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

private func problem(_ bytes: [UInt8]) -> String? {
    do {
        for tensor in try read(bytes) { _ = tensor.floats() }
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
        #expect(problem(try GGUFFixtures.bytes("unread.gguf"))?.contains("tensor 'odd': its type IQ2_XS is not supported") == true)
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
        #expect(problem(Builder.file(tensors: [("a", 8, 0), ("b", 9, 32)], dataCount: 64))?.contains("its data leave the file") == true)
        #expect(problem(Builder.file(tensors: [("a", 8, 0), ("a", 8, 32)], dataCount: 64))?.contains("names it twice") == true)
        #expect(problem(Builder.file(tensors: [("a", 8, 4)], dataCount: 64))?.contains("bad offset") == true)
        #expect(problem(Builder.file(tensors: [("a", 1 << 62, 0)], dataCount: 64))?.contains("shape overflows") == true)
        #expect(problem(Builder.file(tensors: [("a", UInt64.max, 0)], dataCount: 64))?.contains("shape overflows") == true)
        #expect(problem(Builder.file(tensors: [("a", 8, UInt64(Int.max) / 32 * 32)], dataCount: 64))?.contains("leave the file") == true)
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
        // The padding behind the last tensor says nothing.
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
