import Archives
import Testing

@testable import Checkpoints

/// Damaged files: opening throws, or returns tensors all of whose elements can be read. Nothing else may happen.
@Suite struct DamageTests {
    @Test(arguments: [
        "types.safetensors", "model.safetensors", "c-order.npy", "fortran-order.npy", "stored.npz", "deflated.npz", "stored.zip",
        "deflated.zip", "ustar.tar.gz", "ustar.tar.xz", "ustar.tar.zst", "ustar.tar.bz2",
    ])
    func flippedBitsNeverTrap(_ name: String) throws {
        let whole = try FormatFixtures.bytes(name)
        var generator = SplitMix(state: 1)
        var refused = 0
        for _ in 0..<3000 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            }
            if problem({ try openCheckpoint(bytes) }) != nil { refused += 1 }
        }
        #expect(refused > 0)
    }

    /// Few bytes of a tar mean anything, so flips are aimed at the headers and the model.
    @Test(arguments: ["ustar.tar", "pax-long.tar", "gnu-long.tar", "links.tar", "hostile-names.tar"])
    func flippedBitsInATarNeverTrap(_ name: String) throws {
        let whole = try FormatFixtures.bytes(name)
        let meaningful = whole.indices.filter { whole[$0] != 0 }
        var generator = SplitMix(state: 2)
        for _ in 0..<3000 {
            var bytes = whole
            let place = try #require(meaningful.randomElement(using: &generator))
            bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            let header = place / 512 * 512
            if Bool.random(using: &generator) { Self.repairChecksum(&bytes, at: header) }
            _ = problem { try openCheckpoint(bytes) }
        }
    }

    @Test(arguments: ["ustar.tar", "ustar.tar.gz", "ustar.tar.zst", "ustar.tar.xz", "links.tar.gz", "stored.zip", "deflated.zip"])
    func truncationsNeverTrap(_ name: String) throws {
        let whole = try FormatFixtures.bytes(name)
        var refused = 0
        for count in 0..<whole.count where problem({ try openCheckpoint(Array(whole[..<count])) }) != nil { refused += 1 }
        // A plain tar that is cut in the zeros after its last member is still complete.
        #expect(name == "ustar.tar" ? refused > 1500 : refused > whole.count - 12, "\(refused) of \(whole.count)")
    }

    @Test func aTarCutInsideItsModelIsAnError() throws {
        let whole = try FormatFixtures.bytes("ustar.tar")
        // The model's header, then its 120 bytes.
        for count in 1..<512 + 120 {
            #expect(problem { try openCheckpoint(Array(whole[..<count])) } != nil, "cut at \(count)")
        }
    }

    private static func repairChecksum(_ bytes: inout [UInt8], at header: Int) {
        guard header + 512 <= bytes.count else { return }
        for place in header + 148..<header + 156 { bytes[place] = 0x20 }
        let sum = bytes[header..<header + 512].reduce(0) { $0 + Int($1) }
        let digits = String(sum, radix: 8)
        let padded = String(repeating: "0", count: max(0, 6 - digits.count)) + digits
        for (offset, byte) in padded.utf8.enumerated() { bytes[header + 148 + offset] = byte }
        bytes[header + 154] = 0
    }
}
