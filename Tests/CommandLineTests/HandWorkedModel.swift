import Foundation
import TestSupport

/// A model whose answers are worked out by hand, in a folder with data and clusters.
///
/// Three layers of three neurons that hand their input on: `fc3` adds [0, 0, 1]. Sample i is 2 in place i and has the label i, so the
/// scores are [2, 0, 1], [0, 2, 1] and [0, 0, 3], all of them right. Without neuron i of `fc2` sample i scores [0, 0, 1], which
/// is class 2. Cluster i of `fc2` is neuron i.
enum HandWorkedModel {
    static let identity: [Float] = [1, 0, 0, 0, 1, 0, 0, 0, 1]

    /// The mean loss: -log softmax of the right score.
    static let loss = (2 * (log(exp(2.0) + 1 + exp(1.0)) - 2) + log(2 + exp(3.0)) - 3) / 3

    static func checkpoint(output: [Float] = identity, bias: [Float] = [0, 0, 1]) throws -> Data {
        try SafetensorsFile.bytes([
            (name: "fc1.weight", shape: [3, 3], values: identity), (name: "fc2.weight", shape: [3, 3], values: identity),
            (name: "fc3.weight", shape: [bias.count, 3], values: output), (name: "fc3.bias", shape: [bias.count], values: bias),
        ])
    }

    /// A convolution of two channels, then a linear layer on 2x2 means of images.
    static func images() throws -> Data {
        try SafetensorsFile.bytes([
            (name: "conv.weight", shape: [2, 1, 3, 3], values: (0..<18).map { Float($0) / 18 }),
            (name: "fc.weight", shape: [3, 8], values: (0..<24).map { Float($0 % 5) }),
        ])
    }

    static func clusters(layer: String = "fc2.weight", out: [Int] = [0, 1, 2], in input: [Int] = [0, 1, 2]) -> String {
        var text = "layer\tside\tindex\tcluster\n"
        for (side, labels) in [("out", out), ("in", input)] {
            for (index, label) in labels.enumerated() { text += "\(layer)\t\(side)\t\(index)\t\(label)\n" }
        }
        return text
    }

    /// Runs a line of shell in a folder with `m.safetensors`, `images.safetensors`, samples `x`, labels `y`, images `pictures` (8x8)
    /// and clusters `c.tsv`; files that are given are there too.
    static func shell(_ line: String, files: [String: Data] = [:]) throws -> CommandResult {
        try TemporaryFolder.with { folder in
            var all = [
                "m.safetensors": try checkpoint(), "images.safetensors": try images(), "c.tsv": Data(clusters().utf8),
                "x": IDXFile.bytes(shape: [3, 3], values: identity.map { 2 * $0 }),
                "y": IDXFile.bytes(shape: [3], values: [0, 1, 2] as [UInt8]),
                "pictures": IDXFile.bytes(shape: [3, 8, 8], values: [UInt8](repeating: 128, count: 192)),
            ]
            all.merge(files) { $1 }
            for (name, data) in all { try data.write(to: URL(fileURLWithPath: folder + "/" + name)) }
            return try BuiltCommand.shell("cd \"$1\" && " + line, folder)
        }
    }
}
