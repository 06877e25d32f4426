import Archives
import TestSupport
import Testing
import Text

@testable import Checkpoints

/// Objects that were written to one file one after the other, and what stands behind the last of them.
struct SeveralStreamsTests {
    private static func bytes(_ name: String) throws -> [UInt8] {
        let region = try ByteRegion.mapping(path: TorchFixtures.root + "/fixtures/" + name)
        return region.bytes(0..<region.count) ?? []
    }

    private func tensors(_ bytes: [UInt8], key: String? = nil) throws -> [String: [Double]] {
        let checkpoint = try Checkpoint.open(ByteRegion(copying: bytes), path: "file", options: .init(key: key))
        return Dictionary(uniqueKeysWithValues: checkpoint.tensors.map { ($0.name, $0.doubles()) })
    }

    private func foreign(_ bytes: [UInt8]) -> [String] {
        PickleScan([ByteRegion(copying: bytes)]).globals.filter(\.isForeign).map(\.name)
    }

    /// `torch.save` into one open file, several times: `torch.load` reads one after the other from it.
    @Test func everyStreamIsAModel() throws {
        let first = try Self.bytes("mlp-legacy.pt")
        let second = try Self.bytes("torch/views_legacy.pth")
        let third = try Self.bytes("torch/tensors.pkl")
        let all = first + second + third
        let alone = try TorchLegacy.read(ByteRegion(copying: third), path: "file").models.map(\.key)
        let expected = ["0", "1"] + alone.map { $0.isEmpty ? "2" : "2." + $0 }
        #expect(try TorchLegacy.read(ByteRegion(copying: all), path: "file").models.map(\.key) == expected)
        #expect(try tensors(all, key: "0") == tensors(first))
        #expect(try tensors(all, key: "1") == tensors(second))
        #expect(problem { try openCheckpoint(all) }?.contains("several models in the file") == true)
        #expect(PickleScan([ByteRegion(copying: all)]).trailing.isEmpty)
        // A stream that holds no tensors is no model, and the other keeps its name.
        #expect(try tensors(first + Self.bytes("unreadable/two.pkl").suffix(25)) == tensors(first))
    }

    /// What a second stream that is cut leaves is said: the first can be read.
    @Test func aStreamThatIsCutIsReported() throws {
        let first = try Self.bytes("mlp-legacy.pt")
        let cut = first + first.prefix(200)
        #expect(try tensors(cut) == tensors(first))
        let notes = try Checkpoint.open(ByteRegion(copying: cut), path: "file").assumptions
        #expect(notes.count == 1 && notes[0].hasPrefix("200 bytes behind the first object are not read: "), "\(notes)")
        let scan = PickleScan([ByteRegion(copying: cut)])
        #expect(scan.hidden.count == 1 || scan.trailing.map(\.byteCount) == [200])
    }

    @Test func bytesBehindTheLastPickleAreCounted() throws {
        let first = try Self.bytes("mlp-legacy.pt")
        let scan = PickleScan([ByteRegion(copying: first + [0, 0, 0, 0, 0, 0, 0])])
        #expect(scan.trailing.map(\.byteCount) == [7] && scan.hidden.isEmpty)
        let notes = try Checkpoint.open(ByteRegion(copying: first + [0, 0, 0, 0, 0, 0, 0]), path: "file").assumptions
        #expect(notes == ["7 bytes behind the first object are not read"])
        #expect(PickleScan([ByteRegion(copying: first)]).trailing.isEmpty)
    }

    /// What Python's pickle and pickletools make of a call, in every protocol, and calls written by hand with the opcodes of protocol 0.
    @Test(arguments: [
        "cposix\nsystem\np0\n(Vtrue\np1\ntp2\nRp3\n.",
        "\u{80}\u{02}cposix\nsystem\nq\u{0}X\u{4}\u{0}\u{0}\u{0}trueq\u{1}\u{85}q\u{2}Rq\u{3}.",
        "\u{80}\u{04}\u{95}\u{1d}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{8c}\u{05}posix\u{94}\u{8c}\u{06}system\u{94}\u{93}\u{94}\u{8c}\u{04}true\u{94}\u{85}\u{94}R\u{94}.",
        "\u{8c}\u{05}posix\u{8c}\u{06}system\u{93}\u{8c}\u{04}true\u{85}R.", "(S'true'\niposix\nsystem\n.", "(cposix\nsystem\nS'true'\no.",
        "(dp0\nVkey\np1\ncposix\nsystem\n(Vtrue\ntRs.", "\u{80}\u{02}cposix\nsystem\n.",
    ])
    func callsBehindJunkAreNamed(_ pickle: String) throws {
        let hostile = pickle.unicodeScalars.map { UInt8($0.value) }
        let first = try Self.bytes("mlp-legacy.pt")
        for junk in [[UInt8](repeating: 0, count: 7), Array("junk\n".utf8), [0xFF, 0x80, 0x80, 0x28]] {
            #expect(foreign(first + junk + hostile) == ["posix.system"], "\(junk)")
            #expect(foreign(first + junk + hostile + junk) == ["posix.system"], "\(junk)")
        }
        // A loader that skips a fixed number of bytes reads what stands behind a damaged pickle too.
        #expect(foreign(Array("\u{80}\u{02}}".unicodeScalars.map { UInt8($0.value) }) + [0x2E, 0xFF] + hostile) == ["posix.system"])
    }

