import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

@testable import Networks

/// A model of fixtures/transformers, opened, and what the real library computes from it.
struct FamilyFixture {
    let name: String
    let network: Network
    let expected: Checkpoint

    /// The models whose configuration is there in two spellings.
    static let twoSpellings = [
        "gpt2", "gpt_neox", "gpt_neox-sequential", "llama", "llama-tied", "mistral", "qwen2", "gemma", "qwen3", "qwen3-yarn", "gemma2",
        "gemma3_text", "gemma3", "olmo2", "olmo3", "phi", "phi3", "gpt_neo", "gptj", "opt", "bloom", "stablelm", "starcoder2", "granite",
        "smollm3", "mixtral", "qwen2_moe", "qwen3_moe", "gpt_oss", "llama4_text", "llama4", "llama-dynamic", "llama-longrope",
        "llama-yarn",
    ]
    static let models =
        twoSpellings + [
            "gpt2-untied", "nanogpt", "phi-normed", "opt-unbiased", "stablelm-parallel", "gpt_oss-mxfp4", "grokking", "grokking-attention",
        ]
    static let shared = ["gpt2-tiny", "pythia-tiny", "llama-tiny"]

    /// - Parameter configuration: the file to be read in the place of `config.json`.
    init(_ name: String, configuration: String? = nil) throws {
        self.name = name
        let folder = Self.shared.contains(name) ? name : "transformers/\(name)"
        let changed = try configuration.map { try String(contentsOfFile: Fixtures.path("\(folder)/\($0)"), encoding: .utf8) }
        network = try #require(try Self.network(folder, configuration: changed))
        expected = try Checkpoint.open(Fixtures.path("transformers/expected/\(name).safetensors"))
    }

    /// The network of a folder of fixtures, its configuration replaced where one is given.
    static func network(_ folder: String, configuration: String? = nil) throws -> Network? {
        guard let configuration else { return try network(of: Checkpoint.open(Fixtures.path(folder))) }
        return try TemporaryFolder.with { temporary in
            let file = try FileManager.default.contentsOfDirectory(atPath: Fixtures.path(folder)).first { $0.hasPrefix("model.") }
            try FileManager.default.copyItem(atPath: Fixtures.path("\(folder)/\(file ?? "")"), toPath: "\(temporary)/\(file ?? "")")
            try configuration.write(toFile: temporary + "/config.json", atomically: true, encoding: .utf8)
            return try network(of: Checkpoint.open(temporary))
        }
    }

    static func network(of checkpoint: Checkpoint) throws -> Network? {
        try TransformerFamilies.network(of: checkpoint, catalog: LayerCatalog(checkpoint))
    }

    /// The stored tokens: of the batch, or of the sequence alone.
    func tokens(_ kind: String) throws -> TokenBatch {
        let record = try #require(expected[kind])
        let ids = record.floats().map { Int32($0) }
        return TokenBatch(ids: ids, samples: record.shape.count == 2 ? record.shape[0] : 1, length: record.shape[record.shape.count - 1])
    }

    /// The largest difference of the logits from the stored ones.
    func logitDifference(_ kind: String) throws -> Float {
        try largestDifference(kind, [(network.nodes[network.output.index].site, "\(kind).logits")])
    }

    /// The largest difference between what sites give and what is stored under names.
    func largestDifference(_ kind: String, _ sites: [(site: String, stored: String)]) throws -> Float {
        let tokens = try tokens(kind)
        var nodes: [NodeID] = []
        for (site, _) in sites { nodes.append(try #require(network[site], "no site \(site)")) }
        let executor = try Executor(
            network, batch: .tokens(samples: tokens.samples, length: tokens.length), request: RunRequest(recorded: Set(nodes)),
            team: Team(size: 1))
        let run = executor.run(.tokens(tokens))
        var largest: Float = 0
        for (node, (site, stored)) in zip(nodes, sites) {
            let found = try #require(run[node]).elements
            let wanted = try #require(expected[stored]).floats()
            try #require(found.count == wanted.count, "\(site): \(found.count) numbers, not \(wanted.count)")
            // A comparison that is false for NaN.
            for (a, b) in zip(found, wanted) { largest = abs(a - b) <= largest ? largest : abs(a - b) }
        }
        return largest
    }
}

/// Runs a network on the tokens that are stored under a name, and expects the logits that are stored with them.
///
/// - Parameter parameters: those whose gradients can be computed afterwards.
func storedRun(
    _ network: Network, _ name: String, _ expected: Checkpoint, tolerance: Float, gradients parameters: [ParameterID] = []
) throws -> (Executor, Tensor) {
    let tokens = try #require(expected["\(name).tokens"])
    let batch = TokenBatch(ids: tokens.floats().map { Int32($0) }, samples: tokens.shape[0], length: tokens.shape[1])
    var request = RunRequest(recorded: [network.output])
    if !parameters.isEmpty { request.gradients = GradientRequest(parameters: Set(parameters)) }
    let executor = try Executor(
        network, batch: .tokens(samples: batch.samples, length: batch.length), request: request, team: Team(size: 2))
    let logits = try #require(executor.run(.tokens(batch))[network.output])
    let wanted = try #require(expected["\(name).logits"]).floats()
    try #require(logits.count == wanted.count)
    for (a, b) in zip(logits.elements, wanted) { #expect(abs(a - b) < tolerance, "\(name)") }
    return (executor, logits)
}

/// The description of the error that a closure throws; nil where it throws none.
func problem(_ body: () throws -> Void) -> String? {
    do {
        try body()
        return nil
    } catch {
        return "\(error)"
    }
}
