import Tensors
import Testing

@testable import Networks

/// What operations state about neurons: how they pass through, and how an operation is restricted to some of them.
struct RestrictionTests {
    private static func random(_ shape: [Int], _ seed: UInt64, _ scale: Double) -> Tensor {
        OperationCheck.random(shape, seed: seed, scale: scale)
    }

    /// An operation and the neurons to restrict it to.
    struct Case: Sendable, CustomTestStringConvertible {
        let operation: any Operation
        let inputs: [Tensor]
        var parameters: [Tensor] = []
        var tokens: TokenBatch?
        let neurons: [Int]

        var testDescription: String { "\(operation.name) \(neurons)" }
    }

    static let cases: [Case] = {
        let rows = random([3, 6], 1, 1)
        let images = random([2, 4, 6, 5], 2, 1)
        let sequences = random([2, 3, 8], 3, 1)
        let keys = random([2, 3, 4], 4, 1)
        let tokens = TokenBatch(ids: [3, 0, 2, 1], samples: 2, length: 2)
        func heads(_ numbers: [Int]) -> [Int] { numbers.flatMap { [2 * $0, 2 * $0 + 1] } }
        return [
            Case(operation: Linear(), inputs: [rows], parameters: [random([5, 6], 5, 1), random([5], 6, 1)], neurons: [4, 0, 2]),
            Case(
                operation: Linear(layout: .inOut), inputs: [rows], parameters: [random([6, 5], 5, 1), random([5], 6, 1)], neurons: [1, 3]),
            Case(operation: Linear(), inputs: [rows], parameters: [random([5, 6], 5, 1)], neurons: [2]),
            Case(
                operation: Convolution(padding: (1, 1)), inputs: [images], parameters: [random([5, 4, 3, 3], 5, 1), random([5], 6, 1)],
                neurons: [3, 1]),
            Case(
                operation: BatchNorm(), inputs: [images],
                parameters: [random([4], 5, 1), random([4], 6, 1), random([4], 7, 1), Tensor(shape: [4], [1, 2, 3, 4])], neurons: [2, 0]),
            Case(operation: Activation(.gelu), inputs: [rows], neurons: [5, 1]),
            Case(operation: Identity(name: "dropout"), inputs: [rows], neurons: [5, 1]),
            Case(operation: GatedProduct(), inputs: [rows, random([3, 6], 8, 1)], neurons: [0, 3]),
            Case(operation: Sum(), inputs: [rows, random([3, 6], 8, 1), random([3, 6], 9, 1)], neurons: [2, 3]),
            Case(operation: MaxPool(kernel: (2, 2)), inputs: [images], neurons: [3, 0]),
            Case(operation: AveragePool(kernel: (2, 2), padding: (1, 1)), inputs: [images], neurons: [1]),
            Case(operation: AdaptiveAveragePool(output: (2, 1)), inputs: [images], neurons: [2, 1]),
            Case(
                operation: Embedding(layout: .rows), inputs: [], parameters: [random([4, 5], 5, 1)], tokens: tokens, neurons: [4, 1]),
            Case(
                operation: PositionEmbedding(layout: .columns), inputs: [], parameters: [random([5, 4], 5, 1)], tokens: tokens,
                neurons: [0, 3]),
            Case(operation: Slice(start: 1, length: 2, stride: 4, blocks: 2), inputs: [sequences], neurons: [2, 3]),
            Case(
                operation: HeadNorm(headDimension: 2, kind: .layer, epsilon: 1e-5), inputs: [sequences],
                parameters: [random([2], 5, 1), random([2], 6, 1)], neurons: heads([3, 1])),
            Case(
                operation: Rotary(headDimension: 2, rotated: 2, frequencies: [0.5], pairing: .halves), inputs: [sequences],
                neurons: heads([0, 2])),
            Case(
                operation: Attention(heads: 4, keyHeads: 2, headDimension: 2, scale: 0.7, mask: .causal), inputs: [sequences, keys, keys],
                neurons: heads([2, 3])),
            Case(
                operation: Attention(heads: 4, keyHeads: 2, headDimension: 2, scale: 0.7, mask: .window(2)),
                inputs: [sequences, keys, keys], neurons: heads([1, 3])),
            Case(
                operation: AttentionScores(heads: 4, keyHeads: 2, headDimension: 2, scale: 0.7, mask: .none), inputs: [sequences, keys],
                neurons: [1, 2]),
            Case(
                operation: Attention(
                    heads: 4, keyHeads: 2, headDimension: 2, scale: 0.7, adjustment: .slopes([1, 2, 3, 4]), mask: .causal),
                inputs: [sequences, keys, keys], neurons: heads([1, 2])),
            Case(
                operation: AttentionScores(
                    heads: 4, keyHeads: 2, headDimension: 2, scale: 0.7, adjustment: .slopes([1, 2, 3, 4]), mask: .causal),
                inputs: [sequences, keys], neurons: [3]),
            Case(
                operation: AttentionScores(heads: 4, keyHeads: 2, headDimension: 2, scale: 3, adjustment: .cap(2), mask: .causal),
                inputs: [sequences, keys], neurons: [0]),
            Case(operation: SoftCap(0.5), inputs: [rows], neurons: [5, 1]),
            Case(operation: Scaling(0.5), inputs: [rows], neurons: [5, 1]),
            Case(operation: RMSNorm(epsilon: 1e-5), inputs: [rows], parameters: [random([6], 5, 1)], neurons: [0, 1, 2, 3, 4, 5]),
            Case(
                operation: LayerNorm(epsilon: 1e-5), inputs: [rows], parameters: [random([6], 5, 1), random([6], 6, 1)],
                neurons: [0, 1, 2, 3, 4, 5]),
            Case(
                operation: AttentionValues(heads: 4, keyHeads: 2, headDimension: 2), inputs: [random([2, 4, 3, 3], 5, 1), keys],
                neurons: heads([0, 1])),
        ]
    }()

