import Foundation
import TestSupport
import Testing

@Suite struct RewiringCommandTests {
    private static let mlp = Fixtures.path("models/mnist-mlp.pt")
    private static let mlpClusters = Fixtures.path("models/mnist-mlp.clusters.tsv")
    private static let mlpData = Fixtures.path("models/mnist-mlp.npz")
    private static let arch = "conv1(padding=1),bn1,relu,maxpool(2),conv2(padding=1,stride=2),relu,maxpool(2),flatten,fc1,relu,fc2,relu,fc3"

    /// The scores of a model on data, from the npy that `eval --logits` writes: its last numbers.
    private func scores(_ checkpoint: String, _ data: String, _ options: [String] = [], in folder: String) throws -> [Float] {
        let path = folder + "/scores.npy"
        let result = try BuiltCommand.run(["eval", checkpoint, "--data", data, "--quiet", "--logits", path] + options)
        try #require(result.status == 0, "\(result.errors)")
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        let header: Int = 10 + Int(bytes[8]) + (Int(bytes[9]) << 8)
        return bytes.withUnsafeBytes { raw in
            stride(from: header, to: raw.count, by: 4).map { Float(bitPattern: raw.loadUnaligned(fromByteOffset: $0, as: UInt32.self)) }
        }
    }

    private func largestDifference(_ a: [Float], _ b: [Float]) -> Float {
        a.count == b.count ? zip(a, b).map { abs($0 - $1) }.max() ?? 0 : .infinity
    }

    @Test func aPermutedPerceptronComputesTheSame() throws {
        try TemporaryFolder.with { folder in
            let made = try BuiltCommand.run(
                "permute", Self.mlp, "--clusters", Self.mlpClusters, "-o", folder + "/p.tar", "--new-clusters", folder + "/p.tsv", "--quiet"
            )
            try #require(made.status == 0, "\(made.errors)")
            let before = try scores(Self.mlp, Self.mlpData, in: folder)
            // Sums of the same numbers in another order: single precision rounds them by some 1e-7 of the largest score.
            let largest = before.map(abs).max() ?? 0
            #expect(largestDifference(before, try scores(folder + "/p.tar", Self.mlpData, in: folder)) < 1e-6 * largest)
            // The score of the clusters is the same, and the new ones are contiguous.
            func score(_ checkpoint: String, _ clusters: String) throws -> String? {
                try BuiltCommand.run("score", checkpoint, "--clusters", clusters, "--format", "tsv", "--quiet").rows.last?.dropFirst(2)
                    .joined(separator: " ")
            }
            let (old, new) = (try score(Self.mlp, Self.mlpClusters), try score(folder + "/p.tar", folder + "/p.tsv"))
            #expect(old != nil && new != nil)
            let labels = try String(contentsOfFile: folder + "/p.tsv", encoding: .utf8).split(separator: "\n").dropFirst().map {
                $0.split(separator: "\t")
            }
            for layer in Set(labels.map { $0[0] }) {
                let out = labels.filter { $0[0] == layer && $0[1] == "out" }.compactMap { Int($0[3]) }
                #expect(out == out.sorted())
            }
        }
    }

    @Test(arguments: ["conv1.weight", "conv2.weight", "fc1.weight", "fc2.weight"]) func aPermutedImageNetworkComputesTheSame(layer: String)
        throws
    {
        try TemporaryFolder.with { folder in
            let model = Fixtures.path("models/cifar-cnn.pt")
            let data = Fixtures.path("models/cifar-cnn.npz")
            let clusters = try BuiltCommand.run("cluster", model, "--layers", layer, "-k", "3", "--quiet")
            let made = try BuiltCommand.run(
                ["permute", model, "--clusters", "-", "--arch", Self.arch, "-o", folder + "/p", "--quiet"], input: clusters.output)
            try #require(made.status == 0, "\(made.errors)")
            // The directory's modinspect.json has the architecture.
            let difference = largestDifference(
                try scores(model, data, ["--arch", Self.arch], in: folder), try scores(folder + "/p", data, in: folder))
            #expect(difference < 1e-5)
        }
    }

