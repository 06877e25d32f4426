import Checkpoints
import Foundation
import TestSupport
import Testing

/// Linear layers on images whose channels come last: their neurons are the last dimension of four (fixtures/make_channels_last.py).
struct ChannelsLastTests {
    private struct Expected: Decodable {
        let intact: Double
        let off: [String: [String: [Double]]]
        let kept: [Double]
        let means: [Double]
        let products: [Double]
    }

    private static let files = ["grid.script.onnx", "grid.dynamo.onnx", "grid.program.pt2", "grid.decomposed.pt2", "grid.traced.pt"]
    /// Without the program that writes all places of all samples one below the other before a layer.
    private static let whole = files.filter { !$0.contains("decomposed") }

    private func path(_ name: String) -> String { Fixtures.path("channels-last/" + name) }

    private func expected() throws -> Expected {
        try JSONDecoder().decode(Expected.self, from: Data(contentsOf: URL(fileURLWithPath: path("expected.json"))))
    }

    /// The losses with each cluster off.
    private func losses(_ file: String, _ options: [String]) throws -> [Double] {
        let result = try BuiltCommand.run(["ablate", "--quiet", "--format", "tsv", path(file)] + options)
        let rows = result.rows
        let column = try #require(rows.first?.firstIndex(of: "loss"), "\(result.errors)")
        let place = try #require(rows.first?.firstIndex(of: "intervention"))
        return try rows.filter { $0[place] == "off" }.map { try #require(Double($0[column])) }
    }

    @Test(arguments: files, ["zero", "mean"]) func clustersOfTheLastDimensionAreSwitchedOff(file: String, fill: String) throws {
        let expected = try expected()
        for layer in ["a", "b"] {
            let found = try losses(
                file,
                [
                    "--data", path("data.npz"), "--clusters", path("clusters.tsv"), "--layers", layer + ".weight", "--fill", fill,
                ])
            let wanted = try #require(expected.off[layer]?[fill])
            #expect(zip(found, wanted).allSatisfy { abs($0 - $1) < 1e-5 } && found.count == 2, "\(layer): \(found), not \(wanted)")
            #expect(wanted.allSatisfy { abs($0 - expected.intact) > 1e-3 })
        }
    }

    @Test(arguments: whole) func meansOfClustersAreThoseOfTheirChannels(file: String) throws {
        let result = try BuiltCommand.run(
            "record", "--quiet", path(file), "--data", path("data.npz"), "--by", "cluster", "--clusters", path("clusters.tsv"), "--layers",
            "a.weight", "--format", "tsv")
        let rows = result.rows
        let column = try #require(rows.first?.firstIndex(of: "mean"), "\(result.errors)")
        let found = rows.dropFirst().compactMap { Double($0[column]) }
        let wanted = try expected().means
        #expect(found.count == 2 && zip(found, wanted).allSatisfy { abs($0 - $1) < 1e-5 }, "\(found), not \(wanted)")
    }

    @Test(arguments: whole) func oneNeuronIsRecordedAtAllPlaces(file: String) throws {
        try TemporaryFolder.with { folder in
            let info = try BuiltCommand.run("info", "--quiet", "--format", "json", path(file))
            let document = try JSONSerialization.jsonObject(with: info.output) as? [String: Any]
            let sites = ((document?["checkpoints"] as? [[String: Any]])?.first?["sites"] as? [[String: Any]]) ?? []
            let site = try #require(sites.compactMap { $0["site"] as? String }.first { $0.lowercased().hasSuffix("gelu") })
            let result = try BuiltCommand.run(
                "record", "--quiet", path(file), "--data", path("data.npz"), "--sites", "\(site),\(site).5", "-o", folder + "/r.npz")
            try #require(result.status == 0, "\(result.errors)")
            let whole = try #require(try Checkpoint.open(folder + "/r.npz")[site])
            let neuron = try #require(try Checkpoint.open(folder + "/r.npz")[site + ".5"])
            #expect(whole.shape == [12, 8, 8, 8] && neuron.shape == [12, 8, 8])
            let all = whole.doubles()
            #expect(neuron.doubles().enumerated().allSatisfy { all[$0.offset * 8 + 5] == $0.element })
        }
    }

    /// The graph is one of whole layers, so that the piece is a network in words.
    @Test(arguments: whole) func aPieceOfAGraphIsANetworkInWords(file: String) throws {
        try TemporaryFolder.with { folder in
            let made = try BuiltCommand.run(
                "extract", "--quiet", path(file), "--clusters", path("clusters.tsv"), "--layers", "a.weight", "--cluster", "0", "-o",
                folder + "/piece.tar")
            try #require(made.status == 0, "\(made.errors)")
            #expect(try Checkpoint.open(folder + "/piece.tar").tensors.contains { $0.shape.sorted() == [4, 4] })
            let run = try BuiltCommand.run(
                "eval", "--quiet", folder + "/piece.tar", "--data", path("data.npz"), "--logits", folder + "/p.npy")
            try #require(run.status == 0, "\(run.errors)")
            let found = try #require(try Checkpoint.open(folder + "/p.npy").tensors.first).doubles()
            let wanted = try expected().kept
            #expect(found.count == wanted.count && zip(found, wanted).allSatisfy { abs($0 - $1) < 1e-5 })
        }
    }

    /// A bias that something else reads too is not the product's: the site holds the products alone.
    @Test func aSharedBiasIsNotAPartOfALayer() throws {
        let found = try losses(
            "sae.onnx",
            ["--data", path("sae.npz"), "--task", "reconstruction", "--clusters", path("sae.tsv"), "--layers", "d.weight"])
        let wanted = try expected().products
        #expect(found.count == 2 && zip(found, wanted).allSatisfy { abs($0 - $1) < 1e-5 }, "\(found), not \(wanted)")
    }
}
