import Tensors
import Testing
import Text

@testable import Networks

/// The operations of encoders and of networks of images.
struct EncoderOperationTests {
    private let tokens = TokenBatch(ids: [3, 1, 3, 1, 1, 2], samples: 2, length: 3)

    private func rows(_ shape: [Int], from first: Float = 1) -> Tensor {
        Tensor(shape: shape, (0..<shape.reduce(1, *)).map { first + Float($0) })
    }

    private func output(_ operation: any Operation, _ inputs: [Tensor], _ parameters: [Tensor] = [], _ tokens: TokenBatch? = nil) throws
        -> [Float]
    {
        try OperationCheck(operation: operation, inputs: inputs, parameters: parameters, tokens: tokens).forward().elements
    }

    @Test func everyPositionHasTheOneEntry() throws {
        #expect(try output(RepeatedEntry(entry: 1), [], [rows([2, 2])], tokens) == [3, 4, 3, 4, 3, 4, 3, 4, 3, 4, 3, 4])
    }

    @Test func paddingIsNotCounted() throws {
        // 3 counts as position 2 and 1 is padding; the next 3 is position 3. The second sample begins with two paddings.
        #expect(try output(PaddedPositionEmbedding(padding: 1), [], [rows([5, 1], from: 0)], tokens) == [2, 1, 3, 1, 1, 2])
        #expect(throws: Problem("a sequence is longer than the model's positions", expected: "at most 2 tokens", found: "3")) {
            try PaddedPositionEmbedding(padding: 1).outputShape(
                inputs: [], parameters: [[4, 1]], batch: .tokens(samples: 1, length: 3))
        }
    }

    @Test func everySampleHasTheTablesRows() throws {
        let images = Tensor(shape: [2, 1], [0, 0])
        let check = OperationCheck(operation: PositionRows(), inputs: [images], parameters: [rows([3, 1])])
        #expect(try check.forward().elements == [1, 2, 3, 1, 2, 3])
    }

    @Test func rowsAreInsertedWhereTheyBelong() throws {
        let sequence = rows([2, 2, 1])
        #expect(try output(InsertedRows(), [sequence], [rows([1, 1], from: 8), rows([1, 1], from: 9)]) == [8, 9, 1, 2, 8, 9, 3, 4])
        #expect(try output(InsertedRows(position: 1), [sequence], [rows([1, 1], from: 8)]) == [1, 8, 2, 3, 8, 4])
        #expect(try output(InsertedRows(position: 2), [sequence], [rows([1, 1], from: 8)]) == [1, 2, 8, 3, 4, 8])
    }

    @Test func oneRowOrTheMeanOfRowsIsLeft() throws {
        let sequence = rows([2, 3, 2])
        #expect(try output(SelectedRow(position: 1), [sequence]) == [3, 4, 9, 10])
        #expect(try output(MeanRow(first: 1), [sequence]) == [4, 5, 10, 11])
        #expect(try output(Mean(), [rows([2]), rows([2], from: 5)].map { $0.reshaped([1, 2]) }) == [3, 4])
        #expect(try output(SideBySide(), [rows([2, 2]), rows([2, 1], from: 8)]) == [1, 2, 8, 3, 4, 9])
    }

    @Test func rowsAreScaledToUnitLength() throws {
        #expect(try output(UnitRow(), [Tensor(shape: [2, 2], [3, 4, 0, 0])]) == [0.6, 0.8, 0, 0])
    }

    @Test func placesBecomePositionsAndBack() throws {
        let image = rows([1, 2, 1, 3])
        #expect(try output(ImageRows(), [image]) == [1, 4, 2, 5, 3, 6])
        #expect(try output(RowsImage(), [Tensor(shape: [1, 3, 2], [1, 4, 2, 5, 3, 6]), image]) == [1, 2, 3, 4, 5, 6])
    }

    @Test func channelsAreScaled() throws {
        #expect(try output(ChannelScale(), [rows([2, 2])], [Tensor(shape: [2], [2, 10])]) == [2, 20, 6, 40])
        #expect(
            try output(ChannelGate(), [rows([1, 2, 1, 2]), Tensor(shape: [1, 2, 1, 1], [2, 10])]) == [2, 4, 30, 40])
    }

    static let cases: [(String, any Operation)] = [
        ("repeated_entry", RepeatedEntry(entry: 1)), ("padded_positions", PaddedPositionEmbedding(padding: 1)),
        ("inserted_rows", InsertedRows(position: 1)), ("selected_row", SelectedRow(position: 1)), ("mean_row", MeanRow(first: 1)),
        ("unit_row", UnitRow()), ("side_by_side", SideBySide()), ("mean", Mean()), ("image_rows", ImageRows()),
        ("rows_image", RowsImage()), ("channel_scale", ChannelScale()), ("channel_gate", ChannelGate()),
    ]

    @Test(arguments: cases)
    func outputsAndGradientsArePyTorchs(_ name: String, _ operation: any Operation) throws {
        try OperationCheck.expectMatchesPyTorch(operation, file: "encoders.safetensors", name, tolerance: 1e-6)
    }

    @Test func gradientsAreDifferencesForAnyNumberOfThreads() throws {
        func random(_ shape: [Int]) -> Tensor { OperationCheck.random(shape, seed: 3) }
        let images = random([2, 3, 2, 3])
        let sequence = random([2, 3, 4])
        let checks = [
            OperationCheck(operation: RepeatedEntry(entry: 1), inputs: [], parameters: [random([3, 2])], tokens: tokens),
            // Of entries that get a gradient: no token is the padding.
            OperationCheck(operation: PaddedPositionEmbedding(padding: 0), inputs: [], parameters: [random([6, 2])], tokens: tokens),
            OperationCheck(operation: InsertedRows(position: 1), inputs: [sequence], parameters: [random([2, 4]), random([1, 4])]),
            OperationCheck(operation: SelectedRow(position: 2), inputs: [sequence]),
            OperationCheck(operation: MeanRow(first: 1), inputs: [sequence]),
            OperationCheck(operation: UnitRow(), inputs: [sequence]),
            OperationCheck(operation: SideBySide(), inputs: [sequence, random([2, 3, 1])]),
            OperationCheck(operation: Mean(), inputs: [sequence, random([2, 3, 4])]),
            OperationCheck(operation: ImageRows(), inputs: [images]),
            OperationCheck(operation: RowsImage(), inputs: [random([2, 6, 3]), images]),
            OperationCheck(operation: ChannelScale(), inputs: [sequence], parameters: [random([4])]),
            OperationCheck(operation: ChannelGate(), inputs: [images, random([2, 3, 1, 1])]),
        ]
        for check in checks {
            try check.expectDifferencesAgree()
            try check.expectThreadsAgree()
        }
        let many = TokenBatch(ids: (0..<600).map { Int32($0 * $0 % 7) }, samples: 2, length: 300)
        for operation in [RepeatedEntry(), PaddedPositionEmbedding(padding: 1)] as [any Operation] {
            try OperationCheck(operation: operation, inputs: [], parameters: [random([303, 133])], tokens: many).expectThreadsAgree()
        }
        try OperationCheck(operation: ImageRows(), inputs: [random([3, 65, 17, 19])]).expectThreadsAgree()
        try OperationCheck(operation: ChannelScale(), inputs: [random([700, 131])], parameters: [random([131])]).expectThreadsAgree()
    }

    @Test func someNeuronsAreMadeAsAllAre() throws {
        func random(_ shape: [Int]) -> Tensor { OperationCheck.random(shape, seed: 5) }
        let wanted = [3, 1]
        for (operation, input, parameters) in [
            (InsertedRows(position: 1), random([2, 3, 4]), [random([2, 4])]), (SelectedRow(position: 1), random([2, 3, 4]), []),
            (MeanRow(), random([2, 3, 4]), []), (ChannelScale(), random([2, 3, 4]), [random([4])]),
        ] as [(any Operation, Tensor, [Tensor])] {
            let whole = try OperationCheck(operation: operation, inputs: [input], parameters: parameters).forward()
            let part = try #require(operation.restricted(to: wanted, parameters: parameters))
            #expect(part.reading == .same)
            let some = try OperationCheck(
                operation: part.operation, inputs: [WeightSlices.columns(wanted, of: input.reshaped([6, 4])).reshaped([2, 3, 2])],
                parameters: part.parameters
            ).forward()
            let expected = WeightSlices.columns(wanted, of: whole.reshaped([whole.count / 4, 4]))
            #expect(some.elements == expected.elements, "\(operation.name)")
        }
    }

    @Test func whatDoesNotFitIsRefused() {
        func refuses(_ operation: any Operation, _ inputs: [[Int]], _ parameters: [[Int]] = [], _ batch: BatchShape = .values([1])) {
            #expect(throws: Problem.self) { try operation.outputShape(inputs: inputs, parameters: parameters, batch: batch) }
        }
        refuses(RepeatedEntry(entry: 3), [], [[3, 2]], .tokens(samples: 1, length: 2))
        refuses(RepeatedEntry(), [], [[3, 2]])
        refuses(PositionRows(), [], [[3]])
        refuses(InsertedRows(), [[1, 2, 3]], [[1, 4]])
        refuses(InsertedRows(position: 3), [[1, 2, 3]], [[1, 3]])
        refuses(SelectedRow(position: 2), [[1, 2, 3]])
        refuses(MeanRow(first: 2), [[1, 2, 3]])
        refuses(SideBySide(), [[1, 2], [2, 2]])
        refuses(Mean(), [[1, 2], [1, 3]])
        refuses(ImageRows(), [[1, 2, 3]])
        refuses(RowsImage(), [[1, 5, 3], [1, 3, 2, 3]])
        refuses(ChannelScale(), [[1, 3]], [[2]])
        refuses(ChannelGate(), [[1, 3, 2, 2], [1, 3, 2, 2]])
    }
}
