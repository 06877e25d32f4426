import Archives
import FoundationEssentials
import TestSupport
import Testing

@testable import Checkpoints

/// Every global of every pickle is named with the member that holds it.
struct PickleScanTests {
    private func scan(_ name: String) throws -> PickleScan {
        PickleScan([try ByteRegion.mapping(path: TorchFixtures.root + "/fixtures/unreadable/" + name)])
    }

    private func foreign(_ scan: PickleScan) -> [String] {
        scan.globals.filter(\.isForeign).map { "\($0.name) in \($0.member ?? "the file")" }.sorted()
    }

    private static let sidecars = [
        "builtins.eval in archive/cut.pkl", "builtins.exec in archive/inner.zip!deep.pkl", "copyreg.extension(7) in archive/registry.pkl",
        "os.execl in archive/old.pkl", "os.system in archive/extra.pkl", "os.system2 in archive/notes",
        "subprocess.Popen in archive/code/hook.pkl",
    ]

    @Test(arguments: ["sidecars.pt", "flagged.pt"])
    func picklesBesideTheModelAreNamed(_ name: String) throws {
        let scan = try scan(name)
        #expect(foreign(scan) == Self.sidecars)
        // The model's own globals are those that tensors need.
        let own = scan.globals.filter { $0.member == "archive/data.pkl" || $0.member?.hasSuffix("/data.pkl") == true }
        #expect(own.contains { $0.name == "torch._utils._rebuild_tensor_v2" } && own.allSatisfy { !$0.isForeign })
        #expect(try Checkpoint.open(TorchFixtures.root + "/fixtures/unreadable/" + name).tensors.map(\.name) == ["fc1.weight"])
    }

    /// Whether a compressed member marked as encrypted in both headers really is shows when it is unpacked: the flag hides nothing.
    @Test func theFlagOfEncryptionHidesNoPickle() throws {
        let plain = PickleScan([ByteRegion(copying: try ContainerFixtures.bytes("deflated.pt"))])
        var bytes = try ContainerFixtures.bytes("deflated-flagged-twice.pt")
        let flagged = PickleScan([ByteRegion(copying: bytes)])
        #expect(!plain.globals.isEmpty && flagged.globals == plain.globals && flagged.hidden.isEmpty)
        // A member whose bytes are not its content is encrypted.
        let directory = try #require(try ZipDirectory(ByteRegion(copying: bytes)))
        let entry = try #require(directory.entries.first { $0.name.hasSuffix("data.pkl") })
        let name = Array(entry.name.utf8)
        let place = try #require((0..<bytes.count - name.count).first { Array(bytes[$0..<$0 + name.count]) == name })
        for byte in 0..<entry.compressedSize { bytes[place + name.count + byte] ^= 0x5A }
        let encrypted = PickleScan([ByteRegion(copying: bytes)])
        #expect(encrypted.hidden.map { "\($0.problem)" } == ["member '\(entry.name)': is encrypted"])
        #expect(ContainerFixtures.problem(bytes)?.hasSuffix("\(entry.name): is encrypted") == true)
    }

    @Test func picklesBehindTheEndOfAnotherAreNamed() throws {
        #expect(foreign(try scan("two.pkl")) == ["os.system in the file"])
        #expect(foreign(try scan("behind-legacy.pt")) == ["os.system in the file"])
        #expect(foreign(try scan("buried-legacy.pt")) == ["os.system in the file"])
        #expect(foreign(try scan("legacy.pt")) == [])
    }

    @Test func picklesOfAnArchivesOtherMembersAreNamed() throws {
        #expect(foreign(try scan("beside.tar")) == ["posix.system in hook.bin"])
    }

    @Test func arraysOfObjectsAreNamed() throws {
        let names = Set(try scan("arrays.npz").globals.map(\.member))
        #expect(names == ["objects.npy"])
        #expect(try scan("objects.npy").globals.contains { $0.name.hasSuffix("multiarray._reconstruct") })
    }

    /// A file of torch.distributed.checkpoint is a sequence of zip files.
    @Test func partsOfADistributedCheckpointAreSearched() throws {
        for name in ["dcp", "dcp-two", "dcp-four"] {
            let scan = PickleScan(try Checkpoint.open(ContainerFixtures.path(name)).sources)
            #expect(scan.hidden.isEmpty && foreign(scan).isEmpty, "\(name): \(scan.hidden) \(foreign(scan))")
            #expect(scan.globals.contains { $0.member?.hasSuffix("data.pkl") == true })
        }
        let model = Array(try Data(contentsOf: URL(fileURLWithPath: ContainerFixtures.path("plain.pt"))))
        let hook = Array(try Data(contentsOf: URL(fileURLWithPath: TorchFixtures.root + "/fixtures/unreadable/sidecars.pt")))
        let both = PickleScan([ByteRegion(copying: model + hook)])
        #expect(both.hidden.count == PickleScan([ByteRegion(copying: hook)]).hidden.count)
        #expect(foreign(both).contains { $0.hasPrefix("os.system in ") })
        #expect(PickleScan([ByteRegion(copying: model + hook.dropLast())]).hidden.map { $0.member } == [""])
    }

    @Test func numbersAreNoPickles() {
        for seed in 0..<200 {
            var generator = SplitMix(state: UInt64(seed))
            let bytes = (0..<4096).map { _ in UInt8.random(in: 0...255, using: &generator) }
            #expect(PickleScan([ByteRegion(copying: [0x63] + bytes)]).globals.isEmpty)
            #expect(PickleScan([ByteRegion(copying: bytes)]).globals.isEmpty)
        }
    }
}
