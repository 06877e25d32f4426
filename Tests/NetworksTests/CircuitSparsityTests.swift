import Archives
import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing
import Text

@testable import Networks

/// OpenAI's sparse circuit models against the function of their published code (fixtures/make_circuit_sparsity.py).
struct CircuitSparsityTests {
    static let models = ["sparse", "beside", "dense", "heads"]

    /// What training leaves as it is: buffers, and a table of sinusoids.
    private static let constants = [
        "sparse": ["final_logits_bias"], "beside": ["bigram_table", "final_logits_bias"], "dense": ["final_logits_bias"],
        "heads": ["final_logits_bias", "transformer.wpe.weight"],
    ]

    private static func path(_ name: String) -> String { Fixtures.path("circuit-sparsity/" + name) }

    private static func expected() throws -> Checkpoint { try Checkpoint.open(path("expected.safetensors")) }

    @Test(arguments: models) func logitsAndGradientsAreThoseOfThePublishedCode(_ name: String) throws {
        let expected = try Self.expected()
        let checkpoint = try Checkpoint.open(Self.path(name))
        #expect(LayerCatalog(checkpoint).family == .circuitSparsity)
        let network = try #require(try FamilyFixture.network(of: checkpoint))
        #expect(network.unusedTensors.isEmpty)
        #expect(network.constants.sorted() == Self.constants[name])
        let learned = network.parameters.indices.map(ParameterID.init).filter { !network.fixedParameters.contains($0) }
        let (executor, logits) = try storedRun(network, name, expected, tolerance: 2e-5, gradients: learned)
        let gradients = Gradients(executor, seeds: [network.output])
        gradients.backward([network.output: Tensor(shape: logits.shape, (0..<logits.count).map { Float(cos(0.3 * Double($0))) })])
        // Buffers and sinusoids are not learned there, and have no gradient.
        let all = Set(expected.tensors.map(\.name).filter { $0.hasPrefix("\(name).gradient.") })
        #expect(all == Set(learned.map { "\(name).gradient.\(network.parameters[$0.index].name)" }))
        for parameter in learned {
            let described = network.parameters[parameter.index]
            let gradient = try #require(gradients[parameter]).elements
            let wanted = try #require(expected["\(name).gradient.\(described.name)"], "\(described.name)").floats()
            let sum = gradient.enumerated().reduce(0) { $0 + Double($1.element) * cos(0.7 * Double($1.offset)) }
            let length = gradient.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
            let tolerance = 1e-4 * Double(wanted[1]) + 2e-5
            #expect(abs(sum - Double(wanted[0])) < tolerance, "\(described.name): \(sum) for \(wanted[0])")
            #expect(abs(length - Double(wanted[1])) < tolerance, "\(described.name): \(length) for \(wanted[1])")
        }
    }

    @Test func theFileAloneAndTheHubsPackageAreTheSameModel() throws {
        for name in ["sparse/final_model.pt", "packaged"] {
            let checkpoint = try Checkpoint.open(Self.path(name))
            let network = try #require(try FamilyFixture.network(of: checkpoint))
            _ = try storedRun(network, "sparse", Self.expected(), tolerance: 2e-5)
        }
        // Another file beside the settings is another model.
        #expect(try Checkpoint.open(Self.path("expected.safetensors")).configuration == nil)
    }

