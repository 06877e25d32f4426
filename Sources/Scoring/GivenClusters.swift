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
    /// The routers of mixtures of experts, or those of them that `patterns` name.
    ///
    /// - Throws: ``Problem`` that names the checkpoint if there are none, or a pattern names another layer.
    package func routers(matching patterns: [String], path: String) throws -> [Layer] {
        let all = routers
        guard !all.isEmpty else {
            throw Problem(
                "no layer is the router of a mixture of experts", path: path, expected: "a matrix with a row for each expert",
                found: "\(layers.count) other weight matrices")
        }
        if patterns.isEmpty { return all }
        let (known, chosen) = (Set(all.map(\.name)), try layers(matching: patterns, path: path))
        if let other = chosen.first(where: { !known.contains($0.name) }) {
            throw Problem(
                "layer '\(other.name)' is not the router of a mixture of experts", path: path,
                expected: "a matrix with a row for each expert, such as '\(all[0].name)'")
        }
        return chosen
    }

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
