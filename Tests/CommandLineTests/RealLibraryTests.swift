import Checkpoints
import Foundation
import Networks
import Tensors
import TestSupport
import Testing

/// A Python with the libraries that read checkpoints.
private enum PythonLibraries {
    /// The interpreter named in the environment, or else `python3` if it has the libraries.
    static let interpreter: String? = {
        if let named = ProcessInfo.processInfo.environment["MODINSPECT_PYTHON"], !named.isEmpty { return named }
        let hasLibraries =
            try? BuiltCommand.shell("python3 -c 'import torch, safetensors, transformers, onnxruntime' 2>/dev/null").status == 0
        return hasLibraries == true ? "python3" : nil
    }()
}

/// Our files, loaded by PyTorch, safetensors and transformers if the machine has them: `fixtures/read_written.py` runs the models.
@Suite(
    .enabled(
        if: PythonLibraries.interpreter != nil,
        "needs a Python with torch, safetensors, transformers and onnxruntime; MODINSPECT_PYTHON names one")
)
struct RealLibraryTests {
    private enum Kind: String {
        case mlp, transformer, onnx, graph
    }

    private static let mlpData = Fixtures.path("models/mnist-mlp.npz")
    private static let forms = ["m.tar", "m.safetensors", "m"]

    /// The scores that the libraries find in several checkpoints.
    private func libraryScores(_ kind: Kind, _ paths: [String], in folder: String) throws -> [[Double]] {
        let targets = paths.indices.map { folder + "/scores\($0).raw" }
        let arguments = zip(paths, targets).flatMap { [kind.rawValue, $0, $1] }
        let run = try BuiltCommand.shell(
            "script=$1; python=$2; shift 2; \"$python\" \"$script\" \"$@\"",
            [Fixtures.path("read_written.py"), PythonLibraries.interpreter ?? "python3"] + arguments)
        try #require(run.status == 0, "\(run.errors)")
        return try targets.map { target in
            try Data(contentsOf: URL(fileURLWithPath: target)).withUnsafeBytes { raw in
                stride(from: 0, to: raw.count, by: 8).map { raw.loadUnaligned(fromByteOffset: $0, as: Double.self) }
            }
        }
    }

    /// Ours, for the same samples.
    private func ownScores(_ kind: Kind, _ path: String, in folder: String) throws -> [Double] {
        let data = kind == .mlp ? [Self.mlpData, "--limit", "20"] : ["modadd:5"]
        let target = folder + "/scores.npy"
        let run = try BuiltCommand.run(["eval", path, "--quiet", "--logits", target, "--data"] + data)
        try #require(run.status == 0, "\(run.errors)")
        let bytes = try Data(contentsOf: URL(fileURLWithPath: target))
        let header = 10 + Int(bytes[8]) + Int(bytes[9]) << 8
        return bytes.withUnsafeBytes { raw in
            stride(from: header, to: raw.count, by: 4).map { Double(raw.loadUnaligned(fromByteOffset: $0, as: Float.self)) }
        }
    }

    /// The largest difference, relative to the largest score.
    private func difference(_ a: [Double], _ b: [Double]) -> Double {
        guard a.count == b.count, !a.isEmpty else { return .infinity }
        return (zip(a, b).map { abs($0 - $1) }.max() ?? 0) / (b.map(abs).max() ?? 1)
    }

