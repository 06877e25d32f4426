import Checkpoints
import Interventions

extension LoadedModel {
    /// The layers of a file of clusters, or those of them that --layers names.
    ///
    /// - Throws: ``ClusterFileError`` where the file does not fit the checkpoint, ``AblationError`` where the clusters do not partition a layer.
    func clusteredLayers(_ given: ClusterFile, _ layers: LayerOptions) throws -> [AblatedLayer] {
        let clusterings = try given.clusterings(for: catalog)
        let chosen: [Layer]
        if layers.patterns.isEmpty {
            chosen = catalog.layers.filter { clusterings[$0.name] != nil }
        } else {
            chosen = try layers.select(from: catalog, path: checkpoint.path)
            if let missing = chosen.first(where: { clusterings[$0.name] == nil }) {
                throw ClusterFileError(path: given.path, layer: missing.name, problem: "is not in the file")
            }
        }
        return try chosen.map { layer in
            guard let clustering = clusterings[layer.name] else { preconditionFailure("no clusters of '\(layer.name)'") }
            return try AblatedLayer(layer, in: network, clustering: clustering)
        }
    }
}
