import Checkpoints
import Modularity
import Pages
import Pictures
import Tensors
import Text

/// The weights of one layer, rows and columns in the order of their clusters.
struct WeightMap {
    let drawing: Drawing
    /// The clusters' sizes, and the share of squared weight from each to each.
    let table: PageTable

    /// The picture has at most so many cells in each direction.
    private static let side = 640
    /// More clusters than this have no column each.
    private static let mostColumns = 16

    init(_ layer: Layer, _ clustering: LayerClustering, _ scored: ScoredLayer, path: String, method: String?, seed: UInt64) throws {
        let weights = try layer.weights()
        let (rows, columns) = (Self.order(clustering.outLabels), Self.order(clustering.inLabels))
        let matrix = ReducedMatrix(
            rows: weights.rows, columns: weights.columns, side: Self.side, method: .maximum,
            order: ReducedMatrix.Order(rows: rows, columns: columns)
        ) { row, entries in
            switch weights {
            case .single(let matrix): matrix.withRow(row) { for (place, value) in $0.enumerated() { entries[place] = abs(value) } }
            case .double(let matrix): matrix.withRow(row) { for (place, value) in $0.enumerated() { entries[place] = Float(abs(value)) } }
            }
        }
        let noise = scored.null?.mean.map { " (noise \(ByteText.fixed($0, digits: 2)))" } ?? ""
        let score = scored[.clusterability].map { ByteText.fixed($0, digits: 2) } ?? "undefined"
        let k = clustering.clusterCount
        let chart = HeatMap(
            title: "\(layer.name.singleLine), k = \(k): clusterability \(score)\(noise)",
            caption: [path.singleLine, method.map { "method \($0)" }, "seed \(seed)"].compactMap(\.self).joined(separator: " · "),
            alternative:
                "The magnitudes of \(weights.rows) x \(weights.columns) weights of \(layer.name.singleLine) in the order of \(k) clusters; "
                + "\(score) of the squared weight lies inside the blocks of the clusters" + noise + ".",
            rows: HeatMap.Side(
                count: rows.count, title: "out-neurons by cluster", clusters: rows.map { clustering.outLabels[$0] }),
            columns: HeatMap.Side(
                count: columns.count, title: "in-neurons by cluster", clusters: columns.map { clustering.inLabels[$0] }),
            values: .reduced(matrix, .maximum), valueTitle: "|weight|", shareInRange: 0.995)
        drawing = Figure(chart).drawing(width: ReportBuilder.figureWidth)
        table = Self.table(weights, clustering)
    }

    /// The neurons by cluster, those without one last.
    private static func order(_ labels: Labels) -> [Int] {
        labels.values.indices.sorted { (rank(labels[$0]), $0) < (rank(labels[$1]), $1) }
    }

    private static func rank(_ label: Int) -> Int { label == Labels.none ? Int.max : label }

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
