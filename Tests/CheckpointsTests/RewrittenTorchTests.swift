import Archives
import TestSupport
import Testing

@testable import Checkpoints

/// PyTorch files that other programs have repacked, frozen scripts, and several pickles in one file.
struct RewrittenTorchTests {
    static let files = [
        "plain.pt", "deflated.pt", "plain-flagged.pt", "plain-flagged-locally.pt", "plain-flagged-twice.pt", "deflated-flagged.pt",
        "deflated-flagged-locally.pt", "deflated-flagged-twice.pt", "frozen.pt", "stream.pkl", "two-models.pkl",
    ]

    @Test(arguments: files) func holdsWhatItsLibraryReads(_ name: String) throws {
        try ContainerFixtures.check(name)
    }

    @Test func twoModelsInOneStreamNeedAKey() throws {
        let problem = problem { try Checkpoint.open(ContainerFixtures.path("two-models.pkl")) }
        #expect(problem?.contains("several models in the file") == true)
        #expect(problem?.contains("0 1.model") == true || problem?.contains("0, 1.model") == true)
    }

    @Test(arguments: files) func everyTruncationIsAnError(_ name: String) throws {
        let bytes = try ContainerFixtures.bytes(name)
        // The pickles after the model in a stream may be missing.
        let last = name.hasSuffix(".pkl") ? 100 : bytes.count - 1
        for count in 0...last where ContainerFixtures.problem(Array(bytes[..<count])) == nil {
            Issue.record("\(name) cut to \(count) of \(bytes.count) bytes was read")
        }
    }

    @Test(arguments: files) func flippedBitsThrowOrAreReadable(_ name: String) throws {
        try ContainerFixtures.checkFlippedBits(name, rounds: 300, seed: 4)
    }

    @Test func aDamagedMemberIsNoticed() throws {
        var bytes = try ContainerFixtures.bytes("deflated-flagged.pt")
        let directory = try #require(try ZipDirectory(ByteRegion(copying: bytes)))
        let entry = try #require(directory.entries.first { $0.name.hasSuffix("data/0") })
        let name = Array(entry.name.utf8)
        let place = try #require((0..<bytes.count - name.count).first { Array(bytes[$0..<$0 + name.count]) == name })
        bytes[place + name.count + entry.compressedSize / 2] ^= 0x10
        #expect(ContainerFixtures.problem(bytes) != nil)
    }
}