    /// Some neurons of a tensor, in a tensor of their own.
    private func selecting(_ neurons: [Int], of tensor: Tensor) -> Tensor {
        let places = NeuronPlaces(tensor.shape, .usual)
        var shape = tensor.shape
        shape[shape.count == 4 ? 1 : shape.count - 1] = neurons.count
        var elements: [Float] = []
        for outer in 0..<places.outer {
            for neuron in neurons {
                let first = (outer * places.neurons + neuron) * places.inner
                elements += tensor.elements[first..<first + places.inner]
            }
        }
        return Tensor(shape: shape, elements)
    }

    @Test(arguments: cases) func aRestrictedOperationMakesTheSameNeurons(of given: Case) throws {
        let whole = OperationCheck(operation: given.operation, inputs: given.inputs, parameters: given.parameters, tokens: given.tokens)
        let wanted = selecting(given.neurons, of: try whole.forward())
        let part = try #require(given.operation.restricted(to: given.neurons, parameters: given.parameters))
        let inputs =
            switch part.reading {
            case .all: given.inputs
            case .same: given.inputs.map { selecting(given.neurons, of: $0) }
            case .each(let neurons): zip(given.inputs, neurons).map { selecting($1, of: $0) }
            }
        let found = try OperationCheck(operation: part.operation, inputs: inputs, parameters: part.parameters, tokens: given.tokens)
            .forward()
        #expect(found.shape == wanted.shape)
        for (a, b) in zip(found.elements, wanted.elements) { #expect(a == b || abs(a - b) < 1e-5) }
    }

    @Test func flatteningKeepsAllPlacesOfAChannelTogether() throws {
        // Channel 2 of 4 with six places each.
        let part = try #require(Flatten().restricted(to: Array(12..<18), parameters: []))
        let image = OperationCheck.random([2, 1, 3, 2], seed: 1)
        #expect(try OperationCheck(operation: part.operation, inputs: [image]).forward().elements == image.elements)
        #expect(Flatten().neurons == .flattens)
    }

    @Test func whatTakesNeuronsTogetherCannotMakeSomeAlone() {
        let parameters = [Tensor(shape: [4], [1, 1, 1, 1])]
        for operation in [LayerNorm(epsilon: 0), RMSNorm(epsilon: 0), Softmax()] as [any Operation] {
            #expect(operation.restricted(to: [0], parameters: parameters) == nil && operation.neurons == .mixes)
            #expect(operation.restricted(to: [1, 0, 2, 3], parameters: parameters) == nil)
        }
        let grouped = Convolution(groups: 2)
        #expect(grouped.restricted(to: [0], parameters: [OperationCheck.random([4, 1, 1, 1], seed: 1)]) == nil)
        // Half a head, and heads that share key heads unevenly.
        let attention = Attention(heads: 4, keyHeads: 2, headDimension: 2, scale: 1, mask: .causal)
        #expect(attention.restricted(to: [0], parameters: []) == nil)
        #expect(attention.restricted(to: [0, 1, 2, 3, 4, 5], parameters: []) == nil)
        #expect(HeadNorm(headDimension: 2, kind: .layer, epsilon: 0).restricted(to: [1, 2], parameters: parameters) == nil)
        #expect(Rotary(headDimension: 2, rotated: 0, frequencies: [], pairing: .halves).restricted(to: [1], parameters: []) == nil)
        #expect(Slice(start: 0, length: 2, stride: 4, blocks: 2).restricted(to: [1, 2], parameters: []) == nil)
    }

    @Test func weightsSayWhereTheirNeuronsLie() {
        #expect(Linear().neurons == .produces(NeuronWeights(outDimension: 0, inDimension: 1, form: .rows)))
        #expect(Linear(layout: .inOut).neurons == .produces(NeuronWeights(outDimension: 1, inDimension: 0, form: .rows)))
        #expect(
            Convolution(padding: (0, 1), groups: 2).neurons
                == .produces(NeuronWeights(outDimension: 0, inDimension: 1, form: .images, groups: 2, padsWithZeros: true)))
        #expect(Embedding(layout: .rows).neurons == .produces(NeuronWeights(outDimension: 1, inDimension: nil, form: .rows)))
        #expect(AveragePool(kernel: (2, 2), padding: (1, 1)).neurons == .windows(keepsConstants: false))
        #expect(AveragePool(kernel: (2, 2)).neurons == .windows(keepsConstants: true))
    }
}