    @Test func whatIsWrittenKeepsTheFileOfTheSettings() throws {
        let checkpoint = try Checkpoint.open(Self.path("beside"))
        try TemporaryFolder.with { folder in
            for name in ["folder/", "file.safetensors", "file.tar"] {
                try CheckpointWriter(path: "\(folder)/\(name)").write(CheckpointDraft(checkpoint))
                let written = try Checkpoint.open("\(folder)/\(name)")
                #expect(written.configurationName == "beeg_config.json")
                #expect(written.configuration?.withUnsafeBytes { Array($0) } == checkpoint.configuration?.withUnsafeBytes { Array($0) })
                _ = try storedRun(try #require(try FamilyFixture.network(of: written)), "beside", Self.expected(), tolerance: 2e-5)
            }
            #expect(!FileManager.default.fileExists(atPath: folder + "/folder/config.json"))
        }
    }

    @Test(arguments: models) func theLastPositionAloneHasTheSameLogits(_ name: String) throws {
        let expected = try Self.expected()
        let network = try #require(try FamilyFixture.network(of: Checkpoint.open(Self.path(name))))
        #expect(network.isCausal)
        let tokens = try #require(expected["\(name).tokens"])
        let batch = TokenBatch(ids: tokens.floats().map { Int32($0) }, samples: tokens.shape[0], length: tokens.shape[1])
        var request = RunRequest(recorded: [network.output])
        let whole = try Executor(network, batch: Batch.tokens(batch).shape, request: request, team: Team(size: 1))
        let all = try #require(whole.run(.tokens(batch))[network.output]).copied()
        request.readAtEnd = [network.output]
        let last = try Executor(network, batch: Batch.tokens(batch).shape, request: request, team: Team(size: 1))
        let found = try #require(last.run(.tokens(batch))[network.output])
        try #require(found.shape == [batch.samples, 1, all.width])
        for sample in 0..<batch.samples {
            let row = all.view(at: ((sample + 1) * batch.length - 1) * all.width, shape: [all.width]).elements
            // Products of fewer rows may add in another order.
            let worst = zip(found[sample..<sample + 1].elements, row).reduce(0) { max($0, abs($1.0 - $1.1)) }
            #expect(worst < 1e-5, "off by \(worst)")
        }
    }

    @Test func settingsThatNoPublishedModelHasAreRefusedByName() throws {
        for (key, value, expected) in [
            ("residual_activation_type", "relu" as Any, "expected identity, found 'relu'"),
            ("afrac_loctypes", "attn_in,resid_post_mlp", "expected attn_in, mlp_in, attn_q"),
            ("afrac", 1.5, "expected a number from 0 to 1, found 1.5"),
            ("use_tied_aux_matrix", true, "expected false, found true"),
            ("bigram_table_rank", 4, "matrices of a lower rank cannot be run, expected null, found 4"),
            ("d_head", 1 << 27, "the heads are too large"),
            ("d_head", 5, "expected 60x16, found 72x16"),
            ("block_size", 17, "expected 17x16, found 16x16"),
            ("vocab_size", 27, "expected 28, the rows of the embedding, found 27"),
            ("n_layer", 3, "expected at most 2, found 3"),
            ("activation_type", "solu", "is not known"),
        ] {
            let file = try Data(contentsOf: URL(fileURLWithPath: Self.path("sparse/beeg_config.json")))
            var settings = try #require(try JSONSerialization.jsonObject(with: file) as? [String: Any])
            settings[key] = value
            let checkpoint = try Checkpoint.open(Self.path("sparse"))
                .with(configuration: ByteRegion(copying: Array(try JSONSerialization.data(withJSONObject: settings))))
            let found = problem { _ = try FamilyFixture.network(of: checkpoint) }
            #expect(found?.contains(expected) == true, "\(key): \(found ?? "runs")")
            #expect(found?.hasPrefix("tensor ") == true || found?.hasPrefix("beeg_config.json") == true, "\(found ?? "runs")")
        }
    }

    @Test func settingsOfSparseModelsAreNotIgnoredElsewhere() throws {
        let checkpoint = try Checkpoint.open(Fixtures.path("transformers/gpt2"))
        let text = try #require(checkpoint.configuration).withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        let changed = text.replacingOccurrences(of: "\"n_head\"", with: "\"afrac\": 0.25, \"n_head\"")
        try #require(changed != text)
        let found = problem { _ = try FamilyFixture.network(of: checkpoint.with(configuration: ByteRegion(copying: changed.utf8))) }
        #expect(found?.contains("'afrac': models of this kind do not follow it, expected null, found 0.25") == true, "\(found ?? "runs")")
    }
}

/// Their operations: cases worked out by hand, and finite differences.
struct SparseOperationTests {
    private func random(_ shape: [Int], seed: UInt64 = 1) -> Tensor { OperationCheck.random(shape, seed: seed) }

    @Test func theLargestWithoutTheirSignAreKept() throws {
        let rows = Tensor(shape: [1, 2, 5], [1, -3, 2, 0, -2, 5, 5, -5, 5, 4])
        func kept(_ count: Int) throws -> [Float] {
            try OperationCheck(operation: LargestMagnitudes(count: count, width: 5), inputs: [rows]).forward().elements
        }
        // Of equal ones the first.
        #expect(try kept(2) == [0, -3, 2, 0, 0, 5, 5, 0, 0, 0])
        #expect(try kept(3) == [0, -3, 2, 0, -2, 5, 5, -5, 0, 0])
        #expect(try kept(0) == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
        #expect(try kept(5) == rows.elements)
        try OperationCheck(operation: LargestMagnitudes(count: 3, width: 7), inputs: [random([2, 3, 7])]).expectDifferencesAgree()
        try OperationCheck(operation: LargestMagnitudes(count: 3, width: 7), inputs: [random([2, 80, 7])]).expectThreadsAgree()
    }

