import Testing

@testable import Datasets

/// Damaged files: opening throws, or returns a dataset all of whose values can be read. Nothing else may happen.
@Suite struct DataDamageTests {
    @Test(arguments: [
        "bytes.npz", "deflated.npz", "fortran.npz", "tokens.npz", "tokens-i8.npy", "images-idx3-ubyte", "images-idx3-ubyte.gz",
        "images-idx3-ubyte.xz",
        "images-idx3-ubyte.zst", "idx-f8",
    ])
    func everyTruncationIsAnError(_ name: String) throws {
        let whole = try DataFixtures.bytes(name)
        #expect(problem { try openDataset(whole) } == nil)
        let isCompressed = name.contains("ubyte.")
        for count in 0..<whole.count {
            let text = problem { try openDataset(Array(whole[..<count])) }
            // The last bytes of a compressed file are its checksums.
            #expect(text != nil || isCompressed && count > whole.count - 16, "cut at \(count)")
        }
    }

    @Test(arguments: ["stream-u2.bin", "stream-u2.bin.gz", "stream.npy", "text.txt", "bad-text.txt"])
    func truncatedTokensNeverTrap(_ name: String) throws {
        let whole = try DataFixtures.bytes(name)
        for count in 0..<whole.count { _ = problem { try openDataset(Array(whole[..<count]), path: name, context: 4) } }
    }

    @Test(arguments: [1, 3072, 3073, 3074, 3075, 6147])
    func truncatedBatchesAreWholeRecordsOrErrors(_ count: Int) throws {
        let whole = try DataFixtures.bytes("cifar100.bin")
        let text = problem { try openDataset(Array(whole[..<count]), path: "a.bin") }
        #expect((text == nil) == (count == 3074), "\(text ?? "no error")")
    }

    @Test(arguments: [
        "bytes.npz", "deflated.npz", "fortran.npz", "tokens.npz", "tokens-i8.npy", "images-idx3-ubyte", "images-idx3-ubyte.gz", "idx-f8",
    ])
    func flippedBitsNeverTrap(_ name: String) throws {
        let whole = try DataFixtures.bytes(name)
        for place in whole.indices {
            var bytes = whole
            bytes[place] ^= 1 << UInt8(place % 8)
            _ = problem { try openDataset(bytes) }
        }
    }
}
