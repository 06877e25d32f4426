import Archives
import Tensors
import Testing
import Text

@testable import Networks

struct RotaryTests {
    private let random = OperationCheck.random

    @Test func a_quarter_turn_a_position() throws {
        // Two positions of one head (1, 2, 9), of which two elements turn: (1, 2) becomes (-2, 1) at position 1.
        for pairing in [Rotary.Pairing.halves, .neighbours] {
            let check = OperationCheck(
                operation: Rotary(headDimension: 3, rotated: 2, frequencies: [.pi / 2], pairing: pairing),
                inputs: [Tensor(shape: [1, 2, 3], [1, 2, 9, 1, 2, 9])])
            let expected: [Float] = [1, 2, 9, -2, 1, 9]
            #expect(zip(try check.forward().elements, expected).allSatisfy { abs($0 - $1) < 2e-7 })
        }
    }

    /// The angles are `inv_freq` of transformers 5.24's StableLmRotaryEmbedding and LlamaRotaryEmbedding.
    @Test func the_family_says_whether_a_part_of_each_head_turns() throws {
        func described(_ section: String, head: Int, _ turned: RotaryNames.Turned) throws -> RotaryDescription {
            let settings = try Configuration(ByteRegion(copying: #"{"rope_parameters": {"rope_theta": 100.0\#(section)}}"#.utf8))
            return try RotaryDescription(settings, headDimension: head, names: RotaryNames(turned: turned))
        }
        func agree(_ frequencies: [Float], _ expected: [Float]) -> Bool {
            frequencies.count == expected.count && zip(frequencies, expected).allSatisfy { abs($0 - $1) <= 2e-7 * $1 }
        }
        let part = RotaryNames.Turned.part(["partial_rotary_factor"], standard: 0.25)
        let half = #", "partial_rotary_factor": 0.5"#
        let standard = try described("", head: 40, part)
        #expect(standard.rotated == 10)
        #expect(agree(standard.frequencies, [1.0, 0.39810717, 0.15848932, 0.06309573, 0.025118863]))
        let given = try described(half, head: 24, part)
        #expect(given.rotated == 12)
        #expect(agree(given.frequencies, [1.0, 0.4641589, 0.21544345, 0.1, 0.046415884, 0.02154435]))
        let whole = try described(half, head: 8, .whole)
        #expect(whole.rotated == 8)
        #expect(agree(whole.frequencies, [1.0, 0.31622776, 0.1, 0.031622775]))
        #expect(throws: Problem.self) { try described(half + #", "rope_type": "linear", "factor": 2.0"#, head: 8, .whole) }
    }

    @Test func pairs_are_halves_or_neighbours() throws {
        // Four elements, the second pair does not turn.
        func turned(_ pairing: Rotary.Pairing) throws -> [Float] {
            try OperationCheck(
                operation: Rotary(headDimension: 4, rotated: 4, frequencies: [.pi, 0], pairing: pairing),
                inputs: [Tensor(shape: [1, 2, 4], [1, 2, 3, 4, 1, 2, 3, 4])]
            ).forward().elements.suffix(4).map { $0.rounded() }
        }
        #expect(try turned(.halves) == [-1, 2, -3, 4])
        #expect(try turned(.neighbours) == [-1, -2, 3, 4])
    }

    @Test(
        arguments: [
            ("rotary_halves", 8, 8, .halves, 1), ("rotary_partial", 9, 6, .halves, 1), ("rotary_neighbours", 6, 6, .neighbours, 1),
            ("rotary_neighbours_partial", 7, 4, .neighbours, 1.25), ("rotary_scaled", 34, 34, .halves, 1.5),
            ("rotary_one", 4, 4, .halves, 1),
        ] as [(String, Int, Int, Rotary.Pairing, Float)])
    func turns_are_those_of_transformers(name: String, dimension: Int, rotated: Int, pairing: Rotary.Pairing, scale: Float) throws {
        let operation = Rotary(
            headDimension: dimension, rotated: rotated, frequencies: try SequenceFile.numbers("\(name).frequencies"), pairing: pairing,
            attentionScale: scale)
        try OperationCheck.expectMatchesPyTorch(operation, file: SequenceFile.name, name, tolerance: 1e-6)
    }

    @Test(arguments: [Rotary.Pairing.halves, .neighbours])
    func gradients_are_differences_and_do_not_depend_on_the_number_of_threads(pairing: Rotary.Pairing) throws {
        let operation = Rotary(headDimension: 5, rotated: 4, frequencies: [0.7, 0.1], pairing: pairing, attentionScale: 1.5)
        try OperationCheck(operation: operation, inputs: [random([2, 3, 10], 1, 1)]).expectDifferencesAgree()
        try OperationCheck(operation: operation, inputs: [random([2, 300, 150], 1, 1)]).expectThreadsAgree()
    }

    @Test func what_does_not_fit_is_refused() {
        func shape(_ dimension: Int, _ rotated: Int, _ frequencies: Int, _ input: [Int]) throws -> [Int] {
            try Rotary(
                headDimension: dimension, rotated: rotated, frequencies: [Float](repeating: 1, count: frequencies), pairing: .halves
            ).outputShape(inputs: [input], parameters: [], batch: .values(input))
        }
        #expect(throws: Problem.self) { try shape(4, 3, 1, [1, 2, 8]) }
        #expect(throws: Problem.self) { try shape(4, 6, 3, [1, 2, 8]) }
        #expect(throws: Problem.self) { try shape(4, 4, 1, [1, 2, 8]) }
        #expect(throws: Problem.self) { try shape(4, -2, 0, [1, 2, 8]) }
        #expect(throws: Problem.self) { try shape(0, 0, 0, [1, 2, 8]) }
        #expect(throws: Problem.self) { try shape(4, 4, 2, [1, 2, 7]) }
        #expect(throws: Problem.self) { try shape(4, 4, 2, [2, 8]) }
    }
}
