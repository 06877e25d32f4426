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
        let given = network.givenSamples.map { ", on samples of \(SampleShape.words($0))" }
        return "the graph in its file" + (network.fixedLength.map { ", on sequences of \($0) token\($0 == 1 ? "" : "s")" } ?? given ?? "")
    }

    /// The tensors of the checkpoint that the network does not read, those that words name so among them; not counts of batches.
    package var unreadTensors: [String] {
        let named = architecture?.elements.filter { $0.name == Architecture.Remark.unread.rawValue }.flatMap { $0.settings.map(\.value) }
        return network.unusedTensors + (named ?? [])
    }

    /// The tensors that training leaves as they are, as the file or the words say.
    package var keptTensors: Set<String> { checkpoint.keptTensors.union(architecture?.frozenTensors(of: checkpoint) ?? []) }

    /// Whether the network is the graph of operators that the file holds.
    package let isGraph: Bool

    /// - Parameters:
    ///   - given: the network in words; the element that gives the shape of samples alone says what the graph in the file reads.
    ///   - catalog: the checkpoint's, if it was made before.
    ///   - longestChain: the number of layers beyond which no chain is made of them.
    ///   - samples: the shape of those that it is to run on, which is asked for if the file leaves it open and does not run without; nil if it
    ///     is not known.
    /// - Throws: ``Problem`` that names the checkpoint; an adapter without its base model is one.
    package init(
        _ checkpoint: Checkpoint, architecture given: Architecture? = nil, catalog: LayerCatalog? = nil, longestChain: Int = .max,
        samples: () -> SampleShape? = { nil }
    ) throws {
        if let given, let shape = try Self.sampleShape(given, checkpoint) {
            do throws(Problem) {
                self = try Self(described: checkpoint.reading(shape), nil, catalog, longestChain)
                try checkShape(shape)
            } catch {
                var problem = error
                if problem.what == ONNXNetwork.contradiction { problem.setting = .architecture }
                throw problem.at(path: checkpoint.path)
            }
            return
        }
        let first = Result { () throws(Problem) in try Self(described: checkpoint, given, catalog, longestChain) }.mapError { failure in
            // What stands in the way is in a graph for a shape that was guessed.
            var failure = failure
            let isOfGraph = checkpoint.hasCodeForAnyShape && checkpoint.graph != nil && given == nil
            if isOfGraph, failure.hint == nil { failure.hint = .giveSampleShape }
            return failure
        }
        let model = try? first.get()
        // What the code of a script reads was guessed, if it ran.
        let isDecided = model.map { !$0.isGraph || !checkpoint.hasCodeForAnyShape } ?? false
        guard given == nil, !isDecided, checkpoint.graph != nil || checkpoint.hasCodeForAnyShape, let shape = samples(),
            model?.network.takes(shape) != true
        else {
            self = try first.get()
            return
        }
        // Images of a single channel may come without it.
        var failures: [Problem] = []
        for lengths in [shape.lengths] + (shape.lengths.count == 2 && shape.isOfTokens != true ? [[1] + shape.lengths] : []) {
            do throws(Problem) {
                let said = SampleShape(lengths, isOfTokens: shape.isOfTokens)
                self = try Self(described: checkpoint.reading(said), nil, catalog, longestChain)
                return
            } catch {
                failures.append(error)
            }
        }
        // Samples that do not fit the file say nothing of it.
        guard model == nil, let failure = failures.first, failure.what != ONNXNetwork.contradiction, failure.hint != .giveSampleShape else {
            self = try first.get()
            return
        }
        throw failure.at(path: checkpoint.path)
    }

    /// The shape that words give which say nothing else, where the file has a graph, or the modules of a network; nil for others.
    private static func sampleShape(_ given: Architecture, _ checkpoint: Checkpoint) throws -> SampleShape? {
        guard given.elements.count == 1, let element = given.elements.first, WordInput.isInput(element), element.label == nil,
            checkpoint.graph != nil || checkpoint.module != nil, ModuleNames(checkpoint)["input"]?.tensors.isEmpty ?? true
        else { return nil }
        do throws(Problem) {
            return SampleShape(try WordInput.shape(element))
        } catch {
            throw error.at(path: checkpoint.path)
        }
    }

    /// - Throws: ``Problem`` if the network reads samples of another shape, as a chain of modules does that needs none said.
    private func checkShape(_ shape: SampleShape) throws(Problem) {
        guard !network.reads(shape) else { return }
        let own: [Int?] =
            switch network.input {
            case .values(let lengths): lengths
            case .tokens: [network.fixedLength]
            }
        throw Problem(ONNXNetwork.contradiction, expected: SampleShape.words(own), found: shape.description)
    }

    private init(
        described checkpoint: Checkpoint, _ given: Architecture?, _ known: LayerCatalog?, _ longestChain: Int
    ) throws(Problem) {
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
            self.architecture = architecture.naming(frozenOf: network, checkpoint)
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
            words = try NetworkWords.architecture(of: network, checkpoint).naming(frozenOf: network, checkpoint)
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