    @Test func numbersAndTextBehindAPickleAreNone() throws {
        let first = try Self.bytes("mlp-legacy.pt")
        for seed in 0..<8 {
            var generator = SplitMix(state: UInt64(seed))
            let bytes = (0..<1 << 18).map { _ in UInt8.random(in: 0...255, using: &generator) }
            #expect(foreign(first + [0] + bytes).isEmpty)
            // Letters and ends of lines make names far more often.
            let letters = bytes.map { Array("abcimos.\n(tR0\u{8c}\u{80}\u{02}".unicodeScalars)[Int($0 & 15)] }.map { UInt8($0.value) }
            #expect(foreign(first + [0] + letters).allSatisfy { $0.utf8.count >= 5 })
        }
        for text in ["README.md", "CHANGELOG.md", "fixtures/make_unreadable.py", "Sources/Checkpoints/Torch/BuriedPickles.swift"] {
            let region = try ByteRegion.mapping(path: TorchFixtures.root + "/" + text)
            #expect(foreign(first + [0] + (region.bytes(0..<region.count) ?? [])).isEmpty, "\(text)")
        }
    }

    /// Beginnings without end, of which each would be read to the end of the file.
    @Test func manyBeginningsAreLookedAtInBoundedTime() throws {
        let first = try Self.bytes("mlp-legacy.pt")
        let beginnings = [UInt8]((0..<1 << 17).flatMap { _ in [UInt8(0x80), 2] })
        let scan = PickleScan([ByteRegion(copying: first + [0] + beginnings)])
        #expect(scan.globals.allSatisfy { !$0.isForeign })
        #expect(scan.hidden.map { "\($0.problem)" }.contains { $0.contains("too much behind the last pickle") })
    }

    /// Python's zipfile, numpy and PyTorch read zip files with up to 65,536 bytes behind them.
    @Test(arguments: ["mlp.pt", "mlp.npz"]) func bytesBehindAZipFileAreSaid(name: String) throws {
        let bytes = try Self.bytes(name)
        for count in [1, 22, 65_535] {
            let appended = bytes + [UInt8](repeating: 0x50, count: count)
            let checkpoint = try Checkpoint.open(ByteRegion(copying: appended), path: "file")
            #expect(try tensors(appended) == tensors(bytes))
            #expect(checkpoint.assumptions == ["\(ByteText.counted(count, "byte")) behind the zip file's end are not read"])
        }
        let far = problem { try openCheckpoint(bytes + [UInt8](repeating: 0, count: 70_000)) }
        #expect(
            far?.contains("bytes stand behind the zip file's end") == true && far?.contains("found 70,000 bytes") == true, "\(far ?? "")")
        // Whoever looks for the end from behind may find another one.
        let two = problem { try openCheckpoint(bytes + [0x50, 0x4B, 5, 6] + [UInt8](repeating: 0, count: 30)) }
        #expect(two?.contains("without another end among them") == true, "\(two ?? "")")
        #expect(problem { try openCheckpoint(Array(bytes.dropLast(30))) }?.contains("the file is truncated") == true)
        #expect(foreign(bytes + Array("cposix\nsystem\n(Vtrue\ntR.".utf8)) == ["posix.system"])
    }

    /// numpy reads the zip file at the end, PyTorch the one at the beginning.
    @Test func severalZipFilesInOneAreSaid() throws {
        let one = try Self.bytes("mlp.pt")
        let both = try Checkpoint.open(ByteRegion(copying: one + one), path: "file")
        #expect(both.assumptions.contains { $0.contains("\(one.count) bytes are not read") || $0.contains("bytes are not read") })
        let scan = PickleScan([ByteRegion(copying: one + one)])
        #expect(scan.pickleCount == 2 * PickleScan([ByteRegion(copying: one)]).pickleCount)
        let arrays = try Self.bytes("mlp.npz")
        #expect(problem { try openCheckpoint(arrays + arrays) } != nil)
    }
}
