import Tensors
import Testing

@testable import Modularity

/// Weights that are read from a file in runs of rows, as those of large layers are.
@Suite struct LayerWeightsTests {
    /// A layer whose rows can be read by themselves.
    private static func layer(_ weights: Matrix<Float>) -> WeightGraph.Layer {
        let (rows, columns) = (weights.rows, weights.columns)
        return WeightGraph.Layer(
            name: "w", place: 0, rows: rows, columns: columns,
            readRows: { range in
                .single(
                    Matrix(
                        rows: range.count, columns: columns,
                        Array(weights.elements[range.lowerBound * columns..<range.upperBound * columns])))
            },
            read: { .single(weights) })
    }

    private static func matrix(_ rows: Int, _ columns: Int) -> Matrix<Float> {
        var generator = SeededGenerator(seed: 5)
        // A row and a column of zeros have no degree.
        return Matrix(
            rows: rows, columns: columns,
            (0..<rows * columns).map { index in
                let weight = Float(generator.normal())
                return index / columns == 1 || index % columns == 2 ? 0 : weight
            })
    }

    /// Wide, high and small: the forms of the decomposition.
    @Test(arguments: [(260, 220), (220, 260), (9, 40)])
    func runsOfRowsGiveTheSameBits(rows: Int, columns: Int) throws {
        let matrix = Self.matrix(rows, columns)
        let layer = Self.layer(matrix)
        func spectrum(_ weights: LayerWeights, threads: Int) throws -> BipartiteSpectrum {
            try BipartiteSpectrum(of: weights, name: "w", count: 4, generator: SeededGenerator(seed: 1), threads: threads)
        }
        let held = try spectrum(.held(.single(matrix)), threads: 1)
        #expect(held.values.count == 4)
        for rowsAtOnce in [1, 16, 33, 1000] {
            let read = try spectrum(.inFile(layer, readRows: try #require(layer.readRows), rowsAtOnce: rowsAtOnce), threads: 3)
            #expect(read.values == held.values)
            #expect(read.left == held.left)
            #expect(read.right == held.right)
        }
    }

    private static func isRead(_ layer: WeightGraph.Layer) -> Bool {
        if case .inFile? = LayerWeights(large: layer) { true } else { false }
    }

    @Test func onlyLargeLayersOfFilesAreReadAgain() {
        #expect(!Self.isRead(Self.layer(Self.matrix(3, 4))))
        let large = WeightGraph.Layer(
            name: "w", place: 0, rows: 1 << 13, columns: (1 << 11) + 1, readRows: { _ in .single(.zeros(rows: 0, columns: 0)) },
            read: { .single(.zeros(rows: 0, columns: 0)) })
        guard case .inFile(_, _, let rowsAtOnce)? = LayerWeights(large: large) else {
            Issue.record("is held in memory")
            return
        }
        #expect(rowsAtOnce == 2047)
        let inMemory = WeightGraph.Layer(name: "w", place: 0, rows: 1 << 13, columns: (1 << 11) + 1) {
            .single(.zeros(rows: 0, columns: 0))
        }
        #expect(!Self.isRead(inMemory))
    }
}