    @Test func keptEntriesAreThoseOfASortedRow() throws {
        var generator = SeededGenerator(seed: 3)
        for (width, count) in [(1, 1), (256, 64), (700, 699), (1000, 250), (513, 1)] {
            // Magnitudes from the smallest numbers to the largest, some of them equal.
            let row = (0..<width).map { _ in
                let bits = UInt32(truncatingIfNeeded: generator.next())
                let number = Float(bitPattern: bits)
                return number.isFinite ? (bits % 7 == 0 ? 1 : number) : 0
            }
            let order = row.indices.sorted { (-abs(row[$0]), $0) < (-abs(row[$1]), $1) }
            let chosen = Set(order.prefix(count))
            let found = try OperationCheck(
                operation: LargestMagnitudes(count: count, width: width), inputs: [Tensor(shape: [1, 1, width], row)]
            ).forward().elements
            #expect(found == row.indices.map { chosen.contains($0) ? row[$0] : 0 })
        }
    }

    @Test func numbersThatAreNoneAreTheLargest() throws {
        let row = Tensor(shape: [1, 1, 4], [1, .nan, -.infinity, 7])
        let found = try OperationCheck(operation: LargestMagnitudes(count: 2, width: 4), inputs: [row]).forward().elements
        #expect(found[0] == 0 && found[1].isNaN && found[2] == -.infinity && found[3] == 0)
    }

    @Test func positionsStandNormalisedBehindTheRows() throws {
        // The root mean squares of 3, 4 and of 1, 1 are 5 / sqrt 2 and 1; the third entry is not read.
        let table = Tensor(shape: [3, 2], [3, 4, 1, 1, .nan, .nan])
        let check = OperationCheck(
            operation: PositionsBeside(kind: .rootMeanSquare(offset: 0), epsilon: 0), inputs: [Tensor(shape: [2, 2, 1], [7, 8, 9, 10])],
            parameters: [table, Tensor(shape: [2], [1, 2])])
        let found = try check.forward().elements
        let wanted: [Float] = [7, 0.848_528_1, 2.262_741_7, 8, 1, 2, 9, 0.848_528_1, 2.262_741_7, 10, 1, 2]
        #expect(zip(found, wanted).allSatisfy { abs($0 - $1) < 1e-6 } && found.count == wanted.count)
        for (kind, parameters) in [(Normalization.Kind.rootMeanSquare(offset: 0), 1), (.layer, 1), (.layer, 2)] {
            let weights = (0..<parameters).map { random([4], seed: UInt64($0) + 5) }
            let check = OperationCheck(
                operation: PositionsBeside(kind: kind, epsilon: 1e-2), inputs: [random([2, 3, 5], seed: 2)],
                parameters: [random([6, 4], seed: 3)] + weights)
            try check.expectDifferencesAgree()
            try check.expectThreadsAgree()
        }
        let long = OperationCheck(
            operation: PositionsBeside(kind: .layer, epsilon: 1), inputs: [random([1, 4, 2])], parameters: [table, random([2])])
        #expect(problem { _ = try long.forward() }?.contains("at most 3 tokens, found 4") == true)
    }

    @Test func tokensAddTheirEntryToTheScores() throws {
        let tokens = TokenBatch(ids: [1, 0, 2, 1], samples: 2, length: 2)
        let table = Tensor(shape: [3, 2], [1, 2, 10, 20, 100, 200])
        let check = OperationCheck(
            operation: TokenScores(), inputs: [Tensor(shape: [2, 2, 2], [0, 0, 1, 1, 2, 2, 3, 3])], parameters: [table], tokens: tokens)
        #expect(try check.forward().elements == [10, 20, 2, 3, 102, 202, 13, 23])
        // The entry of the last token, 2, gets no gradient.
        let gradients = try check.backward(Tensor(shape: [2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8]))
        #expect(gradients.parameters[0].elements == [3, 4, 8, 10, 0, 0])
        #expect(gradients.inputs[0].elements == [1, 2, 3, 4, 5, 6, 7, 8])
    }
}
