import Checkpoints
import Modularity
import Pages
import Pictures
import Plots
import Tensors

/// The weights of one layer as `score --format svg` draws them, and its clusters as a table.
struct WeightMap {
    let drawing: Drawing
    /// The clusters' sizes, and the share of squared weight from each to each.
    let table: PageTable

    /// More clusters than this have no column each.
    private static let mostColumns = 16

    /// - Parameter source: what the caption says of the clusters.
    init(_ layer: Layer, _ scores: ModelAnalysis.Layer, path: String, source: String) throws {
        let pictures = WeightPictures(models: [DrawnModel(path: path, layers: [DrawnLayer(layer, scores)])], source: source)
        drawing = try pictures.figure(0).drawing(width: ReportBuilder.figureWidth, images: 2)
        table = Self.table(try layer.weights(), scores.clustering)
    }

    private static func table(_ weights: WeightMatrix, _ clustering: LayerClustering) -> PageTable {
        let k = clustering.clusterCount
        let (out, into) = (clustering.outLabels, clustering.inLabels)
        var sums = [Double](repeating: 0, count: k * k)
        var total = 0.0
        weights.forEachRow { row, values in
            var own = [Double](repeating: 0, count: k)
            for (column, value) in values.enumerated() {
                total += value * value
                if into[column] >= 0 { own[into[column]] += value * value }
            }
            if out[row] >= 0 { for cluster in 0..<k { sums[out[row] * k + cluster] += own[cluster] } }
        }
        let (outSizes, inSizes) = (out.sizes(clusters: k), into.sizes(clusters: k))
        let isShown = k <= mostColumns
        let rows = (0..<k).map { cluster -> [PageTable.Cell] in
            var cells: [PageTable.Cell] = [.init(cluster), .init(outSizes[cluster]), .init(inSizes[cluster])]
            for other in isShown ? Array(0..<k) : [cluster] { cells.append(.init(total > 0 ? sums[cluster * k + other] / total : nil)) }
            return cells
        }
        return PageTable(
            title: isShown
                ? "Clusters: neurons, and the share of squared weight from each in-cluster"
                : "Clusters: neurons, and the share of squared weight inside",
            columns: ["cluster", "out_neurons", "in_neurons"] + (isShown ? (0..<k).map { "from_\($0)" } : ["inside"]), rows: rows)
    }
}
