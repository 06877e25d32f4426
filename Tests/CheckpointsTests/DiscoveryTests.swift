import Foundation
import Glibc
import TestSupport
import Testing
import Text

@testable import Checkpoints

/// Which checkpoints a tree has. The trees are made of real files: what is found can be opened.
@Suite struct DiscoveryTests {
    /// Makes a tree: each path with the fixture that is copied there, or with the text of a file.
    private enum Content {
        case copy(String)
        case text(String)
        /// A symbolic link to this.
        case link(String)
    }

    private func withTree<Result>(_ tree: [(String, Content)], _ body: (String) throws -> Result) throws -> Result {
        try TemporaryFolder.with { folder throws in
            let files = FileManager.default
            for (path, content) in tree {
                let place = folder + "/" + path
                try files.createDirectory(
                    atPath: (place as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
                switch content {
                case .copy(let fixture): try files.copyItem(atPath: Fixtures.path(fixture), toPath: place)
                case .text(let text): try Data(text.utf8).write(to: URL(fileURLWithPath: place))
                case .link(let target): try files.createSymbolicLink(atPath: place, withDestinationPath: target)
                }
            }
            return try body(folder)
        }
    }

    private func find(_ folder: String, _ patterns: CheckpointDiscovery.Patterns = .init()) -> CheckpointDiscovery.Result {
        CheckpointDiscovery.find([Array(folder.utf8)], patterns)
    }

    /// The names that are found; each is opened.
    private func names(_ folder: String, _ patterns: CheckpointDiscovery.Patterns = .init(), opens: Bool = true) throws -> [String] {
        let found = find(folder, patterns)
        if opens {
            for checkpoint in found.checkpoints {
                _ = try checkpoint.opening { opened throws in try Checkpoint.open(opened.path) }
            }
        }
        return found.checkpoints.map(\.name)
    }

    @Test func namesThatUnicodeTakesForEqualAreTwoFiles() throws {
        let files = ["\u{E9}.pt", "e\u{301}.pt"]
        #expect(files[0] == files[1])
        try withTree(files.map { ($0, .copy("mlp.pt")) }) { folder throws in
            #expect(Set(try names(folder).map { Array($0.utf8) }) == Set(files.map { Array($0.utf8) }))
        }
    }

    @Test func eachModelIsFoundOnceAndNothingElse() throws {
        let tree: [(String, Content)] = [
            ("sharded", .copy("llama-tiny")), ("single", .copy("gpt2-tiny")), ("dcp", .copy("containers/dcp")),
            ("zero", .copy("containers/deepspeed-2-3")), ("mlp.pt", .copy("mlp.pt")), ("mlp.safetensors", .copy("mlp.safetensors")),
            ("mlp.npz", .copy("mlp.npz")), ("mlp.tar.gz", .copy("mlp.tar.gz")), ("mlp.zip", .copy("mlp.zip")),
            ("data/test.npz", .copy("models/mnist-mlp.npz")), ("data/x.npy", .copy("formats/c-order.npy")),
            ("no-ending", .copy("mlp.safetensors")), ("notes.txt", .text("notes")), ("blob.dat", .text("blob of no kind at all")),
            ("split", .copy("gguf/split")), (".hidden/mlp.pt", .copy("mlp.pt")), ("model.h5", .text("\u{89}HDF")),
        ]
        try withTree(tree) { folder throws in
            #expect(
                try names(folder) == [
                    "dcp", "mlp.npz", "mlp.pt", "mlp.safetensors", "mlp.tar.gz", "mlp.zip", "no-ending", "sharded", "single",
                ] + split(folder) + ["zero/global_step7"])
            let found = find(folder)
            #expect(found.passedOver == [.data: 2, .foreign: 1] && found.unreadable.isEmpty)
            let sharded = try #require(found.checkpoints.first { $0.name == "sharded" })
            #expect(
                sharded.files.map { String($0.path.dropFirst(folder.count)) }.sorted() == [
                    "/sharded/config.json", "/sharded/generation_config.json", "/sharded/model-00001-of-00003.safetensors",
                    "/sharded/model-00002-of-00003.safetensors", "/sharded/model-00003-of-00003.safetensors",
                    "/sharded/model.safetensors.index.json",
                ])
            let attributes = try FileManager.default.attributesOfItem(atPath: folder + "/mlp.pt")
            let single = try #require(found.checkpoints.first { $0.name == "mlp.pt" })
            #expect(single.size == attributes[.size] as? Int)
            let date = try #require(attributes[.modificationDate] as? Date)
            #expect(abs(Double(single.modified) / 1e9 - date.timeIntervalSince1970) < 1e-3)
        }
    }

