import Checkpoints
import Networks
import Tensors
import Testing

/// Files of values that other libraries computed: what a network reads, and what must come out of it.
enum ReferenceValues {
    /// The samples of a file: `tokens` or `input`.
    static func batch(_ values: Checkpoint) throws -> Batch {
        if let tokens = values["tokens"] {
            return .tokens(TokenBatch(ids: tokens.doubles().map { Int32($0) }, samples: tokens.shape[0], length: tokens.shape[1]))
        }
        let input = try #require(values["input"])
        return .values(Tensor(shape: input.shape, input.floats()))
    }

    /// Expects numbers that differ by no more than a part of the largest, which is taken for 1 if it is smaller.
    static func close(_ found: [Float], _ expected: [Float], within tolerance: Float, _ what: String) {
        let scale = max(1, expected.map(abs).max() ?? 1)
        let worst = zip(found, expected).map { abs($0 - $1) }.max() ?? 0
        #expect(found.count == expected.count && worst <= tolerance * scale, "\(what): off by \(worst) of \(scale)")
    }
}
