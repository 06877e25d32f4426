import Tensors

/// A layer's weights while it is worked on: in memory, or read anew for each step, so that what a step makes of them has their room.
enum LayerWeights {
    case held(WeightMatrix)
    /// Weights in single precision in a file.
    case inFile(WeightGraph.Layer, readRows: @Sendable (Range<Int>) throws -> WeightMatrix, rowsAtOnce: Int)

    /// So many weights are read at once where a step takes rows.
    private static let weightsAtOnce = 1 << 22

    /// The weights of a file that are too many to be in memory beside as many other numbers; nil for any others.
    init?(large layer: WeightGraph.Layer) {
        guard let readRows = layer.readRows, layer.rows * layer.columns > ModelAnalysis.largestSideBySide else { return nil }
        self = .inFile(layer, readRows: readRows, rowsAtOnce: max(1, Self.weightsAtOnce / layer.columns))
    }

    /// All weights. Whoever needs them for several things asks once.
    func matrix() throws -> WeightMatrix {
        switch self {
        case .held(let weights): weights
        case .inFile(let layer, _, _): try layer.weights()
        }
    }

    /// The normalised weights, whose rows come from the file where the weights are there.
    func normalized(by sums: AbsoluteSums) -> NormalizedWeights {
        switch self {
        case .held(let weights): NormalizedWeights(weights, sums: sums)
        case .inFile(_, let readRows, let rowsAtOnce): NormalizedWeights(rowsAtOnce: rowsAtOnce, sums: sums, read: readRows)
        }
    }
}
