import Checkpoints
import Modularity

extension WeightGraph {
    /// The graph of the given layers, whose weights are read when they are needed.
    ///
    /// - Parameter names: layers in whose names and places these stand: the same random numbers then serve the same layer of two checkpoints.
    package init(_ layers: [Checkpoints.Layer], named names: [Checkpoints.Layer]? = nil) {
        self.init(
            layers: zip(names ?? layers, layers).map { named, layer in
                WeightGraph.Layer(name: named.name, place: named.place, rows: layer.outNeurons, columns: layer.inNeurons) {
                    try layer.weights()
                }
            })
    }
}
