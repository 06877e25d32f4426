import Checkpoints
import Modularity
import Networks
import Scoring

extension LoadedModel {
    /// The layers that clusters are given for, or those of them that the patterns name, with the neurons that the clusters are made of.
    ///
    /// Without patterns, layers of a part that does not run, such as one that sees images beside a language model, are left out.
    ///
    /// - Throws: ``Problem`` if the patterns do not fit the checkpoint, ``Problem`` if the clusters do not partition a layer.
    package func ablatedLayers(_ given: GivenClusters, matching patterns: [String]) throws -> [AblatedLayer] {
        try read(given.layers(matching: patterns, of: catalog, path: checkpoint.path), patterns).map { layer in
            try AblatedLayer(layer, in: network, clustering: given[layer])
        }
    }
}
