import Checkpoints
import Text

/// A checkpoint that can be run: its network, and where the architecture comes from.
package struct LoadedModel: Sendable {
    package let checkpoint: Checkpoint
    package let catalog: LayerCatalog
    package let network: Network
    /// The architecture of a plain chain or a network in words; nil for families and for graphs in files.
    package let architecture: Architecture?
    /// How the architecture of a chain became known.
    package let source: Chain.Source?

    /// What it runs as, in words: a chain of layers, the graph in its file, whatever family the names of its tensors are, or its family.
    package var runsAs: String {
        if let architecture { return architecture.description }
        guard isGraph else { return catalog.family.name }
        return "the graph in its file" + (network.fixedLength.map { ", on sequences of \($0) token\($0 == 1 ? "" : "s")" } ?? "")
    }

    /// The tensors of the checkpoint that the network does not read, those that words name so among them; not counts of batches.
    package var unreadTensors: [String] {
        let named = architecture?.elements.filter { $0.name == Architecture.Remark.unread.rawValue }.flatMap { $0.settings.map(\.value) }
        return network.unusedTensors + (named ?? [])
    }

    /// Whether the network is the graph of operators that the file holds.
    package let isGraph: Bool

    /// - Parameters:
    ///   - catalog: the checkpoint's, if it was made before.
    ///   - longestChain: the number of layers beyond which no chain is made of them.
    /// - Throws: ``Problem`` that names the checkpoint; an adapter without its base model is one.
    package init(
        _ checkpoint: Checkpoint, architecture given: Architecture? = nil, catalog known: LayerCatalog? = nil, longestChain: Int = .max
    ) throws {
        if let refusal = checkpoint.runRefusal { throw refusal }
        if given == nil, let problem = checkpoint.translationProblem { throw problem.at(path: checkpoint.path) }
        let catalog = known ?? LayerCatalog(checkpoint)
        self.checkpoint = checkpoint
        self.catalog = catalog
        // The modules of a script may say more than its code: that they are a plain chain.
        let isChain = checkpoint.module.map { $0.isScript && (try? SavedArchitecture.architecture(of: $0)) != nil } ?? false
        let graph = given == nil && !isChain ? checkpoint.graph : nil
        isGraph = graph != nil
        do throws(Problem) {
            // Words that an archive keeps were given for it once.
            let kept = given == nil ? try Chain.kept(in: checkpoint) : nil
            let isDescribed = given != nil || kept != nil
            if !isDescribed, let graph {
                network = try ONNXNetwork.network(of: checkpoint, graph: graph)
                architecture = nil
                source = nil
                return
            }
            if !isDescribed, let reason = Chain.refusal(in: checkpoint) {
                throw Problem("cannot be run: " + reason, hint: .describeNetwork())
            }
            if !isDescribed, let network = try Self.familyNetwork(of: checkpoint, catalog) {
                self.network = network
                architecture = nil
                source = nil
                return
            }
            // Whether a layer has a bias is determined by its tensors: one that cannot be read is not a missing one.
            if let tensor = checkpoint.unreadable.first { throw tensor.problem }
            if given == nil, catalog.layers.count > longestChain {
                throw Problem(
                    "has more layers than are described as a chain", expected: "at most \(longestChain)", found: "\(catalog.layers.count)")
            }
            let (architecture, source) = try Chain.architecture(of: checkpoint, catalog: catalog, given: given)
            network = try Chain.network(of: checkpoint, architecture)
            self.architecture = architecture
            self.source = source
        } catch {
            var problem = checkpoint.givenSettings?.renaming(error) ?? checkpoint.fileNames?.renaming(error) ?? error
            problem.hint = problem.hint.map { Self.naming($0, checkpoint) }
            throw problem.at(path: checkpoint.path)
        }
    }

    /// A hint about words for the network, with words that describe the checkpoint's own layers where some can be found that run. A file with
    /// modules or a graph has operations that such words would contradict.
    private static func naming(_ hint: Hint, _ checkpoint: Checkpoint) -> Hint {
        guard case .describeNetwork = hint else { return hint }
        let hasGraph = checkpoint.module != nil || checkpoint.graph != nil
        return .describeNetwork(hasGraph ? nil : SuggestedWords(checkpoint).architecture?.description, hasGraph: hasGraph)
    }

    /// The network of the family that the names of the tensors are of; nil if they are of none.
    ///
    /// - Throws: ``Problem``; of a program without a config.json, why its own operations are not run.
    private static func familyNetwork(of checkpoint: Checkpoint, _ catalog: LayerCatalog) throws(Problem) -> Network? {
        do throws(Problem) {
            return try TransformerFamilies.network(of: checkpoint, catalog: catalog)
        } catch {
            throw checkpoint.configuration == nil ? checkpoint.module?.graphProblem ?? error : error
        }
    }

    /// The network in words, from which the same one can be built.
    ///
    /// - Throws: ``Problem`` that names what has no words.
    package func words() throws -> Architecture {
        if let architecture { return architecture }
        let words: Architecture
        do throws(Problem) {
            words = try NetworkWords.architecture(of: network, checkpoint)
        } catch {
            throw error.at(path: checkpoint.path)
        }
        do throws(Problem) {
            _ = try Chain.network(of: checkpoint, words)
        } catch {
            if let length = network.fixedLength {
                throw Problem(
                    "the network reads sequences of \(length) tokens alone, and has no words from which it can be built for others",
                    path: checkpoint.path, found: error.subject)
            }
            var reason = error
            (reason.setting, reason.hint) = (nil, nil)
            throw Problem("the network has no words from which it can be built again: \(reason)", path: checkpoint.path)
        }
        return words
    }

    /// - Parameter holdingAll: whether all parameters are needed at once.
    /// - Throws: ``Problem`` if the parameters do not fit into memory, or single precision cannot hold one.
    package func checkParameters(holdingAll: Bool = false) throws {
        do {
            try network.values.check(holdingAll: holdingAll)
        } catch {
            throw error.at(path: checkpoint.path)
        }
    }

    /// Of layers that no pattern names, those that the network reads; all if it reads none.
    package func read(_ layers: [Layer], _ patterns: [String]) -> [Layer] {
        guard patterns.isEmpty else { return layers }
        let read = layers.filter { network.parameter(named: $0.name) != nil }
        return read.isEmpty ? layers : read
    }
}
