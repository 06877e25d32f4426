import Checkpoints
import Modularity
import Text

/// Clusters given for a checkpoint's layers, by the layers' names.
package struct GivenClusters: Sendable {
    /// What problems name them by: the file that they are from.
    package let name: String
    package let clusterings: [String: LayerClustering]

    package init(name: String, _ clusterings: [String: LayerClustering]) {
        self.name = name
        self.clusterings = clusterings
    }

    /// The layers that have clusters, in the model's order; or those that the patterns name, each of which must have some.
    ///
    /// - Parameter path: the checkpoint's.
    /// - Throws: ``Problem`` about the checkpoint if a pattern names no layer, about the clusters if a layer has none.
    package func layers(matching patterns: [String], of catalog: LayerCatalog, path: String) throws -> [Layer] {
        if patterns.isEmpty { return catalog.layers.filter { clusterings[$0.name] != nil } }
        let chosen = try catalog.layers(matching: patterns, path: path)
        if let missing = chosen.first(where: { clusterings[$0.name] == nil }) {
            throw Problem("layer '\(missing.name)' is not in the file", path: name)
        }
        return chosen
    }

    /// A layer's clusters. There must be some.
    package subscript(layer: Layer) -> LayerClustering {
        guard let clustering = clusterings[layer.name] else { preconditionFailure("no clusters of '\(layer.name)'") }
        return clustering
    }
}

extension LayerCatalog {
    /// The layers that `patterns` name, or the ``defaultLayers`` if there are none.
    ///
    /// - Throws: ``Problem`` that names the checkpoint.
    package func layers(matching patterns: [String], path: String) throws -> [Layer] {
        do {
            return try select(patterns)
        } catch {
            throw error.at(path: path)
        }
    }
}
