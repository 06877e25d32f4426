import Archives
import TestSupport

@testable import Checkpoints

/// The files of fixtures/formats, written by real libraries.
enum FormatFixtures {
    static let folder: String = {
        let parts = #filePath.split(separator: "/").dropLast(3)
        return "/" + parts.joined(separator: "/") + "/fixtures/formats"
    }()

    static func path(_ name: String) -> String { folder + "/" + name }

    static func bytes(_ name: String) throws -> [UInt8] {
        let region = try ByteRegion.mapping(path: path(name))
        return region.bytes(0..<region.count) ?? []
    }
}

/// Opens `bytes` as if they were a file called `path`. The page behind the bytes cannot be read: reading past the end ends the test.
func openCheckpoint(_ bytes: [UInt8], path: String = "hostile", options: Checkpoint.Options = .init()) throws -> Checkpoint {
    try CheckpointOpener(path: path, options: options).open(guardedRegion(bytes))
}

/// What opening throws, or why the first tensor cannot be read, as text; nil where all is well. Every element of every tensor is read.
func problem(_ open: () throws -> Checkpoint) -> String? {
    do {
        let checkpoint = try open()
        for tensor in checkpoint.tensors { _ = tensor.doubles() }
        if let tensor = checkpoint.unreadable.first { throw tensor.problem }
        return nil
    } catch {
        return "\(error)"
    }
}

/// A small generator with a seed, so that a failing flip can be repeated.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
