import Checkpoints
import Modularity
import Plots

extension DrawnLayer {
    /// A layer with its clusters and scores.
    init(_ layer: Layer, _ found: ModelAnalysis.Layer) {
        self.init(
            name: layer.name, outClusters: found.clustering.outLabels.values, inClusters: found.clustering.inLabels.values,
            clusterCount: found.clustering.clusterCount, clusterability: found.measures.clusterability, noise: found.null?.mean,
            forEachRow: Self.rows(of: layer))
    }

    /// The rows of a layer in single precision, read a few megabytes at a time.
    static func rows(of layer: Layer) -> Rows {
        { body in
            let band = max(1, (1 << 20) / max(1, layer.inNeurons))
            var first = 0
            while first < layer.outNeurons {
                let end = min(layer.outNeurons, first + band)
                switch try layer.weights(rows: first..<end) {
                case .single(let matrix):
                    for row in 0..<matrix.rows { try matrix.withRow(row) { try body(first + row, $0) } }
                case .double(let matrix):
                    var narrow = [Float](repeating: 0, count: matrix.columns)
                    for row in 0..<matrix.rows {
                        matrix.withRow(row) { for (column, weight) in $0.enumerated() { narrow[column] = Float(weight) } }
                        try narrow.withUnsafeBufferPointer { try body(first + row, $0) }
                    }
                }
                first = end
            }
        }
    }
}
