import Archives
import FoundationEssentials
import TestSupport
import Testing

@testable import Checkpoints

/// The files of fixtures/containers and what the libraries that wrote them read from them.
enum ContainerFixtures {
    static func path(_ name: String) -> String { TorchFixtures.root + "/fixtures/containers/" + name }

    static func bytes(_ name: String) throws -> [UInt8] {
        let region = try ByteRegion.mapping(path: path(name))
        return region.bytes(0..<region.count) ?? []
    }

    /// The contents of every file.
    static func load() throws -> [String: TorchFixtures.File] {
        try JSONDecoder().decode([String: TorchFixtures.File].self, from: Data(bytes("expected.json")))
    }

    /// Compares the models of a fixture with what the library read.
    static func check(_ name: String) throws {
        let expected = try #require(try load()[name])
        for model in expected.models {
            let options = Checkpoint.Options(key: model.key.isEmpty ? nil : model.key)
            let checkpoint = try Checkpoint.open(path(name), options: options)
            #expect(checkpoint.container.hasSuffix(expected.format), "\(name): \(checkpoint.container)")
            #expect(checkpoint.tensors.map(\.name).sorted() == model.tensors.map(\.name).sorted(), "\(name)")
            for wanted in model.tensors {
                let tensor = try #require(checkpoint[wanted.name], "\(name): \(wanted.name)")
                #expect(tensor.dtype.rawValue == wanted.dtype, "\(name): \(wanted.name)")
                #expect(tensor.shape == wanted.shape, "\(name): \(wanted.name)")
                #expect(tensor.doubles() == wanted.values, "\(name): \(wanted.name)")
                #expect(tensor.floats() == wanted.values.map { Float($0) }, "\(name): \(wanted.name)")
                // Every part of a run, as code that reads in pieces requests it.
                for start in wanted.values.indices where start % 3 == 0 {
                    let end = min(start + 4, wanted.values.count)
                    var part = [Float](repeating: .nan, count: end - start)
                    part.withUnsafeMutableBufferPointer { tensor.fill($0, elements: start..<end) }
                    #expect(part == wanted.values[start..<end].map { Float($0) }, "\(name): \(wanted.name) from \(start)")
                }
            }
        }
    }

    /// The error that opening the bytes throws; nil if every model can be read.
    static func problem(_ bytes: [UInt8]) -> String? {
        CheckpointsTests.problem { try openCheckpoint(bytes) }
    }

    /// Calls `body` with copies of the bytes in which one to three bits are flipped.
    static func flippingBits(of bytes: [UInt8], rounds: Int, seed: UInt64, _ body: ([UInt8]) throws -> Void) rethrows {
        var generator = SplitMix(state: seed)
        for _ in 0..<rounds {
            var damaged = bytes
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                damaged[Int.random(in: 0..<bytes.count, using: &generator)] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            }
            try body(damaged)
        }
    }

    /// Opens the fixture with flipped bits, which is an error of one line or can be read.
    static func checkFlippedBits(_ name: String, rounds: Int, seed: UInt64) throws {
        var failures = 0
        flippingBits(of: try bytes(name), rounds: rounds, seed: seed) { damaged in
            guard let problem = problem(damaged) else { return }
            failures += 1
            #expect(!problem.contains("\n"))
        }
        #expect(failures > 10)
    }
}
