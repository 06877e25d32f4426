import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

@testable import Networks

/// The embedding of a sentence as a folder of sentence-transformers describes it.
struct SentencePoolingTests {
    /// - Parameters:
    ///   - modules: the types of modules.json with their folders; nil for none.
    ///   - path: of the weights that are opened, in the folder; nil for the folder.
    private func network(pooling: [String: Any]?, modules: [(String, String)]? = nil, path: String? = nil) throws -> Network {
        try TemporaryFolder.with { folder in
            for name in ["config.json", "model.safetensors"] {
                try FileManager.default.copyItem(atPath: Fixtures.path("transformers/bert/" + name), toPath: folder + "/" + name)
            }
            if let pooling {
                try FileManager.default.createDirectory(atPath: folder + "/1_Pooling", withIntermediateDirectories: true)
                try JSONSerialization.data(withJSONObject: pooling).write(to: URL(fileURLWithPath: folder + "/1_Pooling/config.json"))
            }
            if let modules {
                let list = modules.map { ["type": "sentence_transformers.models." + $0.0, "path": $0.1] }
                try JSONSerialization.data(withJSONObject: list).write(to: URL(fileURLWithPath: folder + "/modules.json"))
            }
            return try #require(try FamilyFixture.network(of: Checkpoint.open(path.map { "\(folder)/\($0)" } ?? folder)))
        }
    }

    private func sentence(_ network: Network) throws -> (states: Tensor, embedding: [Float]) {
        let node = try #require(network["sentence_embed"])
        let executor = try Executor(
            network, batch: .tokens(samples: 1, length: 4), request: RunRequest(recorded: [node, network.output]), team: Team(size: 1))
        let run = executor.run(.tokens(TokenBatch(ids: [1, 5, 3, 2], samples: 1, length: 4)))
        return (try #require(run[network.output]), try #require(run[node]).elements)
    }

    private func unit(_ row: [Float]) -> [Float] {
        let length = row.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return row.map { $0 / length }
    }

    @Test func theFirstStateOrTheMeanIsTaken() throws {
        let flags = ["pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false, "pooling_mode_max_tokens": false]
        let first = try sentence(try network(pooling: flags))
        let width = first.states.shape[2]
        let row = unit(Array(first.states.elements[..<width]))
        #expect(zip(first.embedding, row).allSatisfy { abs($0 - $1) < 1e-5 } && first.embedding.count == width)
        for pooling in [nil, ["pooling_mode_mean_tokens": true], ["pooling_mode": "mean"]] as [[String: Any]?] {
            let mean = try sentence(try network(pooling: pooling))
            let sums = (0..<width).map { column in (0..<4).reduce(Float(0)) { $0 + mean.states.elements[$1 * width + column] } }
            #expect(zip(mean.embedding, unit(sums)).allSatisfy { abs($0 - $1) < 1e-5 })
        }
    }

    private static let mean = ["pooling_mode_mean_tokens": true]

    @Test(arguments: [nil, "model.safetensors"]) func modulesSayWhatTheEmbeddingIs(path: String?) throws {
        let first: [(String, String)] = [("Transformer", ""), ("Pooling", "1_Pooling")]
        let open = try sentence(try network(pooling: Self.mean, modules: first, path: path))
        let closed = try sentence(try network(pooling: Self.mean, modules: first + [("Normalize", "2_Normalize")], path: path))
        // Without the last module the mean keeps its length.
        let width = open.states.shape[2]
        let mean = (0..<width).map { column in (0..<4).reduce(Float(0)) { $0 + open.states.elements[$1 * width + column] / 4 } }
        #expect(zip(open.embedding, mean).allSatisfy { abs($0 - $1) < 1e-5 } && open.embedding.count == width)
        #expect(zip(closed.embedding, unit(mean)).allSatisfy { abs($0 - $1) < 1e-5 })
        #expect(abs(mean.reduce(0) { $0 + $1 * $1 } - 1) > 0.1)
    }

    @Test func modulesThatAreNotRunAreNamed() throws {
        func answer(_ modules: [(String, String)], _ pooling: [String: Any]? = Self.mean) throws -> String? {
            let network = try network(pooling: pooling, modules: modules)
            #expect(network["sentence_embed"] == nil)
            return network.anatomy.sentenceProblem
        }
        let first: [(String, String)] = [("Transformer", ""), ("Pooling", "1_Pooling")]
        #expect(try answer(first + [("Dense", "2_Dense")]) == "modules.json: the module 'Dense' in '2_Dense' cannot be run")
        #expect(try answer([("Transformer", "")]) == "modules.json: lists no module 'Pooling'")
        #expect(
            try answer(first, ["pooling_mode_max_tokens": true]) == "1_Pooling/config.json: pooling by max_tokens cannot be run")
        #expect(
            problem { _ = try network(pooling: nil, modules: first) }?.hasPrefix("1_Pooling/config.json: is missing") == true)
    }

    @Test func modulesAreCarriedAlong() throws {
        try TemporaryFolder.with { folder in
            let source = folder + "/source"
            for inner in ["1_Pooling", "2_Dense"] {
                try FileManager.default.createDirectory(atPath: source + "/" + inner, withIntermediateDirectories: true)
            }
            for name in ["config.json", "model.safetensors"] {
                try FileManager.default.copyItem(atPath: Fixtures.path("transformers/bert/" + name), toPath: "\(source)/\(name)")
            }
            let files = [
                "modules.json": #"[{"type": "m.Transformer", "path": ""}, {"type": "m.Pooling", "path": "1_Pooling"}]"#,
                "1_Pooling/config.json": #"{"pooling_mode_mean_tokens": true}"#, "2_Dense/config.json": "{}",
                "sentence_bert_config.json": #"{"max_seq_length": 8}"#,
            ]
            for (name, text) in files { try text.write(toFile: "\(source)/\(name)", atomically: true, encoding: .utf8) }
            for output in ["made/", "made/", "made.tar"] {
                let draft = CheckpointDraft(try Checkpoint.open(source))
                try CheckpointWriter(path: folder + "/" + output, existing: .replaced).write(draft)
                let made = try Checkpoint.open(folder + "/" + output)
                for (name, text) in files {
                    let written = try #require(made.companions[name], "\(output): \(name)")
                    #expect(written.withUnsafeBytes { String(decoding: $0, as: UTF8.self) } == text)
                }
                #expect(try FamilyFixture.network(of: made)?["sentence_embed"] != nil)
            }
            // What somebody else has put there is not removed.
            try "x".write(toFile: folder + "/made/1_Pooling/notes.txt", atomically: true, encoding: .utf8)
            #expect(problem { _ = try CheckpointWriter(path: folder + "/made/", existing: .replaced) }?.contains("'1_Pooling'") == true)
        }
    }

    @Test func otherKindsHaveNoEmbedding() throws {
        #expect(try network(pooling: ["pooling_mode_max_tokens": true])["sentence_embed"] == nil)
        #expect(try network(pooling: ["pooling_mode_cls_token": true, "pooling_mode_mean_tokens": true])["sentence_embed"] == nil)
        #expect(
            problem { _ = try network(pooling: ["pooling_mode_cls_token": 3]) }?
                .contains("1_Pooling/config.json: 'pooling_mode_cls_token': cannot be used, expected true or false") == true)
    }
}