    @Test(arguments: ["gpt2-tiny", "pythia-tiny", "llama-tiny"]) func aPermutedLanguageModelComputesTheSame(name: String) throws {
        try TemporaryFolder.with { folder in
            let model = Fixtures.path(name)
            let made = try BuiltCommand.run(
                "permute", model, "--clusters", Fixtures.path(name + ".clusters.tsv"), "-o", folder + "/p", "--quiet")
            try #require(made.status == 0, "\(made.errors)")
            let before = try scores(model, "modadd:13", in: folder)
            #expect(largestDifference(before, try scores(folder + "/p", "modadd:13", in: folder)) < 1e-5)
            #expect(try Data(contentsOf: URL(fileURLWithPath: folder + "/p/model.safetensors")) != Data())
        }
    }

    @Test func whatTheResidualStreamFixesIsRefused() throws {
        let model = Fixtures.path("gpt2-tiny")
        for layer in ["*mlp.c_proj.weight", "*attn.c_attn.weight"] {
            let clusters = try BuiltCommand.run("cluster", model, "--layers", layer, "-k", "2", "--quiet")
            let made = try BuiltCommand.run(["permute", model, "--clusters", "-", "-o", "/dev/shm/none.tar"], input: clusters.output)
            #expect(made.status == 1)
            #expect(made.errors.split(separator: "\n").count == 1, "\(made.errors)")
            #expect(made.errors.contains("residual stream") || made.errors.contains("order that cannot be changed"), "\(made.errors)")
        }
    }

    @Test func anExtractedClusterIsWhatOnLeaves() throws {
        try TemporaryFolder.with { folder in
            let on = try BuiltCommand.run(
                "ablate", Self.mlp, "--clusters", Self.mlpClusters, "--layers", "fc2.weight", "--data", Self.mlpData, "--format", "tsv",
                "--quiet"
            ).rows
            let names = try #require(on.first)
            let (kind, cluster, loss) = (
                try #require(names.firstIndex(of: "intervention")), try #require(names.firstIndex(of: "cluster")),
                try #require(names.firstIndex(of: "loss"))
            )
            for index in 0..<4 {
                let path = folder + "/c\(index).safetensors"
                let made = try BuiltCommand.run(
                    "extract", Self.mlp, "--clusters", Self.mlpClusters, "--layers", "fc2.weight", "--cluster", "\(index)", "-o", path,
                    "--quiet")
                try #require(made.status == 0, "\(made.errors)")
                let run = try BuiltCommand.run("eval", path, "--data", Self.mlpData, "--format", "tsv", "--quiet").rows
                let row = try #require(on.first { $0[kind] == "on" && $0[cluster] == "\(index)" })
                let column = try #require(run[0].firstIndex(of: "loss"))
                let (a, b) = (try #require(Double(row[loss])), try #require(Double(run[1][column])))
                #expect(abs(a - b) < 1e-5 * abs(a), "\(a) \(b)")
                let small = try BuiltCommand.run("info", path, "--format", "tsv").rows
                #expect(small.contains { $0[1] == "fc3.weight" })
            }
        }
    }

    @Test func anExtractedLanguageModelSaysItsWidth() throws {
        try TemporaryFolder.with { folder in
            for name in ["gpt2-tiny", "llama-tiny"] {
                let model = Fixtures.path(name)
                let clusters = try BuiltCommand.run("cluster", model, "--method", "contiguous", "-k", "4", "--quiet")
                let made = try BuiltCommand.run(
                    ["extract", model, "--clusters", "-", "--cluster", "1", "-o", folder + "/" + name, "--quiet"], input: clusters.output)
                try #require(made.status == 0, "\(made.errors)")
                let run = try BuiltCommand.run("eval", folder + "/" + name, "--data", "modadd:13", "--quiet")
                #expect(run.status == 0, "\(run.errors)")
            }
        }
    }

    @Test func clustersThatAreNotThereAreRefused() throws {
        let missing = try BuiltCommand.run(
            "extract", Self.mlp, "--clusters", Self.mlpClusters, "--cluster", "9", "-o", "/dev/shm/none.tar", "--quiet")
        #expect(missing.status == 1)
        #expect(missing.errors.hasSuffix("has no cluster 9, expected 0 to 3\n"), "\(missing.errors)")
    }
}
