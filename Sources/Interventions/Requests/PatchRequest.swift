import Evaluation
import Networks
import Scoring
import Text

/// The request of `patch`: the parts of the activations to exchange, and the pairs between whose runs they are exchanged.
package struct PatchRequest {
    /// The sites to patch.
    package enum Parts {
        /// Sites by kinds or patterns of names, cut into parts; those that the model's kind suggests if there are no patterns.
        case sites([String] = [], PatchSites.Granularity = .auto)
        /// The clusters of the layers that the patterns name, of all layers if there are none.
        case clusters(GivenClusters, layers: [String] = [])
    }

    package let model: LoadedModel
    package let pairs: PairSource
    package var parts = Parts.sites()
    package var patching = ActivationPatching()
    /// The pairs that run at once; if nil, the number depends on the memory needed.
    package var batchSize: Int?
    /// Bounds the cores used; changes nothing else.
    package var threads = 1

    package init(_ model: LoadedModel, pairs: PairSource) {
        self.model = model
        self.pairs = pairs
    }

    /// Finds the parts and reads the pairs.
    ///
    /// - Throws: ``Problem`` if parts, pairs and metrics do not fit the model.
    package func prepared() throws -> Prepared {
        let chosen = try chosenParts()
        try model.checkParameters()
        let behaviour = try model.behaviourPairs(pairs)
        for metric in patching.metrics { try metric.check(behaviour) }
        let batches = try PairBatches(
            behaviour, for: model.network, batchSize: batchSize, request: patching.request(patching: chosen, in: model.network.scoring))
        return Prepared(parts: chosen, batches: batches, patching: patching, threads: threads)
    }

    private func chosenParts() throws -> [PatchedPart] {
        let known = try PatchSites(model.network.scoring)
        switch parts {
        case .clusters(let given, let layers):
            let switched = try model.ablatedLayers(given, matching: layers)
            for layer in switched { try layer.checkThatItHasOneOutput(in: model.network) }
            let parts = PatchedPart.clusters(of: switched, in: model.network)
            try known.check(parts, by: patching.places)
            return parts
        case .sites(let patterns, let granularity):
            if patterns.isEmpty { return try known.parts(by: patching.places, granularity: granularity) }
            return try withoutTokens(known.parts(patterns, granularity: granularity, by: patching.places), patterns)
        }
    }

    /// Parts without the tokens of a graph, which its tables read from the prompt and not from the site.
    ///
    /// - Throws: ``Problem`` if a pattern names them, or nothing else is left.
    private func withoutTokens(_ parts: [PatchedPart], _ patterns: [String]) throws -> [PatchedPart] {
        let tokens = parts.filter { model.network.nodes[$0.node.index].operation is TokenNumbers }
        guard let first = tokens.first else { return parts }
        let others = parts.filter { part in !tokens.contains { $0.node == part.node } }
        guard others.isEmpty || patterns.contains(where: { pattern in tokens.contains { $0.name == pattern || $0.site == pattern } }) else {
            return others
        }
        throw Problem(
            "site '\(first.site)' is the prompts' tokens, which are not activations", expected: "a site that is computed of them")
    }

    /// A request whose inputs have all been read.
    package struct Prepared {
        package let parts: [PatchedPart]
        package let batches: PairBatches
        let patching: ActivationPatching
        let threads: Int

        package var patchCount: Int { patching.patchCount(parts, on: batches) }

        /// The lengths of the prompts; 0 for samples of numbers.
        package var lengths: Set<Int> { Set(batches.batches.indices.map(batches.length)) }

        /// - Parameter progress: called with the patches that were done since it was called last, from any thread.
        package func run(progress: @Sendable (Int) -> Void = { _ in }) throws -> PatchingResult {
            try patching.run(parts, on: batches, threads: threads, progress: progress)
        }
    }
}
