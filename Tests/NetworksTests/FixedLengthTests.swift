import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing
import Text

@testable import Networks

/// Graphs of tokens for sequences of one length, which their files leave open.
struct FixedLengthTests {
    private static let folder = "graphs/fixed-lengths"

    private static func open(_ file: String) throws -> Checkpoint { try Checkpoint.open(Fixtures.path("\(folder)/\(file)")) }

    private static func network(_ file: String) throws -> Network { try LoadedModel(open(file)).network }

    /// The files of models that read sequences of one length, and that length.
    private static var files: [(name: String, length: Int)] {
        get throws {
            try FileManager.default.contentsOfDirectory(atPath: Fixtures.path(folder)).sorted().compactMap { file in
                let parts = file.prefix { $0 != "." }.split(separator: "-")
                return parts.count == 3 ? Int(parts[1]).map { (file, $0) } : nil
            }
        }
    }

    @Test func theOnlyLengthIsFoundAndOutputsAreThoseOfPyTorch() throws {
        let files = try Self.files
        #expect(files.count == 16)
        for (file, length) in files {
            let network = try Self.network(file)
            #expect(network.fixedLength == length, "\(file)")
            let values = try Self.open(file.split(separator: "-").prefix(2).joined(separator: "-") + ".safetensors")
            let batch = try ReferenceValues.batch(values)
            let executor = try Executor(network, batch: batch.shape, request: RunRequest(recorded: [network.output]), team: Team(size: 1))
            let (found, expected) = (try #require(executor.run(batch)[network.output]), try #require(values["output"]))
            #expect(found.shape == expected.shape, "\(file)")
            ReferenceValues.close(found.elements, expected.floats(), within: 1e-5, file)
        }
    }

    /// A table of positions goes together with a single token, and what comes of it is no output for that token.
    @Test func otherLengthsAreRefusedInOneLine() throws {
        for (file, length) in try Self.files {
            let network = try Self.network(file)
            for other in [1, 2, length - 1, length + 1, 2 * length] {
                let problem = try #require(network.lengthProblem(other))
                let hint = file.hasSuffix("-d.onnx") ? "; an export with dynamic axes leaves it open" : ""
                #expect(
                    "\(problem)" == "the model's graph fixes the length of sequences, expected \(length) tokens, found \(other)\(hint)",
                    "\(file)")
            }
        }
    }

    @Test(arguments: ["fours-f", "fours-r"]) func graphsForSeveralLengthsAreNotTakenForThoseOfOne(name: String) throws {
        let error = #expect(throws: Problem.self) { try Self.network("\(name).pt") }
        let line = error.map { "\($0)" } ?? ""
        #expect(line.contains("the graph runs with several lengths of sequences, but not with any"), "\(line)")
        #expect(line.contains("found 4 and 8 tokens"), "\(line)")
    }

    @Test(arguments: ["t.pt", "r.pt", "s.pt", "f.pt", "a.onnx"]) func layersOfSeveralTokensNeedAsMany(file: String) throws {
        let network = try Self.network("windows-\(file)")
        #expect(network.fixedLength == nil && network.shortestLength == 5)
        #expect(network.input == .tokens(vocabulary: 8, positions: nil))
        #expect(network.lengthProblem(4).map { "\($0)" } == "the model reads longer sequences, expected at least 5 tokens, found 4")
        for length in [5, 6, 31, 200] {
            #expect(network.lengthProblem(length) == nil)
            _ = try network.shapes(for: .tokens(samples: 2, length: length))
        }
        let values = try Self.open("windows.safetensors")
        let batch = try ReferenceValues.batch(values)
        let executor = try Executor(network, batch: batch.shape, request: RunRequest(recorded: [network.output]), team: Team(size: 1))
        let found = try #require(executor.run(batch)[network.output])
        ReferenceValues.close(found.elements, try #require(values["output"]).floats(), within: 1e-5, file)
    }

    /// A graph that runs with no length says with which it was read.
    @Test func lengthsThatNobodyGaveAreExplained() throws {
        let graph = try #require(try Self.open("whole-10-r.pt").graph)
        let model = try ONNXModel(graph)
        let failure = Problem("shapes that do not go together", subject: "node 'add'")
        let input = ONNXNetwork.GraphInput(
            name: model.inputs[0].name, type: .int64, isOfTokens: true, shape: [nil], isLengthOfFile: false, samples: nil, constants: [:],
            lengths: SequenceLengths())
        var tried: [Int] = []
        let search = SequenceLengthSearch(input: input, candidates: { [6, 10, 16] }, cost: 1) { input, _, reached throws(Problem) in
            if let length = input.length { tried.append(length) }
            reached.operators = input.length == 10 ? 5 : 2
            var failure = failure
            failure.found = input.length.map(String.init) ?? "3"
            throw failure
        }
        let error = #expect(throws: Problem.self) { try search.network() }
        #expect(tried == [6, 10, 16])
        #expect(
            error.map { "\($0)" }
                == "node 'add': shapes that do not go together, found 10; the file leaves the length of sequences open, and it was read for 10 tokens"
        )
    }

    /// What is the same for any length is no matter of length: the graph is not read again and again.
    @Test func problemsThatNoLengthChangesEndTheSearch() throws {
        let input = ONNXNetwork.GraphInput(
            name: "x", type: .int64, isOfTokens: true, shape: [nil], isLengthOfFile: false, samples: nil, constants: [:],
            lengths: SequenceLengths())
        var count = 0
        let search = SequenceLengthSearch(input: input, candidates: { Array(6...60) }, cost: 1) { input, _, reached throws(Problem) in
            if input.length != nil { count += 1 }
            reached.operators = 4
            throw Problem("the operator is not run", subject: "node 'n'")
        }
        let error = #expect(throws: Problem.self) { try search.network() }
        #expect(error.map { "\($0)" } == "node 'n': the operator is not run")
        #expect(count == 1)
    }

    /// However many lengths a file suggests, they are not all tried.
    @Test func theSearchComesToAnEnd() throws {
        let input = ONNXNetwork.GraphInput(
            name: "x", type: .int64, isOfTokens: true, shape: [nil], isLengthOfFile: false, samples: nil, constants: [:],
            lengths: SequenceLengths())
        var count = 0
        let search = SequenceLengthSearch(input: input, candidates: { Array(2...60_000) }, cost: 100) { input, _, reached throws(Problem) in
            count += 1
            reached.operators = 900
            throw Problem("does not fit", found: input.length.map(String.init))
        }
        #expect(throws: Problem.self) { try search.network() }
        #expect(count < 200)
    }

    /// A mask whose numbers are constants of a frozen archive, or have an exporter's name, is no table of positions, and nothing trains it.
    @Test(arguments: ["whole-10-r.pt", "whole-10-f.pt", "whole-10-o.pt", "whole-10-a.onnx", "samples-6-d.onnx"])
    func masksAreKnownByTheirNumbers(file: String) throws {
        let checkpoint = try Self.open(file)
        let catalog = LayerCatalog(checkpoint)
        let masks = checkpoint.tensors.filter { $0.shape.count > 1 && $0.floats().contains(-.infinity) }
        #expect(masks.count == 1)
        for mask in masks { #expect(catalog.leftOut(mask, chosen: [], isDefault: true) == .mask, "\(mask.name)") }
    }
}
