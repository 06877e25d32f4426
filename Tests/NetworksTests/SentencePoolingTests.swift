import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

@testable import Networks

/// The embedding of a sentence as a folder of sentence-transformers describes it.
struct SentencePoolingTests {
    private func network(pooling: [String: Any]?) throws -> Network {
        try TemporaryFolder.with { folder in
            for name in ["config.json", "model.safetensors"] {
                try FileManager.default.copyItem(atPath: Fixtures.path("transformers/bert/" + name), toPath: folder + "/" + name)
            }
            if let pooling {
                try FileManager.default.createDirectory(atPath: folder + "/1_Pooling", withIntermediateDirectories: true)
                try JSONSerialization.data(withJSONObject: pooling).write(to: URL(fileURLWithPath: folder + "/1_Pooling/config.json"))
            }
            return try #require(try FamilyFixture.network(of: Checkpoint.open(folder)))
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

    @Test func otherKindsHaveNoEmbedding() throws {
        #expect(try network(pooling: ["pooling_mode_max_tokens": true])["sentence_embed"] == nil)
        #expect(try network(pooling: ["pooling_mode_cls_token": true, "pooling_mode_mean_tokens": true])["sentence_embed"] == nil)
        #expect(
            problem { _ = try network(pooling: ["pooling_mode_cls_token": 3]) }?
                .contains("1_Pooling/config.json: 'pooling_mode_cls_token': cannot be used, expected true or false") == true)
    }
}
