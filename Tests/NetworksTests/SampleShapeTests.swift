import Archives
import Checkpoints
import Tensors
import Testing
import Text

@testable import Networks

/// Which arrays a network takes for its samples.
struct SampleShapeTests {
    private func network(_ shape: [Int?]) -> Network {
        Network(
            nodes: [Node(site: "input", operation: InputOperation(), inputs: [], parameters: [], fusion: nil)], parameters: [],
            values: ParameterValues([] as [Tensor]), input: .values(shape: shape), output: NodeID(0), outputWidth: 1, unusedTensors: [])
    }

    @Test(
        arguments: [
            ([3, 4, 5], [3, 4, 5]), ([1, 4, 5], [4, 5]), ([1, 4, 5], [4, 5, 1]), ([1, 4, 5], [20]), ([4, 5], [20]), ([60], [3, 4, 5]),
            ([60], [60]), ([3, 1, 1], [3]),
        ] as [([Int], [Int])])
    func theSameNumbersInTheSameOrderFit(wanted: [Int], given: [Int]) throws {
        #expect(try network(wanted).sampleShape(for: given) == wanted)
    }

    /// As many numbers in another order: channels last, another plane, or channels that are not told apart.
    @Test(
        arguments: [
            ([3, 4, 4], [4, 4, 3]), ([3, 4, 6], [3, 6, 4]), ([3, 4, 4], [6, 2, 4]), ([3, 4, 4], [3, 16]), ([3, 4, 4], [48]),
            ([4, 6], [6, 4]), ([1, 4, 6], [6, 4]),
        ] as [([Int], [Int])])
    func otherShapesOfAsManyNumbersAreRefused(wanted: [Int], given: [Int]) {
        #expect(throws: Problem.self) { try network(wanted).sampleShape(for: given) }
    }
}

/// Matrices that follow each other by their shapes and are no chain.
struct UnknownMixtureTests {
    private func checkpoint(_ shapes: [(name: String, shape: [Int])]) throws -> Checkpoint {
        var (members, place): ([String], Int) = ([], 0)
        for (name, shape) in shapes {
            let size = 4 * shape.reduce(1, *)
            members.append(#""\#(name)":{"dtype":"F32","shape":\#(shape),"data_offsets":[\#(place),\#(place + size)]}"#)
            place += size
        }
        let header = "{" + members.joined(separator: ",") + "}"
        let bytes =
            withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) } + Array(header.utf8)
            + [UInt8](repeating: 0, count: place)
        return try bytes.withUnsafeBytes { try Checkpoint.open(ByteRegion(copying: $0), path: "input") }
    }

    private func architecture(_ shapes: [(name: String, shape: [Int])]) throws -> String {
        let checkpoint = try checkpoint(shapes)
        return "\(try Chain.architecture(of: checkpoint, catalog: LayerCatalog(checkpoint), given: nil).architecture)"
    }

    @Test func expertsAndTheirRouterAreNoChain() throws {
        let experts = (0..<3).flatMap { [("experts.\($0).fc1.weight", [14, 10]), ("experts.\($0).fc2.weight", [10, 14])] }
        #expect(try architecture(experts + [("head.weight", [3, 10])]).hasSuffix("head"))
        let problem = #expect(throws: Problem.self) { try architecture(experts + [("gate.weight", [3, 10])]) }
        #expect(problem?.description.contains("tensor 'gate.weight': chooses among experts") == true)
    }
}
