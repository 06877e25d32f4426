import Foundation
import TestSupport
import Testing

/// Weights that are one tensor under several names, in files that `make_ties.py` wrote, against PyTorch, in which they are one parameter.
@Suite struct TiedWeightsTests {
    static let formats = ["pt", "hf.safetensors", "ts", "scripted.ts", "pt2", "script.onnx", "dynamo.onnx"]
    static let files = ["pair", "module"].flatMap { model in formats.map { "\(model).\($0)" } }
    private static let names = ["pair": ["a.weight", "b.weight"], "module": ["z.weight", "a.weight"]]
    private static let words = ["pair": "a,relu,b,relu,c", "module": "z,relu,a,relu,last"]

    /// What PyTorch computed.
    private func expected(_ model: String, _ key: String) throws -> Double {
        let data = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("ties/expected.json")))
        let all = try #require(JSONSerialization.jsonObject(with: data) as? [String: [String: Double]])
        return try #require(all[model]?[key])
    }

    private func model(_ file: String) -> String { String(file.prefix { $0 != "." }) }

    private func data(_ file: String) -> String { Fixtures.path("ties/\(model(file)).\(model(file) == "tokens" ? "npy" : "npz")") }

    /// The words of a network whose file has no graph.
    private func words(_ file: String) -> [String] {
        guard file.hasSuffix("module.pt") || file.hasSuffix(".hf.safetensors") || file.hasSuffix("pair.pt") else { return [] }
        return Self.words[model(file)].map { ["--arch", $0] } ?? []
    }

    private func run(_ arguments: [String], input: String = "") throws -> String {
        let result = try BuiltCommand.run(arguments, input: Data(input.utf8))
        try #require(result.status == 0, "\(arguments): \(result.errors)")
        return result.text
    }

    private func loss(_ path: String, _ file: String, _ words: [String] = []) throws -> Double {
        let result = try BuiltCommand.run(["eval", path, "--data", data(file), "--format", "json"] + words)
        try #require(result.status == 0, "\(path): \(result.errors)")
        #expect(!result.errors.contains("does not read"), "\(path): \(result.errors)")
        let document = try #require(JSONSerialization.jsonObject(with: result.output) as? [String: Any])
        let checkpoints = try #require(document["checkpoints"] as? [[String: Any]])
        return try #require(checkpoints.first?["loss"] as? Double)
    }

    private func stepped(_ file: String, to path: String, _ words: [String]) throws {
        _ = try run(
            [
                "finetune", Fixtures.path("ties/" + file), "--data", data(file), "--optimizer", "sgd", "--lr", "0.1", "--steps", "1",
                "--full-batch", "--lambda", "0", "-o", path, "--quiet",
            ] + words)
    }

    /// Training adds the gradients of all places where a weight is read, and what is written is tied again.
    @Test(arguments: files + formats.dropFirst(2).filter { $0 != "scripted.ts" }.map { "tokens.\($0)" })
    func oneStepIsThatOfOneParameter(file: String) throws {
        let source = Fixtures.path("ties/" + file)
        #expect(abs(try loss(source, file, words(file)) - expected(model(file), "loss")) < 2e-6)
        try TemporaryFolder.with { folder in
            for name in ["m.tar", "m.safetensors", "m", "m.onnx"] {
                let path = folder + "/" + name
                try stepped(file, to: path, words(file))
                // A single file has no place for a graph, and a number for each mask no words.
                if file.hasPrefix("tokens"), name == "m.safetensors" { continue }
                #expect(abs(try loss(path, file) - expected(model(file), "stepped")) < 2e-6, "\(name)")
                guard var names = Self.names[model(file)], !file.hasSuffix("onnx"), name != "m.onnx" else { continue }
                // safetensors keeps the name that is first in the alphabet.
                if file.hasSuffix("hf.safetensors") { names.sort() }
                #expect(try run(["info", path, "--quiet"]).contains("tied        \(names.joined(separator: " = "))"), "\(name)")
            }
        }
    }

    /// A second step from what the first has written is a step of the same parameter.
    @Test(arguments: ["pair.pt2", "pair.pt", "tokens.ts", "tokens.script.onnx"]) func writtenFilesAreTrainedAsTiedOnes(file: String) throws
    {
        try TemporaryFolder.with { folder in
            func twice(_ middle: String) throws -> Double {
                try stepped(file, to: folder + "/" + middle, words(file))
                _ = try run([
                    "finetune", folder + "/" + middle, "--data", data(file), "--optimizer", "sgd", "--lr", "0.1", "--steps", "1",
                    "--full-batch", "--lambda", "0", "-o", folder + "/" + middle + ".end.tar", "--quiet",
                ])
                return try loss(folder + "/" + middle + ".end.tar", file)
            }
            let first = try twice("m.tar")
            #expect(try twice("d") == first)
            #expect(abs(try twice("m.onnx") - first) < 2e-6)
        }
    }

    /// Whatever name is used, the results are the same.
    @Test(arguments: files.filter { !$0.hasSuffix("onnx") }) func everyNameIsTheSameLayer(file: String) throws {
        let source = Fixtures.path("ties/" + file)
        let names = try #require(Self.names[model(file)])
        let arch = words(file)
        var results: [String: Set<String>] = [:]
        try TemporaryFolder.with { folder in
            for (place, name) in names.enumerated() {
                let found = try run(["cluster", source, "--layers", name, "-k", "2", "--quiet"])
                results["score", default: []].insert(try run(["score", source, "--layers", name, "--format", "tsv", "--quiet"]))
                results["cluster", default: []].insert(found)
                let rows = found.split(separator: "\n").map { $0.split(separator: "\t", omittingEmptySubsequences: false) }
                let own = try #require(rows.last?.first)
                let renamed = found.replacingOccurrences(of: own, with: name)
                let ablate = ["ablate", source, "--clusters", "-", "--data", data(file), "--format", "tsv", "--quiet"] + arch
                results["ablate", default: []].insert(try run(ablate + ["--reading", "weights"], input: renamed))
                let refused = try BuiltCommand.run(ablate, input: Data(renamed.utf8))
                #expect(refused.status == 1 && refused.errors.contains("is read in several places"), "\(refused.errors)")
                for command in [["permute"], ["extract", "--cluster", "0"]] {
                    let result = try BuiltCommand.run(
                        command + [source, "--clusters", "-", "-o", folder + "/out.tar", "--quiet"] + arch, input: Data(renamed.utf8))
                    #expect(result.status == 1 && result.errors.contains("is read in several places"), "\(result.errors)")
                }
                let tuned = folder + "/\(place).tar"
                _ = try run(
                    ["finetune", source, "--data", data(file), "--layers", name, "--steps", "2", "--seed", "1", "-o", tuned, "--quiet"]
                        + arch)
                results["finetune", default: []].insert("\(try loss(tuned, file))")
                let frozen = try BuiltCommand.run(
                    [
                        "finetune", source, "--data", data(file), "--only", name, "--steps", "1", "-o", folder + "/\(place).only.tar",
                        "--quiet",
                    ]
                        + arch)
                #expect(frozen.status == 0, "\(frozen.errors)")
                let circuit = try run(
                    ["circuit", source, "--method", "prune", "--data", data(file), "--layers", name, "--format", "tsv", "--quiet"] + arch)
                results["circuit", default: []].insert(circuit)
                _ = try run(
                    ["report", source, "--data", data(file), "--layers", name, "-o", folder + "/\(place).html", "--quiet"] + arch)
            }
        }
        for (command, found) in results { #expect(found.count == 1, "\(command): \(found)") }
    }

    /// The rows and columns of a shared layer are off wherever it is applied.
    @Test(arguments: files.filter { !$0.hasSuffix("onnx") }) func sharedRowsAreOffEverywhere(file: String) throws {
        let names = try #require(Self.names[model(file)])
        var rows = "layer\tside\tindex\tcluster\n"
        for side in ["out", "in"] { for index in 0..<6 { rows += "\(names[1])\t\(side)\t\(index)\t\(index < 3 ? 0 : 1)\n" } }
        let table = try run(
            [
                "ablate", Fixtures.path("ties/" + file), "--clusters", "-", "--data", data(file), "--reading", "weights", "--format", "tsv",
                "--quiet",
            ] + words(file), input: rows
        ).split(separator: "\n").map { $0.split(separator: "\t", omittingEmptySubsequences: false) }
        let column = try #require(table.first?.firstIndex(of: "loss"))
        let off = try #require(table.first { $0.contains("off") && $0.contains("0") })
        #expect(abs(try #require(Double(off[column])) - expected(model(file), "cut")) < 2e-6)
    }

    /// A tied file whose copies were changed since is not tied any more.
    @Test func changedCopiesAreTensorsOfTheirOwn() throws {
        try TemporaryFolder.with { folder in
            let path = folder + "/m.safetensors"
            try stepped("pair.pt2", to: path, [])
            #expect(try run(["info", path, "--quiet"]).contains("tied        a.weight = b.weight"))
            var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
            // The last tensor's last number: some copy, or a bias, differs.
            let header = String(decoding: bytes.prefix(2000), as: UTF8.self)
            let place = try #require(header.range(of: "\"b.weight\":{"))
            let offsets = header[place.upperBound...].components(separatedBy: "\"data_offsets\":[")[1].prefix { $0 != "," }
            let length = bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
            bytes[8 + length + (try #require(Int(offsets)))] ^= 1
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            #expect(!(try run(["info", path, "--quiet"]).contains("tied")))
        }
    }
}
