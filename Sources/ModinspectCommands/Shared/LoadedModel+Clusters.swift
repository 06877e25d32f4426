import Checkpoints
import Interventions
import Modularity
import Text

extension LoadedModel {
    /// The layers of a file of clusters, or those of them that --layers names.
    ///
    /// - Throws: ``Problem`` where the file does not fit the checkpoint, or the clusters do not partition a layer.
    func clusteredLayers(_ given: ClusterFile, _ layers: some LayerChoice) throws -> [AblatedLayer] {
        let clusterings = try given.clusterings(for: catalog)
        return try clusteredLayers(given, layers, clusterings: clusterings).map { layer in
            guard let clustering = clusterings[layer.name] else { preconditionFailure("no clusters of '\(layer.name)'") }
            return try AblatedLayer(layer, in: network, clustering: clustering)
        }
    }

    /// The same without the neurons that the clusters are made of.
    ///
    /// - Parameter clusterings: those of the file, for this checkpoint.
    func clusteredLayers(_ given: ClusterFile, _ layers: some LayerChoice, clusterings: [String: LayerClustering]) throws -> [Layer] {
        if layers.patterns.isEmpty { return catalog.layers.filter { clusterings[$0.name] != nil } }
        let chosen = try layers.select(from: catalog, path: checkpoint.path)
        if let missing = chosen.first(where: { clusterings[$0.name] == nil }) {
            throw Problem(file: given.path, layer: missing.name, problem: "is not in the file")
        }
        return chosen
    }
}
