import Foundation
import TestSupport
import Testing

/// Tensors that a graph reads in several places, which `make_roles.py` wrote.
@Suite struct GraphRolesTests {
    private func clusters(of layer: String, _ model: String, in folder: String) throws -> String {
        let path = folder + "/clusters.tsv"
        let found = try BuiltCommand.run("cluster", model, "--layers", layer, "-k", "2", "--quiet", "-o", path)
        try #require(found.status == 0, "\(found.errors)")
        return path
    }

    /// What reads the neurons of `first.weight` is read elsewhere too, by neurons that do not move.
    @Test(arguments: ["siamese", "tied", "norms"], [["permute"], ["extract", "--cluster", "0"]])
    func neuronsOfSharedReadersStay(name: String, command: [String]) throws {
        try TemporaryFolder.with { folder in
            let model = Fixtures.path("roles/\(name).pt2")
            let file = try clusters(of: "first.weight", model, in: folder)
            let made = try BuiltCommand.run(command + [model, "--clusters", file, "-o", folder + "/out.tar", "--quiet"])
            #expect(made.status == 1 && made.errors.split(separator: "\n").count == 1, "\(made.errors)")
            #expect(made.errors.contains("is read in several places, which would all have to follow, found site '"), "\(made.errors)")
            #expect(!FileManager.default.fileExists(atPath: folder + "/out.tar"))
        }
    }

    /// Two readings of the same neurons follow them.
    @Test func aLayerThatReadsTheSameNeuronsTwiceFollows() throws {
        try TemporaryFolder.with { folder in
            let model = Fixtures.path("roles/twice.pt2")
            let file = try clusters(of: "first.weight", model, in: folder)
            func logits(_ checkpoint: String) throws -> Data {
                let path = folder + "/logits.npy"
                let run = try BuiltCommand.run(
                    "eval", checkpoint, "--data", Fixtures.path("roles/twice.npz"), "--quiet", "--logits", path)
                try #require(run.status == 0, "\(run.errors)")
                return try Data(contentsOf: URL(fileURLWithPath: path))
            }
            let made = try BuiltCommand.run("permute", model, "--clusters", file, "-o", folder + "/out.tar", "--quiet")
            try #require(made.status == 0, "\(made.errors)")
            let (before, after) = (try logits(model), try logits(folder + "/out.tar"))
            func numbers(_ data: Data) -> [Float] {
                let bytes = [UInt8](data.dropFirst(128))
                return bytes.withUnsafeBytes { raw in
                    stride(from: 0, to: raw.count, by: 4).map { Float(bitPattern: raw.loadUnaligned(fromByteOffset: $0, as: UInt32.self)) }
                }
            }
            let worst = zip(numbers(before), numbers(after)).map { abs($0 - $1) }.max() ?? .infinity
            #expect(worst < 1e-6 && numbers(after).count == 20)
        }
    }

    /// The outputs of a layer that is applied twice are not those of one place; its weights are.
    @Test func aLayerOfSeveralPlacesIsSwitchedByItsWeightsAlone() throws {
        try TemporaryFolder.with { folder in
            let model = Fixtures.path("roles/siamese.pt2")
            let file = try clusters(of: "second.weight", model, in: folder)
            let data = Fixtures.path("roles/siamese.npz")
            let refused = try BuiltCommand.run(
                "ablate", model, "--clusters", file, "--data", data, "--quiet")
            #expect(refused.status == 1, "\(refused.errors)")
            #expect(
                refused.errors.contains(
                    "layer 'second.weight': is read in several places, whose outputs are not the same neurons, expected a layer that is read once"
                ),
                "\(refused.errors)")
            let weights = try BuiltCommand.run(
                "ablate", model, "--clusters", file, "--data", data, "--reading", "weights", "--quiet")
            #expect(weights.status == 0, "\(weights.errors)")
        }
    }

    /// Weights that a decoder reads the other way round have the outputs of both, whatever the format calls the places. PyTorch's newer exporter
    /// stores those of a product a second time.
    @Test(
        arguments: ["pt2", "traced.pt", "script.onnx", "dynamo.onnx"].flatMap { format in
            ["filters", "factors", "summed"].map { (format, $0) }
        }.filter { $0 != ("dynamo.onnx", "factors") })
    func weightsReadInBothDirectionsAreSwitchedByThemselvesAlone(format: String, layer: String) throws {
        try TemporaryFolder.with { folder in
            let model = Fixtures.path("roles/decoder.\(format)")
            let file = try clusters(of: layer + ".weight", model, in: folder)
            let arguments = ["ablate", model, "--clusters", file, "--data", Fixtures.path("roles/decoder.npz"), "--quiet"]
            let refused = try BuiltCommand.run(arguments)
            #expect(refused.status == 1 && refused.errors.split(separator: "\n").count == 1, "\(refused.errors)")
            #expect(refused.errors.contains("layer '\(layer).weight': is read in several places"), "\(refused.errors)")
            let sites = refused.errors.split(separator: "found sites ").last?.split(separator: ", ") ?? []
            #expect(sites.count == 2, "\(refused.errors)")
            let weights = try BuiltCommand.run(arguments + ["--reading", "weights"])
            #expect(weights.status == 0, "\(weights.errors)")
        }
    }

    /// Factors and summands of channels are no layers, whatever their shape: those that are found can all be switched.
    @Test(arguments: ["script", "dynamo"]) func factorsOfChannelsAreNoLayers(exporter: String) throws {
        try TemporaryFolder.with { folder in
            let model = Fixtures.path("roles/lines.\(exporter).onnx")
            let file = folder + "/clusters.tsv"
            let found = try BuiltCommand.run("cluster", model, "--layers", "all", "-k", "2", "--quiet", "-o", file)
            try #require(found.status == 0, "\(found.errors)")
            let lines = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").dropFirst()
            #expect(Set(lines.compactMap { $0.split(separator: "\t").first }) == ["first.weight", "second.weight", "last.weight"])
            let made = try BuiltCommand.run(
                "ablate", model, "--clusters", file, "--data", Fixtures.path("roles/lines.npz"), "--quiet")
            #expect(made.status == 0, "\(made.errors)")
        }
    }
}
