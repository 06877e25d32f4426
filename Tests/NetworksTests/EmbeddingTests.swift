import Tensors
import Testing
import Text

@testable import Networks

/// Embeddings of tokens and of positions.
struct EmbeddingTests {
    private let random = OperationCheck.random
    private let tokens = TokenBatch(ids: [2, 0, 2, 1], samples: 2, length: 2)
    private let table = Tensor(shape: [3, 2], [1, 2, 3, 4, 5, 6])
    private let columns = Tensor(shape: [2, 3], [1, 3, 5, 2, 4, 6])

    @Test func an_embedding_takes_its_rows_or_columns() throws {
        for (operation, table) in [(Embedding(layout: .rows, scale: 2), table), (Embedding(layout: .columns, scale: 2), columns)] {
            let output = try OperationCheck(operation: operation, inputs: [], parameters: [table], tokens: tokens).forward()
            #expect(output.shape == [2, 2, 2] && output.elements == [10, 12, 2, 4, 10, 12, 6, 8])
        }
    }

    @Test func positions_take_the_rows_behind_the_offset() throws {
        for (layout, table) in [(Embedding.Layout.rows, table), (.columns, columns)] {
            let check = OperationCheck(
                operation: PositionEmbedding(layout: layout, offset: 1), inputs: [], parameters: [table], tokens: tokens)
            #expect(try check.forward().elements == [3, 4, 5, 6, 3, 4, 5, 6])
        }
    }

    @Test(
        arguments: [
            ("embedding_rows", Embedding(layout: .rows)), ("embedding_scaled", Embedding(layout: .rows, scale: 2.5)),
            ("embedding_columns", Embedding(layout: .columns)), ("positions_rows", PositionEmbedding(layout: .rows)),
            ("positions_columns", PositionEmbedding(layout: .columns)), ("positions_offset", PositionEmbedding(layout: .rows, offset: 2)),
        ] as [(String, any Operation)])
    func repeated_tokens_add_up_as_in_pytorch(name: String, operation: any Operation) throws {
        try OperationCheck.expectMatchesPyTorch(operation, file: SequenceFile.name, name, tolerance: 3e-7)
    }

    @Test(arguments: [Embedding.Layout.rows, .columns])
    func gradients_are_differences_and_do_not_depend_on_the_number_of_threads(layout: Embedding.Layout) throws {
        func parameter(_ entries: Int, _ width: Int) -> Tensor { random(layout == .rows ? [entries, width] : [width, entries], 1, 1) }
        for operation in [Embedding(layout: layout, scale: 0.5), PositionEmbedding(layout: layout, offset: 1)] as [any Operation] {
            try OperationCheck(operation: operation, inputs: [], parameters: [parameter(3, 2)], tokens: tokens).expectDifferencesAgree()
            let many = TokenBatch(ids: (0..<600).map { Int32($0 * $0 % 7) }, samples: 2, length: 300)
            try OperationCheck(operation: operation, inputs: [], parameters: [parameter(301, 133)], tokens: many).expectThreadsAgree()
        }
    }

    @Test func what_does_not_fit_is_refused() {
        #expect(throws: Problem("a sequence is longer than the model's positions", expected: "at most 2 tokens", found: "3")) {
            try PositionEmbedding(layout: .rows, offset: 1).outputShape(
                inputs: [], parameters: [[3, 2]], batch: .tokens(samples: 1, length: 3))
        }
        for offset in [-1, 4, Int.max] {
            #expect(throws: Problem.self) {
                try PositionEmbedding(layout: .rows, offset: offset).outputShape(
                    inputs: [], parameters: [[3, 2]], batch: .tokens(samples: 1, length: 1))
            }
        }
        #expect(throws: Problem("the model reads tokens", expected: "token ids or text", found: "samples of numbers")) {
            try Embedding(layout: .rows).outputShape(inputs: [], parameters: [[3, 2]], batch: .values([1, 4]))
        }
    }
}
