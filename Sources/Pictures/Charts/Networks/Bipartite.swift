import Text

/// One layer as its neurons: those that it reads on the left, those that it writes on the right, both by cluster, joined by the heaviest weights.
///
/// Weights inside a cluster have its colour, others are grey. Where neurons are too many to be told apart, a cluster is drawn as a bar.
package struct Bipartite: Chart {
    package var title: String
    /// What the caller says of seed, method and data.
    package var source: String
    package var alternative: String
    package var inputs: NeuronColumn
    package var outputs: NeuronColumn
    /// Rows are outputs, columns inputs. More than 1,200 are not drawn.
    package var weights: HeaviestWeights

    /// - Parameters:
    ///   - source: The caption; how many weights are drawn is added to it.
    ///   - alternative: The picture in words; composed where it is empty.
    package init(
        title: String, source: String = "", alternative: String = "", inputs: NeuronColumn, outputs: NeuronColumn,
        weights: HeaviestWeights
    ) {
        precondition(
            weights.entries.allSatisfy { outputs.clusters.indices.contains($0.row) && inputs.clusters.indices.contains($0.column) },
            "a weight outside of \(outputs.clusters.count) x \(inputs.clusters.count)")
        self.title = title
        self.source = source
        self.inputs = inputs
        self.outputs = outputs
        self.weights = weights
        self.alternative = alternative
        if alternative.isEmpty { self.alternative = columns.words }
    }

    private var columns: ClusterColumns { ClusterColumns([inputs, outputs], [weights]) }

    package var caption: String { columns.caption(source) }

    package var legend: [LegendEntry] { columns.legend }

    package func plot(in panel: Panel) -> Drawing { columns.drawing(in: panel) }
}

/// A whole network as columns of its neurons by cluster, neighbours joined by the heaviest weights: ``Bipartite`` for a chain of layers.
package struct ChainGraph: Chart {
    package var title: String
    /// What the caller says of seed, method and data.
    package var source: String
    package var alternative: String
    /// The columns from left to right: what the first layer reads, what it writes, which the second reads, and so on.
    package var columns: [NeuronColumn]
    /// The weights between each column and the next: rows are neurons of the right one, columns of the left one. About 2,000 are drawn.
    package var weights: [HeaviestWeights]

    /// - Parameters:
    ///   - source: The caption; how many weights are drawn is added to it.
    ///   - alternative: The picture in words; composed where it is empty.
    package init(title: String, source: String = "", alternative: String = "", columns: [NeuronColumn], weights: [HeaviestWeights]) {
        precondition(weights.count == max(columns.count - 1, 0), "\(weights.count) layers between \(columns.count) columns")
        for (index, layer) in weights.enumerated() {
            let (left, right) = (columns[index].clusters.indices, columns[index + 1].clusters.indices)
            precondition(
                layer.entries.allSatisfy { right.contains($0.row) && left.contains($0.column) },
                "a weight outside of \(right.count) x \(left.count)")
        }
        self.title = title
        self.source = source
        self.columns = columns
        self.weights = weights
        self.alternative = alternative.isEmpty ? ClusterColumns(columns, weights).words : alternative
    }

    package var caption: String { ClusterColumns(columns, weights).caption(source) }

    package var legend: [LegendEntry] { ClusterColumns(columns, weights).legend }

    package func plot(in panel: Panel) -> Drawing { ClusterColumns(columns, weights).drawing(in: panel) }
}
