import Checkpoints
import Text

/// A checkpoint that can be run: its network, and where the architecture comes from.
package struct LoadedModel: Sendable {
    package let checkpoint: Checkpoint
    package let catalog: LayerCatalog
    package let network: Network
    /// The architecture of a plain chain; nil for transformers.
    package let architecture: Architecture?
    /// How the architecture of a chain became known.
    package let source: Chain.Source?

    /// - Parameter catalog: the checkpoint's, if it was made before.
    /// - Throws: ``Problem`` that names the checkpoint; an adapter without its base model is one.
    package init(_ checkpoint: Checkpoint, architecture given: Architecture? = nil, catalog known: LayerCatalog? = nil) throws {
        if let refusal = checkpoint.runRefusal { throw refusal }
        self.checkpoint = checkpoint
        catalog = known ?? LayerCatalog(checkpoint)
        do throws(Problem) {
            if given == nil, let graph = checkpoint.graph {
                network = try ONNXNetwork.network(of: checkpoint, graph: graph)
                architecture = nil
                source = nil
                return
            }
            if given == nil, let network = try TransformerFamilies.network(of: checkpoint, catalog: catalog) {
                self.network = network
                architecture = nil
                source = nil
                return
            }
            // Whether a layer has a bias is determined by its tensors: one that cannot be read is not a missing one.
            if let tensor = checkpoint.unreadable.first { throw tensor.problem }
            let (architecture, source) = try Chain.architecture(of: checkpoint, catalog: catalog, given: given)
            network = try Chain.network(of: checkpoint, architecture)
            self.architecture = architecture
            self.source = source
        } catch {
            throw error.at(path: checkpoint.path)
        }
    }

    /// - Throws: ``Problem`` if the parameters do not fit into memory, or single precision cannot hold one.
    package func checkParameters() throws {
        do {
            try network.values.check()
        } catch {
            throw error.at(path: checkpoint.path)
        }
    }
}
