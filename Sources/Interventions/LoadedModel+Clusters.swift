import Checkpoints
import Modularity
import Networks
import Scoring

extension LoadedModel {
    /// The layers that clusters are given for, or those of them that the patterns name, with the neurons that the clusters are made of.
    ///
    /// - Throws: ``Problem`` if the patterns do not fit the checkpoint, ``Problem`` if the clusters do not partition a layer.
    package func ablatedLayers(_ given: GivenClusters, matching patterns: [String]) throws -> [AblatedLayer] {
        try given.layers(matching: patterns, of: catalog, path: checkpoint.path).map { layer in
            try AblatedLayer(layer, in: network, clustering: given[layer])
        }
    }
}
