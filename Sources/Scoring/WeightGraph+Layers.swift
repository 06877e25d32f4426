import Checkpoints
import Modularity

extension WeightGraph {
    /// The graph of the given layers, whose weights are read when they are needed.
    ///
    /// - Parameter names: layers whose names and places these get, so that the same layer of two checkpoints uses the same random numbers.
    package init(_ layers: [Checkpoints.Layer], named names: [Checkpoints.Layer]? = nil) {
        self.init(
            layers: zip(names ?? layers, layers).map { named, layer in
                WeightGraph.Layer(name: named.name, place: named.place, rows: layer.outNeurons, columns: layer.inNeurons) {
                    try layer.weights()
                }
            })
    }
}