    /// The first part of each split model.
    private func split(_ folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder + "/split").filter { $0.contains("-00001-of-") }.sorted().map {
            "split/" + $0
        }
    }

    @Test func aTrainersFolderIsItsCheckpointsWithoutTheStateOfTraining() throws {
        var tree: [(String, Content)] = []
        for step in [500, 1000, 50] {
            let folder = "run/checkpoint-\(step)"
            for file in ["model.safetensors", "config.json"] { tree.append(("\(folder)/\(file)", .copy("gpt2-tiny/\(file)"))) }
            for file in ["optimizer.pt", "scheduler.pt", "rng_state.pth", "training_args.bin"] {
                tree.append(("\(folder)/\(file)", .copy("mlp.pt")))
            }
            tree.append(("\(folder)/trainer_state.json", .text("{\"global_step\": \(step)}")))
            tree.append(("\(folder)/global_step\(step)", .copy("containers/deepspeed-2-3/global_step7")))
        }
        try withTree(tree) { folder throws in
            #expect(try names(folder) == ["run/checkpoint-50", "run/checkpoint-500", "run/checkpoint-1000"])
            #expect(try names(folder + "/run") == ["checkpoint-50", "checkpoint-500", "checkpoint-1000"])
            #expect(try names(folder + "/run/checkpoint-50") == ["."])
            let found = find(folder)
            #expect(found.passedOver[.training] == 12)
            #expect(Set(found.passedOver.keys) == [.training, .sameModel])
        }
    }

    @Test func aModelInOtherFormsBesideItIsOneModel() throws {
        let tree: [(String, Content)] = [
            ("hub", .copy("gpt2-tiny")), ("hub/pytorch_model.bin", .copy("mlp.pt")), ("hub/onnx/model.onnx", .text("x")),
            ("hub/flax_model.msgpack", .copy("containers/flax.msgpack")), ("hub/consolidated.safetensors", .copy("mlp.safetensors")),
            ("loose/model.safetensors", .copy("mlp.safetensors")), ("loose/ema.safetensors", .copy("mlp-tuned.safetensors")),
        ]
        try withTree(tree) { folder throws in
            #expect(try names(folder) == ["hub", "loose/ema.safetensors", "loose/model.safetensors"])
            #expect(find(folder).passedOver == [.sameModel: 4])
        }
    }

    @Test func aDistributedCheckpointBelongsToTheFolderWithItsConfiguration() throws {
        let tree: [(String, Content)] = [
            ("step/config.json", .text("{}")), ("step/pytorch_model_fsdp_0", .copy("containers/fsdp-1")),
            ("step/optimizer_0", .copy("containers/fsdp-2")), ("bare/weights", .copy("containers/dcp")),
        ]
        try withTree(tree) { folder throws in
            let found = find(folder)
            #expect(found.checkpoints.map(\.name) == ["bare/weights", "step"])
            #expect(found.checkpoints.map { $0.files.count } == [2, 4])
            #expect(found.passedOver == [.training: 3])
            for checkpoint in found.checkpoints { _ = try Checkpoint.open(checkpoint.path) }
        }
    }

    @Test func anAdapterHasTheBaseBesideIt() throws {
        let tree: [(String, Content)] = [
            ("adapters/dora", .copy("adapters/dora")), ("adapters/base-of-dora", .copy("gpt2-tiny")), ("alone", .copy("adapters/biased")),
            ("both", .copy("gpt2-tiny")), ("both/adapter_model.safetensors", .copy("adapters/conv1d/adapter_model.safetensors")),
            ("both/adapter_config.json", .copy("adapters/conv1d/adapter_config.json")),
        ]
        try withTree(tree) { folder throws in
            let found = find(folder).checkpoints
            #expect(
                found.map(\.name) == ["adapters/base-of-dora", "adapters/dora", "alone", "both", "both/adapter_model.safetensors"])
            func base(_ name: String) -> String? { found.first { $0.name == name }?.base }
            #expect(base("adapters/dora") == folder + "/adapters/dora/../base-of-dora")
            #expect(base("both/adapter_model.safetensors") == folder + "/both/model.safetensors")
            #expect(base("alone") == nil && base("both") == nil)
            let adapter = try #require(found.first { $0.name == "adapters/dora" })
            #expect(adapter.files.contains { $0.path.hasSuffix("base-of-dora/model.safetensors") })
        }
    }

    @Test func linksAreFollowedOnceAndRealNamesWin() throws {
        let tree: [(String, Content)] = [
            ("z/mlp.pt", .copy("mlp.pt")), ("a-link.pt", .link("z/mlp.pt")), ("b-folder", .link("z")), ("z/up", .link("..")),
            ("dangling.pt", .link("nowhere")), ("outside", .link(Fixtures.path("llama-tiny"))), ("again", .link("outside")),
        ]
        try withTree(tree) { folder throws in
            #expect(try names(folder, opens: false) == ["again", "dangling.pt", "z/mlp.pt"])
            #expect(find(folder).passedOver[.again] == 1)
            try FileManager.default.linkItem(atPath: folder + "/z/mlp.pt", toPath: folder + "/hard.pt")
            #expect(try names(folder, opens: false) == ["again", "dangling.pt", "hard.pt"])
        }
    }

    @Test func snapshotsOfACacheAreNamedByTheirFolders() throws {
        let tree: [(String, Content)] = [
            ("models--x/blobs/0123", .copy("gpt2-tiny/model.safetensors")), ("models--x/blobs/4567", .copy("gpt2-tiny/config.json")),
            ("models--x/snapshots/abc/model.safetensors", .link("../../blobs/0123")),
            ("models--x/snapshots/abc/config.json", .link("../../blobs/4567")),
        ]
        let found = try withTree(tree) { folder throws in try names(folder) }
        #expect(found == ["models--x/snapshots/abc"])
    }

    @Test func patternsSelectNamesAndPruneFolders() throws {
        let tree: [(String, Content)] = [
            ("a/x.pt", .copy("mlp.pt")), ("a/y.safetensors", .copy("mlp.safetensors")), ("b/x.pt", .copy("cnn.pt")),
            ("b/deep/hub", .copy("gpt2-tiny")), ("b/array.npy", .copy("formats/c-order.npy")),
        ]
        try withTree(tree) { folder throws in
            func names(_ included: [String], _ excluded: [String] = []) -> [String] {
                find(folder, .init(included: included, excluded: excluded)).checkpoints.map(\.name)
            }
            #expect(names(["*.pt"]) == ["a/x.pt", "b/x.pt"])
            #expect(names(["b/*"]) == ["b/array.npy", "b/deep/hub", "b/x.pt"])
            #expect(names(["model.safetensors"]) == ["b/deep/hub"])
            #expect(names(["hub", "y.*"]) == ["a/y.safetensors", "b/deep/hub"])
            #expect(names([], ["b"]) == ["a/x.pt", "a/y.safetensors"])
            #expect(names([], ["*.pt", "deep"]) == ["a/y.safetensors"])
            #expect(names(["*.npy"]) == ["b/array.npy"])
            #expect(names(["*.none"]) == [])
        }
    }

    @Test func namesBeginWithThePathsIfThereAreSeveral() throws {
        let tree: [(String, Content)] = [("a/x.pt", .copy("mlp.pt")), ("b/x.pt", .copy("cnn.pt")), ("c.pt", .copy("mlp-legacy.pt"))]
        try withTree(tree) { folder throws in
            let paths = ["\(folder)//a/", "\(folder)/./b", "\(folder)/c.pt", "\(folder)/a/x.pt", "\(folder)/absent.pt"]
            let found = CheckpointDiscovery.find(paths.map { Array($0.utf8) }).checkpoints
            #expect(found.map(\.name) == ["a/x.pt", "absent.pt", "b/x.pt", "c.pt"].map { folder + "/" + $0 })
            #expect(found.first { $0.name.hasSuffix("absent.pt") }?.files.isEmpty == true)
        }
    }

    @Test func namesOfAnyBytesAreFoundAndOpened() throws {
        try withTree([("x.txt", .text("x"))]) { folder throws in
            let strange: [[UInt8]] = [Array("a\nb.pt".utf8), [0x61, 0xFF, 0x2E, 0x70, 0x74], Array("c\\d.pt".utf8)]
            let content = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("mlp.pt")))
            for name in strange {
                let path = Array(folder.utf8) + [0x2F] + name + [0]
                let file = path.withUnsafeBufferPointer { bytes in
                    bytes.withMemoryRebound(to: CChar.self) { fopen($0.baseAddress!, "w") }
                }
                _ = content.withUnsafeBytes { fwrite($0.baseAddress, 1, $0.count, file) }
                fclose(file)
            }
            #expect(try names(folder) == ["a\nb.pt", "a\\xFF.pt", "c\\\\d.pt"])
            let found = find(folder).checkpoints
            for checkpoint in found { #expect(try FoundCheckpoint(line: Array(checkpoint.line.utf8)) == checkpoint) }
        }
    }

    @Test func aFolderThatCannotBeReadIsAProblemAndNotTheEnd() throws {
        try withTree([("a.pt", .copy("mlp.pt"))]) { folder throws in
            // A path that is too long cannot be opened, even by root.
            var descriptor = open(folder, O_RDONLY | O_DIRECTORY)
            for _ in 0..<20 {
                let name = String(repeating: "d", count: 250)
                #expect(mkdirat(descriptor, name, 0o777) == 0)
                let next = openat(descriptor, name, O_RDONLY | O_DIRECTORY)
                close(descriptor)
                descriptor = next
            }
            close(descriptor)
            defer { _ = try? BuiltCommand.shell("rm -rf \"$1\"/d*", folder) }
            let found = find(folder)
            #expect(found.checkpoints.map(\.name) == ["a.pt"])
            #expect(found.unreadable.count == 1 && found.unreadable[0].problem.what == "file name too long")
        }
    }

    @Test func aMissingDirectoryIsAProblem() {
        let found = CheckpointDiscovery.find([Array("/nonexistent/x".utf8)])
        #expect(found.checkpoints.map(\.name) == ["/nonexistent/x"] && found.checkpoints[0].files.isEmpty)
    }
}
