import Archives
import Checkpoints
import Tensors
import TestSupport
import Testing

@testable import Networks

/// Weights that are decoded: kept up to a limit, and decoded again beyond it.
struct ParameterMemoryTests {
    private static let models = ["llama", "gemma2", "gpt2", "gptneox", "phi3", "qwen3"]

    private static func network(_ name: String) throws -> Network {
        try #require(try FamilyFixture.network(of: Checkpoint.open(Fixtures.path("gguf-models/\(name).gguf"))))
    }

    /// The outputs of two runs in a row.
    private static func outputs(_ network: Network, team: Team = Team(size: 1)) throws -> [[Float]] {
        let tokens = TokenBatch(ids: [3, 1, 4, 1, 5, 9, 2, 6], samples: 2, length: 4)
        let batch = Batch.tokens(tokens)
        let executor = try Executor(network, batch: batch.shape, request: RunRequest(recorded: [network.output]), team: team)
        return try (0..<2).map { _ in try #require(executor.run(batch)[network.output]).elements }
    }

    @Test(arguments: models)
    func theLimitChangesNoNumber(_ name: String) throws {
        let whole = try Self.network(name)
        let expected = try Self.outputs(whole)
        let all = whole.values.convertedByteCount
        #expect(all > 0 && whole.values.keptByteCount == all)
        for limit in [0, all / 2, all - 1] {
            let network = try Self.network(name)
            network.values.keepConverted(atMost: limit)
            #expect(try Self.outputs(network) == expected, "\(limit) of \(all)")
            #expect(network.values.keptByteCount <= limit)
            #expect(limit == 0 || network.values.keptByteCount > 0)
        }
    }

    @Test func whatIsNotKeptIsFreedAndSharedWhileItIsHeld() throws {
        let network = try Self.network("llama")
        network.values.keepConverted(atMost: 0)
        let parameter = try #require(network.parameter(named: "model.layers.0.mlp.up_proj.weight"))
        weak var first: Tensor?
        do {
            let held = network.values[parameter]
            first = held
            #expect(network.values[parameter] === held)
        }
        #expect(first == nil)
    }

    /// The gradients of a run whose weights are decoded again on the way back.
    @Test func gradientsAreTheSame() throws {
        let tokens = TokenBatch(ids: [3, 1, 4, 1, 5, 9, 2, 6], samples: 2, length: 4)
        var found: [[Float]] = []
        for limit in [Int.max, 0] {
            let network = try Self.network("llama")
            network.values.keepConverted(atMost: limit)
            let parameter = try #require(network.parameter(named: "model.layers.0.mlp.up_proj.weight"))
            var request = RunRequest(recorded: [network.output])
            request.gradients = GradientRequest(parameters: [parameter])
            let batch = Batch.tokens(tokens)
            let executor = try Executor(network, batch: batch.shape, request: request, team: Team(size: 2))
            let output = try #require(executor.run(batch)[network.output])
            let gradients = Gradients(executor, seeds: [network.output])
            gradients.backward([network.output: Tensor(shape: output.shape, (0..<output.count).map { Float($0 % 7) - 3 })])
            found.append(try #require(gradients[parameter]).elements)
        }
        #expect(found[0] == found[1] && found[0].contains { $0 != 0 })
    }

    /// More elements than a thread converts at once: several threads write what one does.
    @Test func severalThreadsConvertEveryElement() throws {
        let count = (1 << 21) + 37
        let values = (0..<count).map { Float16(($0 &* 2_654_435_761) % 2047) - 1000 }
        let header = #"{"w":{"dtype":"F16","shape":[\#(count)],"data_offsets":[0,\#(2 * count)]}}"#
        var bytes = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) } + Array(header.utf8)
        values.withUnsafeBytes { bytes += $0 }
        let checkpoint = try bytes.withUnsafeBytes { try Checkpoint.open(ByteRegion(copying: $0), path: "input") }
        let record = try #require(checkpoint["w"])
        #expect(record.sharedFloats(shape: [count], team: Team(size: 3)).elements == values.map(Float.init))
    }
}
