import Checkpoints
import Modularity
import Tensors

extension WeightGraph {
    /// The graph of the given layers, whose weights are read when they are needed.
    ///
    /// - Parameter names: layers whose names and places these get, so that the same layer of two checkpoints uses the same random numbers.
    package init(_ layers: [Checkpoints.Layer], named names: [Checkpoints.Layer]? = nil) {
        var graph: [WeightGraph.Layer] = []
        for (named, layer) in zip(names ?? layers, layers) {
            var readRows: (@Sendable (Range<Int>) throws -> WeightMatrix)?
            if layer.isSinglePrecision { readRows = { rows in try layer.weights(rows: rows) } }
            graph.append(
                WeightGraph.Layer(
                    name: named.name, place: named.place, rows: layer.outNeurons, columns: layer.inNeurons, readRows: readRows,
                    read: { try layer.weights() }))
        }
        self.init(layers: graph)
    }
}
