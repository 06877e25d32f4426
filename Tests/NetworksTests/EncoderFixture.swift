import Checkpoints
import Tensors
import TestSupport
import Testing

@testable import Networks

/// An encoder of text or images of fixtures/transformers, opened, and what the real library computes from it.
struct EncoderFixture {
    let name: String
    let network: Network
    let expected: Checkpoint

    /// Encoders of text, by fixtures/make_encoders.py.
    static let text = [
        "bert", "bert-masked", "bert-pretraining", "bert-untied", "bert-classes", "roberta", "roberta-masked", "roberta-classes",
        "xlm-roberta", "camembert", "distilbert", "distilbert-masked", "distilbert-classes", "electra", "electra-discriminator",
        "electra-masked", "electra-classes",
    ]
    /// Transformers of images, by fixtures/make_vision.py.
    static let vision = [
        "vit", "vit-bare", "deit", "deit-teacher", "deit-bare", "dinov2", "dinov2-bare", "dinov2_with_registers", "timm-vit",
        "timm-vit-mean", "timm-vit-registers", "timm-vit-bare", "timm-deit", "torchvision-vit",
    ]

    /// Networks of convolutions, by fixtures/make_vision.py.
    static let convolutions = [
        "resnet", "resnet-bottleneck", "resnet-bare", "convnext", "timm-resnet", "timm-resnet-bottleneck", "timm-convnext",
        "timm-convnext-filters", "timm-mobilenet2", "timm-mobilenet3", "timm-mobilenet3-large",
    ]

    init(_ name: String) throws {
        self.name = name
        network = try #require(try FamilyFixture.network("transformers/\(name)"))
        expected = try Checkpoint.open(Fixtures.path("transformers/expected/\(name).safetensors"))
    }

    /// The stored input of a run.
    func batch(_ kind: String) throws -> Batch {
        let record = try #require(expected[kind])
        if case .values = network.input { return .values(Tensor(shape: record.shape, record.floats())) }
        let ids = record.floats().map { Int32($0) }
        return .tokens(
            TokenBatch(ids: ids, samples: record.shape.count == 2 ? record.shape[0] : 1, length: record.shape[record.shape.count - 1]))
    }

    /// The largest difference between what sites give and what is stored under names.
    func largestDifference(_ kind: String, _ sites: [(node: NodeID, stored: String)], threads: Int = 1) throws -> Float {
        let batch = try batch(kind)
        let executor = try Executor(
            network, batch: batch.shape, request: RunRequest(recorded: Set(sites.map(\.node))), team: Team(size: threads))
        let run = executor.run(batch)
        var largest: Float = 0
        for (node, stored) in sites {
            let site = network.nodes[node.index].site
            let found = try #require(run[node]).elements
            let wanted = try #require(expected[stored], "\(stored)").floats()
            try #require(found.count == wanted.count, "\(site): \(found.count) numbers, not \(wanted.count)")
            // A comparison that is false for a number that is none.
            for (a, b) in zip(found, wanted) { largest = abs(a - b) <= largest ? largest : abs(a - b) }
        }
        return largest
    }
}