    /// Writes a checkpoint in each form with the command, and expects the libraries to compute what we do: ours in single precision.
    ///
    /// - Parameter original: a checkpoint from which the libraries must compute the same.
    private func expectLoadable(
        _ kind: Kind, in folder: String, same original: String? = nil, _ make: (_ output: String) throws -> CommandResult
    ) throws {
        let paths = Self.forms.map { folder + "/" + $0 }
        for path in paths {
            let made = try make(path)
            try #require(made.status == 0, "\(path): \(made.errors)")
        }
        let found = try libraryScores(kind, paths + (original.map { [$0] } ?? []), in: folder)
        for (path, scores) in zip(paths, found) {
            #expect(scores == found[0], "\(path)")
            #expect(difference(try ownScores(kind, path, in: folder), scores) < 1e-5, "\(path)")
        }
        // In double precision only the order of additions differs, and what the library itself computes in single precision: rotary angles.
        if original != nil { #expect(difference(found[0], found[paths.count]) < 1e-6) }
    }

    private static let mlpClusters = Fixtures.path("models/mnist-mlp.clusters.tsv")
    private static let mlp = Fixtures.path("models/mnist-mlp.pt")

    @Test func aFreshPerceptronLoads() throws {
        try TemporaryFolder.with { folder in
            try expectLoadable(.mlp, in: folder) { try BuiltCommand.run("init", "mlp:784-32-16-10", "--seed", "3", "-o", $0) }
        }
    }

    @Test func aPermutedPerceptronLoadsAndComputesTheSame() throws {
        try TemporaryFolder.with { folder in
            let original = folder + "/original"
            try CheckpointWriter(path: original).write(CheckpointDraft(Checkpoint.open(Self.mlp)))
            try expectLoadable(.mlp, in: folder, same: original) {
                try BuiltCommand.run("permute", Self.mlp, "--quiet", "--clusters", Self.mlpClusters, "-o", $0)
            }
        }
    }

    @Test func anExtractedPerceptronLoads() throws {
        try TemporaryFolder.with { folder in
            try expectLoadable(.mlp, in: folder) {
                try BuiltCommand.run("extract", Self.mlp, "--quiet", "--clusters", Self.mlpClusters, "--cluster", "2", "-o", $0)
            }
        }
    }

    @Test func aFreshLanguageModelLoads() throws {
        try TemporaryFolder.with { folder in
            try expectLoadable(.transformer, in: folder) { try BuiltCommand.run("init", Fixtures.path("gpt2-tiny/config.json"), "-o", $0) }
        }
    }

    @Test(arguments: ["gpt2-tiny", "pythia-tiny", "llama-tiny"]) func aPermutedLanguageModelLoadsAndComputesTheSame(name: String) throws {
        try TemporaryFolder.with { folder in
            try expectLoadable(.transformer, in: folder, same: Fixtures.path(name)) {
                try BuiltCommand.run(
                    "permute", Fixtures.path(name), "--quiet", "--clusters", Fixtures.path(name + ".clusters.tsv"), "-o", $0)
            }
        }
    }

    @Test(arguments: ["gpt2-tiny", "pythia-tiny", "llama-tiny"]) func anExtractedLanguageModelLoads(name: String) throws {
        try TemporaryFolder.with { folder in
            let clusters = folder + "/clusters.tsv"
            let found = try BuiltCommand.run("cluster", Fixtures.path(name), "--method", "contiguous", "-k", "4", "--quiet", "-o", clusters)
            try #require(found.status == 0, "\(found.errors)")
            try expectLoadable(.transformer, in: folder) {
                try BuiltCommand.run("extract", Fixtures.path(name), "--quiet", "--clusters", clusters, "--cluster", "1", "-o", $0)
            }
        }
    }

    /// With shards joined and half precision widened, the libraries compute the same from it as from the original.
    @Test(arguments: ["gpt2-tiny", "pythia-tiny", "llama-tiny"]) func aConvertedLanguageModelLoadsAndComputesTheSame(name: String) throws {
        try TemporaryFolder.with { folder in
            for dtype in [[], ["--dtype", "f32"]] {
                try expectLoadable(.transformer, in: folder, same: Fixtures.path(name)) {
                    try BuiltCommand.run(["convert", Fixtures.path(name), "--quiet", "--force", "-o", $0] + dtype)
                }
            }
        }
    }

    /// onnxruntime computes from every graph what it computes from the one written of it, names of classes and whole numbers too.
    @Test func aGraphThatWasWrittenComputesTheSame() throws {
        let names = ["onnx", "onnx/anatomy", "containers/onnx"].flatMap { folder in
            let files = (try? FileManager.default.contentsOfDirectory(atPath: Fixtures.path(folder))) ?? []
            return files.filter { $0.hasSuffix(".onnx") }.map { "\(folder)/\($0)" }.sorted()
        }
        // They are not made to run: values without a maker, and types that are not read.
        let others = ["containers/onnx/external.onnx", "containers/onnx/types.onnx", "containers/onnx/uses.onnx"]
        let graphs = names.filter { !others.contains($0) }
        #expect(graphs.count == names.count - others.count && graphs.count > 40)
        try TemporaryFolder.with { folder in
            let written = try graphs.enumerated().map { place, name in
                let (kept, path) = ("\(folder)/kept\(place).tar", "\(folder)/\(place).onnx")
                for (source, target) in [(Fixtures.path(name), kept), (kept, path)] {
                    let run = try BuiltCommand.run("convert", source, "--quiet", "-o", target)
                    try #require(run.status == 0, "\(run.errors)")
                }
                return path
            }
            let own = try libraryScores(.onnx, graphs.map { Fixtures.path($0) }, in: folder)
            let found = try libraryScores(.onnx, written, in: folder)
            for (name, (found, own)) in zip(graphs, zip(found, own)) {
                let isSame = zip(found, own).allSatisfy { $0 == $1 || $0.isNaN && $1.isNaN }
                #expect(isSame && found.count == own.count && !found.isEmpty, "\(name)")
            }
        }
    }

    /// onnxruntime computes from the ONNX of a program, of a script and of a chain in words what PyTorch computed of the model.
    @Test func programsThatAreWrittenAsGraphsComputeWhatPyTorchDid() throws {
        let folder = Fixtures.path("graphs")
        let files = try ["", "operators/"].flatMap { part in
            try FileManager.default.contentsOfDirectory(atPath: folder + "/" + part).filter { $0.hasSuffix(".pt2") || $0.hasSuffix(".pt") }
                .sorted().map { part + $0 }
        }
        var cases: [(file: String, values: String)] = []
        for file in files {
            let stem = String(file.prefix { $0 != "." })
            let model = stem.split(separator: "-").last ?? ""
            let isOfOperators = file.hasPrefix("operators/")
            let values =
                isOfOperators ? String(stem.dropLast(model.count + 1)) : file.hasSuffix(".pt2") ? stem : "script-\(model)"
            // Others are not made to run.
            guard FileManager.default.fileExists(atPath: folder + "/" + values + ".safetensors"),
                (try? LoadedModel(Checkpoint.open(folder + "/" + file))) != nil
            else { continue }
            cases.append((file, values))
        }
        #expect(cases.count > 50, "\(cases.map(\.file))")
        try TemporaryFolder.with { target in
            let written = try cases.map { file, _ in
                let path = target + "/" + file.split(separator: "/").joined(separator: "-") + ".onnx"
                let run = try BuiltCommand.run("convert", folder + "/" + file, "--quiet", "-o", path)
                try #require(run.status == 0, "\(run.errors)")
                return path
            }
            let samples = cases.map { folder + "/" + $0.values + ".safetensors" }
            let found = try libraryScores(.graph, zip(written, samples).map { $0 + "=" + $1 }, in: target)
            for ((file, values), scores) in zip(cases, found) {
                let expected = try #require(try Checkpoint.open(folder + "/" + values + ".safetensors")["output"]).floats().map(Double.init)
                #expect(difference(scores, expected) < 1e-5, "\(file)")
            }
        }
    }

    /// Pools to a size, of images whose sizes it divides and others, in words; the size of the images is given or left open.
    @Test(arguments: [("2", [6, 8]), ("2x3", [7, 8]), ("3", [4, 4]), ("5x7", [3, 2])]) func poolsToASizeAreWritten(
        size: String, images: [Int]
    ) throws {
        try TemporaryFolder.with { folder in
            let (tensors, target, data) = (folder + "/m.safetensors", folder + "/m.onnx", folder + "/x.safetensors")
            let random = (0..<(2 * 2 * images[0] * images[1])).map { Float(($0 * 7919) % 101) / 50 - 1 }
            let filters = (0..<18).map { Float(($0 * 31) % 17) / 9 - 1 }
            try SafetensorsFile.bytes([("conv.weight", [3, 2, 1, 3], filters), ("conv.bias", [3], [0.1, -0.2, 0.3])])
                .write(to: URL(fileURLWithPath: tensors))
            try SafetensorsFile.bytes([("input", [2, 2] + images, random)]).write(to: URL(fileURLWithPath: data))
            let words = "conv(padding=0x1),relu,adaptiveavgpool(\(size)),flatten"
            let run = try BuiltCommand.run("convert", tensors, "--quiet", "--arch", words, "-o", target)
            try #require(run.status == 0, "\(run.errors)")
            let network = try Chain.network(of: Checkpoint.open(tensors), Architecture(words))
            let batch = Batch.values(Tensor(shape: [2, 2] + images, random))
            let executor = try Executor(network, batch: batch.shape, request: RunRequest(recorded: [network.output]), team: Team(size: 1))
            let own = try #require(executor.run(batch)[network.output]).elements.map(Double.init)
            let found = try libraryScores(.graph, [target + "=" + data], in: folder)
            #expect(difference(found[0], own) < 1e-5)
        }
    }

    /// onnxruntime loads pools whose last window would start in the padding, and computes what it computes of PyTorch's own export.
    @Test func poolsThatAreRoundedUpLoad() throws {
        try TemporaryFolder.with { folder in
            let run = try BuiltCommand.run("convert", Fixtures.path("graphs/program-rounded.pt2"), "--quiet", "-o", "\(folder)/m.onnx")
            try #require(run.status == 0, "\(run.errors)")
            let scores = try libraryScores(.onnx, ["\(folder)/m.onnx", Fixtures.path("onnx/rounded-dynamo.onnx")], in: folder)
            #expect(scores[0].count == 12 && zip(scores[0], scores[1]).allSatisfy { abs($0 - $1) < 1e-5 })
        }
    }

    /// The names, types, settings and ties of merged adapters are those with which the library finds every tensor and no other.
    @Test(arguments: [
        ("patterns", "llama"), ("untied", "llama-tied"), ("tied", "llama-tied"), ("input-only", "llama-tied"), ("conv1d", "gpt2"),
    ])
    func aMergedAdapterLoads(name: String, base: String) throws {
        try TemporaryFolder.with { folder in
            try expectLoadable(.transformer, in: folder) {
                try BuiltCommand.run(
                    "convert", Fixtures.path("adapters/\(name)"), "--base", Fixtures.path("transformers/\(base)"), "--quiet", "-o", $0)
            }
        }
    }

    /// New numbers for every tensor, in every type, as training would write them.
    @Test(arguments: ["gpt2-tiny", "pythia-tiny", "llama-tiny"]) func aChangedLanguageModelLoads(name: String) throws {
        try TemporaryFolder.with { folder in
            let checkpoint = try Checkpoint.open(Fixtures.path(name))
            let values = checkpoint.tensors.filter { $0.dtype.isFloatingPoint }.map { record in
                (record.name, Tensor(shape: record.shape, record.floats().map { $0 * 1.25 }))
            }
            var paths: [String] = []
            for (type, dtype) in [("own", nil), ("bf16", DType.bf16), ("f16", .f16), ("f32", .f32)] {
                let draft = CheckpointDraft(checkpoint, replacing: Dictionary(uniqueKeysWithValues: values), dtype: dtype)
                for form in [".tar", ".safetensors", ""] {
                    paths.append(folder + "/" + type + form)
                    try CheckpointWriter(path: folder + "/" + type + form).write(draft)
                }
            }
            let found = try libraryScores(.transformer, paths + [Fixtures.path(name)], in: folder)
            for (place, path) in paths.enumerated() {
                #expect(found[place] == found[place / 3 * 3], "\(path)")
                #expect(difference(try ownScores(.transformer, path, in: folder), found[place]) < 1e-5, "\(path)")
                #expect(difference(found[place], found[paths.count]) > 1e-3, "\(path)")
            }
        }
    }
}
