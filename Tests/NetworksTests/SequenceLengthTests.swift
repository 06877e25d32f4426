import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing
import Text

@testable import Networks

/// Graphs of tokens run with the lengths that they are for: few where their tables end early, one where a layer reads whole sequences.
struct SequenceLengthTests {
    private static let folder = "graphs/lengths"

    private static func open(_ file: String) throws -> Checkpoint { try Checkpoint.open(Fixtures.path("\(folder)/\(file)")) }

    private static func network(_ file: String) throws -> Network { try LoadedModel(open(file)).network }

    /// All files of the folder but those of values.
    static var files: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: Fixtures.path(folder))) ?? []).filter { !$0.hasSuffix(".safetensors") }
            .sorted()
    }

    @Test func outputsAreThoseOfPyTorch() throws {
        #expect(Self.files.count == 32)
        for file in Self.files {
            let name = file.prefix { $0 != "." }
            let values = try Self.open("\(name).safetensors")
            let (network, batch) = (try Self.network(file), try ReferenceValues.batch(values))
            let executor = try Executor(network, batch: batch.shape, request: RunRequest(recorded: [network.output]), team: Team(size: 1))
            let (found, expected) = (try #require(executor.run(batch)[network.output]), try #require(values["output"]))
            #expect(found.shape == expected.shape, "\(file)")
            ReferenceValues.close(found.elements, expected.floats(), within: 1e-5, file)
        }
    }

    @Test(arguments: ["sliced", "looked", "masked"], [7, 10]) func tablesThatEndEarlyBoundSequences(kind: String, count: Int) throws {
        for ending in kind == "masked" ? ["onnx", "pt"] : ["onnx", "pt", "pt2"] {
            let network = try Self.network("\(kind)-\(count).\(ending)")
            #expect(network.input == .tokens(vocabulary: 9, positions: count), "\(ending)")
            #expect(network.fixedLength == nil && network.shortestLength == nil)
            for length in 1...count { _ = try network.shapes(for: .tokens(samples: 2, length: length)) }
            #expect(throws: Problem.self) { try network.shapes(for: .tokens(samples: 2, length: count + 1)) }
        }
    }

    @Test func rangesOfAnExportAreKept() throws {
        let network = try Self.network("between.pt2")
        #expect(network.input == .tokens(vocabulary: 9, positions: 6) && network.shortestLength == 4)
        _ = try network.shapes(for: .tokens(samples: 1, length: 4))
        let error = #expect(throws: Problem.self) { try network.shapes(for: .tokens(samples: 1, length: 3)) }
        #expect(error.map { "\($0)" } == "the model reads longer sequences, expected at least 4 tokens, found 3")
    }

    /// A script says nothing of the length with which it was traced but in the numbers of its code; what is made of it says that it is fixed.
    @Test(arguments: ["flat", "mixed", "placed"]) func tracesOfOneLengthRunWithIt(name: String) throws {
        let checkpoint = try Self.open("\(name).pt")
        #expect(try LoadedModel(checkpoint).network.fixedLength == 5)
        let graph = try #require(checkpoint.graph)
        #expect(try ONNXModel(graph).inputs.map(\.shape) == [[nil, nil]])
        let (open, fixed) = (try ONNXModel(graph), try ONNXModel(ONNXFile.fixing(length: 5, in: graph)))
        #expect(fixed.inputs.map(\.shape) == [[nil, 5]] && fixed.nodes.count == open.nodes.count)
    }

    @Test func lengthsAreWithinTheirBounds() {
        for low in 1...20 {
            for high in low...(low + 20) {
                let lengths = SequenceLengthSearch.lengths(from: low, to: high)
                #expect(lengths.count == 4 && lengths.allSatisfy { (low...high).contains($0) } && lengths.contains(high))
                #expect(Set(lengths).count >= min(3, high - low + 1))
            }
        }
        #expect(SequenceLengthSearch.lengths(from: 1, to: 11) == [3, 5, 4, 11])
    }
}
