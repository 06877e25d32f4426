import Archives
import FoundationEssentials
import Glibc
import Testing

@testable import Checkpoints

@Suite struct CheckpointTests {
    private static let twelve = (0..<12).map(Double.init)

    @Test(arguments: [
        ("ustar.tar", "tar, safetensors"), ("ustar.tar.gz", "tar.gz, safetensors"), ("ustar.tar.xz", "tar.xz, safetensors"),
        ("ustar.tar.zst", "tar.zst, safetensors"), ("ustar.tar.bz2", "tar.bz2, safetensors"), ("gnu-long.tar", "tar, safetensors"),
        ("pax-long.tar", "tar, safetensors"), ("stored.zip", "zip, safetensors"), ("deflated.zip", "zip, safetensors"),
        ("links.tar", "tar, safetensors"), ("links.tar.gz", "tar.gz, safetensors"),
    ])
    func opensArchivesWithTheirConfiguration(_ name: String, _ container: String) throws {
        let checkpoint = try Checkpoint.open(FormatFixtures.path(name))
        #expect(checkpoint.container == container)
        #expect(checkpoint["w"]?.shape == [3, 4])
        #expect(checkpoint["w"]?.doubles() == Self.twelve)
        let configuration = try #require(checkpoint.configuration)
        #expect(configuration.bytes(0..<configuration.count) == Array(#"{"model_type": "none"}"#.utf8) + [10])
        #expect(checkpoint.sources.map(\.count) == [try FormatFixtures.bytes(name).count])
    }

    @Test func namesInArchivesAreReadAsTheyAreWritten() throws {
        let long = String(repeating: "a-very-long-folder-name/", count: 8)
        #expect(try Checkpoint.open(FormatFixtures.path("gnu-long.tar")).member == long + "model.safetensors")
        #expect(try Checkpoint.open(FormatFixtures.path("pax-long.tar")).member == long + "größe/model.safetensors")
    }

    @Test func membersOfAPlainTarStayInPlace() throws {
        let region = try ByteRegion.mapping(path: FormatFixtures.path("ustar.tar"))
        let checkpoint = try CheckpointOpener(path: "ustar.tar", options: .init()).open(region)
        let tensor = try #require(checkpoint["w"])
        let inside = region.withUnsafeBytes { whole in
            tensor.bytes.withUnsafeBytes { part in
                whole.baseAddress! <= part.baseAddress! && part.baseAddress! + part.count <= whole.baseAddress! + whole.count
            }
        }
        #expect(inside)
    }

    @Test func absoluteAndParentNamesAreOnlyNames() throws {
        let checkpoint = try Checkpoint.open(FormatFixtures.path("hostile-names.tar"))
        #expect(checkpoint.member == "../../model.safetensors")
        #expect(checkpoint["w"]?.doubles() == Self.twelve)
        #expect(checkpoint.configuration == nil)
    }

    @Test(arguments: ["two-models.tar", "two-models.tar.gz"])
    func severalModelsAreListedAndOneCanBePicked(_ name: String) throws {
        let text = problem { try Checkpoint.open(FormatFixtures.path(name)) }
        #expect(text?.contains("several models") == true)
        #expect(text?.hasSuffix("found a/one.safetensors, b/two.safetensors; a member picks one") == true, "\(text ?? "")")
        for member in ["b/two.safetensors", "./b/two.safetensors", "b", "b/"] {
            let checkpoint = try Checkpoint.open(FormatFixtures.path(name), options: .init(member: member))
            #expect(checkpoint.member == "b/two.safetensors")
            #expect(checkpoint["w"]?.doubles() == Self.twelve)
            #expect(checkpoint.configuration != nil)
        }
        let other = problem { try Checkpoint.open(FormatFixtures.path(name), options: .init(member: "c")) }
        #expect(other?.hasSuffix("no member 'c', found a/one.safetensors, b/two.safetensors") == true)
    }

    @Test func anArchiveWithoutAModelSaysWhatItHolds() {
        let text = problem { try Checkpoint.open(FormatFixtures.path("nothing.tar")) }
        #expect(text?.hasSuffix("no model in the tar, found readme.txt, run/notes.md") == true, "\(text ?? "")")
    }

    @Test func aWeightFileOfManyArraysMayLieInAnArchive() throws {
        let checkpoint = try Checkpoint.open(FormatFixtures.path("nested.tar"))
        #expect(checkpoint.container == "tar, npz")
        #expect(checkpoint.tensors.map(\.name) == ["fc2.weight", "fc1.weight"])
    }

    @Test func aCompressedFileIsNoArchiveButIsRead() throws {
        let checkpoint = try Checkpoint.open(FormatFixtures.path("c-order.npy.gz"))
        #expect(checkpoint.container == "gz, npy")
        #expect(checkpoint.tensors.first?.doubles() == Self.twelve)
    }

