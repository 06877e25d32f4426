import Checkpoints
import Modularity
import Text

extension WeightGraph {
    /// The graph of the given layers, whose weights are read when they are needed.
    init(_ layers: [Checkpoints.Layer]) {
        self.init(
            layers: layers.map { layer in
                WeightGraph.Layer(name: layer.name, place: layer.place, rows: layer.outNeurons, columns: layer.inNeurons) {
                    try layer.weights()
                }
            })
    }
}

extension Diagnostics {
    /// Says what a person should know of a model's clusters: the numbers that were chosen, neurons that are in none.
    ///
    /// - Parameter method: how they were found; nil for the usual method and for given clusters.
    func describe(_ sweep: ModelAnalysis.Sweep, method: ClusteringMethod? = nil, path: String) {
        if sweep.requested == .automatic {
            let counts = sweep.layers.map { "\($0.clustering.clusterCount) for '\($0.clustering.layer)'" }
            note("\(path): -k auto chose " + counts.listed())
        }
        for layer in sweep.layers where layer.measures.clusterability == nil {
            note("\(path): tensor '\(layer.clustering.layer)': all weights are 0, the score is undefined and not part of the mean")
        }
        guard sweep.requested != nil else { return }
        for layer in sweep.layers where layer.measures.clusterability != nil {
            let (out, input) = (layer.clustering.outLabels.isolatedCount, layer.clustering.inLabels.isolatedCount)
            if out + input > 0 {
                note(
                    "\(path): tensor '\(layer.clustering.layer)': \(out) out-neurons and \(input) in-neurons have no "
                        + "\(method == .gradient ? "gradient on the data" : "weights") and are in no cluster"
                )
            }
        }
    }
}
