import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

/// `extract` where switched-off neurons still have an output: after sigmoid and batch norm.
@Suite struct SilencedNeuronsTests {
    private struct Expected: Decodable {
        let loss: Double
        let scores: [Double]
    }

    private static let cases: [(name: String, model: String, arch: String, layers: String)] = [
        ("mnist-mlp fc2", "mnist-mlp", "fc1,sigmoid,fc2,sigmoid,fc3,sigmoid,fc4", "fc2.weight"),
        ("mnist-mlp fc2 fc3", "mnist-mlp", "fc1,sigmoid,fc2,sigmoid,fc3,sigmoid,fc4", "fc2.weight,fc3.weight"),
        (
            "cifar-cnn conv1", "cifar-cnn", "conv1(padding=1),bn1,relu,avgpool(2),conv2,relu,maxpool(3),flatten,fc1,relu,fc2,relu,fc3",
            "conv1.weight"
        ),
    ]

    /// PyTorch with the other clusters' outputs set to 0 (`make_extraction.py`), and where one layer is clustered `ablate` too.
    @Test(arguments: cases) func thePieceIsWhatPyTorchAndAblateLeaveOn(_ which: (name: String, model: String, arch: String, layers: String))
        throws
    {
        let all = try JSONDecoder().decode(
            [String: [Expected]].self, from: Data(contentsOf: URL(fileURLWithPath: Fixtures.path("expected/extraction.json"))))
        let expected = try #require(all[which.name])
        let (model, data) = (Fixtures.path("models/\(which.model).pt"), Fixtures.path("models/\(which.model).npz"))
        try TemporaryFolder.with { folder in
            let clusters = folder + "/clusters.tsv"
            let made = try BuiltCommand.run("cluster", model, "--method", "contiguous", "--layers", which.layers, "-o", clusters)
            try #require(made.status == 0, "\(made.errors)")
            let ablated = try BuiltCommand.run(
                "ablate", model, "--arch", which.arch, "--clusters", clusters, "--data", data, "--format", "tsv", "--quiet"
            ).rows
            let names = try #require(ablated.first)
            let columns = ["intervention", "cluster", "loss", "class"].map { name in (name, names.firstIndex(of: name)) }.reduce(
                into: [String: Int]()
            ) {
                $0[$1.0] = $1.1
            }
            for (cluster, wanted) in expected.enumerated() {
                let piece = folder + "/piece\(cluster)"
                let extracted = try BuiltCommand.run(
                    "extract", model, "--arch", which.arch, "--clusters", clusters, "--cluster", "\(cluster)", "-o", piece, "--quiet")
                try #require(extracted.status == 0, "\(extracted.errors)")
                let run = try BuiltCommand.run("eval", piece, "--data", data, "--format", "tsv", "--logits", folder + "/s.npy")
                let loss = try #require(run.rows.count > 1 ? Double(run.rows[1][5]) : nil, "\(run.errors)")
                #expect(abs(loss - wanted.loss) < 1e-5 * wanted.loss)
                let bytes = try Data(contentsOf: URL(fileURLWithPath: folder + "/s.npy"))
                let scale = wanted.scores.map(abs).max() ?? 1
                for (place, score) in wanted.scores.enumerated() {
                    let found = bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: 128 + 4 * place, as: Float.self) }
                    #expect(abs(Double(found) - score) < 1e-5 * scale)
                }
                guard !which.layers.contains(","), let kind = columns["intervention"], let number = columns["cluster"],
                    let column = columns["loss"]
                else {
                    continue
                }
                let row = try #require(ablated.first { $0[kind] == "on" && $0[number] == "\(cluster)" })
                #expect(abs(try #require(Double(row[column])) - loss) < 1e-5 * loss)
            }
        }
    }

    private func extraction(_ arch: String, _ checkpoint: String = Fixtures.path("models/cifar-cnn.pt"), layer: String) throws
        -> CommandResult
    {
        try BuiltCommand.shell(
            "\"$M\" cluster \"$1\" --layers $2 --method contiguous | \"$M\" extract \"$1\" --arch \"$3\" --clusters - --cluster 0 --quiet -o - | wc -c",
            checkpoint, layer, arch)
    }

    /// With zero padding, what such a neuron outputs differs at the border of the image.
    @Test func whatDependsOnThePlaceIsRefused() throws {
        let padded = try extraction(
            "conv1(padding=1),bn1,relu,maxpool(2),conv2(padding=1,stride=2),relu,maxpool(2),flatten,fc1,relu,fc2,relu,fc3",
            layer: "conv1.weight")
        #expect(padded.text.hasPrefix("0"))
        #expect(
            padded.errors.hasSuffix(
                "site 'conv2': pads with zeros what switched-off neurons say, so that it differs at the border: removing them changes the function\n"
            ), "\(padded.errors)")
        let pooled = try extraction(
            "conv1(padding=1),bn1,relu,avgpool(2,padding=1),conv2,relu,maxpool(3),flatten,fc1,relu,fc2,relu,fc3", layer: "conv1.weight")
        #expect(pooled.errors.contains("averages what switched-off neurons say with zeros around the image"), "\(pooled.errors)")
    }

    @Test func aReaderWithoutABiasIsRefused() throws {
        try TemporaryFolder.with { folder in
            func tensor(_ name: String, _ shape: [Int]) -> CheckpointDraft.Tensor {
                .init(name: name, dtype: .f32, shape: shape) { Tensor(shape: shape, (0..<shape.reduce(1, *)).map { Float($0) - 3 }) }
            }
            let path = folder + "/m.safetensors"
            try CheckpointWriter(path: path).write(
                CheckpointDraft(tensors: [tensor("a.weight", [8, 5]), tensor("b.weight", [6, 8]), tensor("c.weight", [2, 6])]))
            let speaking = try extraction("a,sigmoid,b,relu,c", path, layer: "a.weight")
            #expect(speaking.text.hasPrefix("0"))
            #expect(
                speaking.errors.contains("site 'b': has no bias that could absorb the output of switched-off neurons"), "\(speaking.errors)"
            )
            // After relu there is nothing to absorb.
            let silent = try extraction("a,relu,b,relu,c", path, layer: "a.weight")
            #expect(silent.errors.isEmpty && !silent.text.hasPrefix("0"), "\(silent.errors)")
        }
    }
}