    @Test(arguments: ["sharded", "sharded/", "sharded/model.safetensors.index.json"])
    func shardsAreJoinedInNaturalOrder(_ name: String) throws {
        let checkpoint = try Checkpoint.open(FormatFixtures.path(name))
        #expect(checkpoint.tensors.map(\.name) == ["h.0.w", "h.2.w", "h.10.w"])
        #expect(checkpoint.container.hasSuffix("2 safetensors shards"))
        #expect(checkpoint.configuration != nil)
        #expect(checkpoint.companions.keys.sorted() == ["tokenizer.json"])
        #expect(checkpoint.sources.count == 2)
        for tensor in checkpoint.tensors { #expect(tensor.doubles() == [0, 1, 2, 3, 4, 5]) }
    }

    @Test(arguments: [
        (#"{"weight_map": {"a": "../x.safetensors"}}"#, "outside its folder"), (#"{"weight_map": {"a": "/x"}}"#, "outside its folder"),
        (#"{"weight_map": {"a": ".."}}"#, "outside its folder"), (#"{"weight_map": {}}"#, "no shards"), (#"{"a": 1}"#, "not valid"),
        (#"["#, "not valid"),
    ])
    func refusesAnIndex(_ json: String, because words: String) {
        let text = problem { try openCheckpoint(Array(json.utf8), path: "/nowhere/model.safetensors.index.json") }
        #expect(text?.contains(words) == true, "\(text ?? "no error")")
    }

    @Test func aTensorOutsideTheShardOfTheIndexIsAnError() throws {
        let folder = try temporaryFolder()
        defer { removeFolder(folder) }
        try write(FormatFixtures.bytes("model.safetensors"), folder + "/one.safetensors")
        try write(
            Array(#"{"weight_map": {"w": "one.safetensors", "v": "one.safetensors"}}"#.utf8), folder + "/model.safetensors.index.json")
        let partial = try Checkpoint.open(folder)
        #expect(partial.tensors.map(\.name).contains("w"))
        #expect(partial.problem(ofTensor: "v")?.description.contains("tensor 'v': is not in its shard") == true)
        try write(Array(#"{"weight_map": {"w": "two.safetensors"}}"#.utf8), folder + "/model.safetensors.index.json")
        #expect(problem { try Checkpoint.open(folder) }?.contains("a shard is missing, expected two.safetensors") == true)
    }

    @Test func standardNamesCountBeforeOthers() throws {
        let folder = try temporaryFolder()
        defer { removeFolder(folder) }
        let weights = try FormatFixtures.bytes("model.safetensors")
        for name in ["model.safetensors", "other.safetensors", "optimizer.safetensors"] { try write(weights, folder + "/" + name) }
        mkdir(folder + "/checkpoint-5", 0o755)
        try write(weights, folder + "/checkpoint-5/model.safetensors")
        #expect(try Checkpoint.open(folder).member == "model.safetensors")
        #expect(try Checkpoint.open(folder, options: .init(member: "checkpoint-5")).member == "checkpoint-5/model.safetensors")
        unlink(folder + "/model.safetensors")
        #expect(problem { try Checkpoint.open(folder) }?.contains("checkpoint-5/model.safetensors, other.safetensors") == true)
        unlink(folder + "/other.safetensors")
        #expect(try Checkpoint.open(folder).member == "checkpoint-5/model.safetensors")
    }

    @Test(arguments: [
        ("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "is a Git LFS pointer, not the weights"),
        ("<!DOCTYPE html><html></html>", "is an HTML page"), ("hello, this is a text", "is a text"),
        ("\u{1}\u{2}\u{3}\u{4}\u{5}\u{6}\u{7}\u{8}", "unknown format"),
    ])
    func refusesWhatIsNoWeightFile(_ content: String, _ words: String) throws {
        let folder = try temporaryFolder()
        defer { removeFolder(folder) }
        try write(Array(content.utf8), folder + "/model.safetensors")
        for path in [folder, folder + "/model.safetensors"] {
            let text = problem { try Checkpoint.open(path) }
            #expect(text?.contains(words) == true, "\(text ?? "no error")")
            #expect(text?.hasPrefix(folder + "/model.safetensors: ") == true)
        }
    }

    @Test func whatIsNoRegularFileIsRefusedByName() throws {
        let folder = try temporaryFolder()
        defer { removeFolder(folder) }
        #expect(mkfifo(folder + "/pipe", 0o600) == 0)
        try write([], folder + "/empty")
        let fifo = problem { try Checkpoint.open(folder + "/pipe") }
        #expect(fifo == folder + "/pipe: is a FIFO, expected a regular file; use '-' to read from standard input")
        #expect(problem { try Checkpoint.open("/dev/null") } == "/dev/null: is a device, expected a regular file")
        #expect(problem { try Checkpoint.open(folder + "/empty") } == folder + "/empty: the file is empty")
        #expect(problem { try Checkpoint.open(folder + "/none") } == folder + "/none: no such file or directory")
        #expect(problem { try Checkpoint.open(folder) }?.contains("no model in the directory, found empty") == true)
    }

    @Test func optionsThatDoNotApplyAreErrors() {
        let path = FormatFixtures.path("model.safetensors")
        #expect(problem { try Checkpoint.open(path, options: .init(member: "a")) }?.contains("has no members") == true)
        #expect(problem { try Checkpoint.open(path, options: .init(key: "a")) }?.contains("no tensors under the key 'a'") == true)
    }

    private func temporaryFolder() throws -> String {
        var template = Array("/tmp/modinspect-test-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        return String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    private func removeFolder(_ folder: String) {
        try? FileManager.default.removeItem(atPath: folder)
    }

    private func write(_ bytes: [UInt8], _ path: String) throws {
        let file = try #require(fopen(path, "w"))
        defer { fclose(file) }
        #expect(fwrite(bytes, 1, bytes.count, file) == bytes.count)
    }
}
