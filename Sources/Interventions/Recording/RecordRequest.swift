import Datasets
import Evaluation
import Networks
import Scoring
import Text

/// The request of `record`: the sites whose activations are wanted, the data, and which positions of it.
package struct RecordRequest {
    /// Whose activations are recorded.
    package enum Units {
        /// Kinds, names and patterns as ``PatchSites`` reads them.
        case sites([String])
        /// The out-neurons of the clusters of the layers that the patterns name, of all layers if there are none; after the nonlinearity that
        /// reads them.
        case clusters(GivenClusters, layers: [String] = [])
    }

    package let model: LoadedModel
    package let data: DatasetSource
    package let units: Units
    /// nil for all positions.
    package var positions: PositionChoice?
    /// Only positions that hold this token; nil for all.
    package var token: Int32?
    /// The samples that run at once; if nil, the number depends on the memory needed.
    package var batchSize: Int?
    /// Bounds the cores used; changes nothing else.
    package var threads = 1

    package init(_ model: LoadedModel, data: DatasetSource, units: Units) {
        self.model = model
        self.data = data
        self.units = units
    }

    /// Finds the sites and reads the data, which may be prompt pairs.
    ///
    /// - Throws: ``Problem`` if sites, positions and data do not fit the model.
    package func prepared() throws -> Recording {
        let network = model.network
        let sites = try recordedSites()
        try model.checkParameters()
        let request = RunRequest(recorded: Set(sites.map(\.node)))
        func batches(_ dataset: Dataset) throws -> SampleBatches {
            try SampleBatches(dataset, for: network, batchSize: batchSize, request: request)
        }
        var parts: [Recording.Part] = []
        var answers: (right: [[Int32]], wrong: [[Int32]])?
        if try PromptPairs.areIn(data) {
            let given: [(Bool, Setting)] = [
                (data.labels != nil, .labels), (data.normalization != nil, .normalization), (data.context != nil, .context),
            ]
            if let setting = given.first(where: \.0)?.1 {
                throw Problem("does not apply to prompt pairs", path: data.path, setting: setting)
            }
            let pairs = try model.behaviourPairs(.file(data.path, limit: data.limit))
            try PairBatches.check(pairs, network)
            answers = (pairs.answers, pairs.wrongAnswers)
            for (prefix, dataset) in [("clean.", pairs.clean), ("corrupted.", pairs.corrupted)] {
                parts.append(try Recording.Part(prefix, batches(dataset), sites, positions, token))
            }
        } else {
            // Activations do not depend on what the model is asked for.
            var grouped = data
            grouped.labelsAreGroups = true
            parts = [try Recording.Part("", batches(model.dataset(grouped)), sites, positions, token)]
        }
        return try Recording(sites: sites, parts: parts, answers: answers, request: request, threads: threads)
    }

    private func recordedSites() throws -> [RecordedSite] {
        let network = model.network
        let known = try PatchSites(network)
        switch units {
        case .sites(let patterns): return try known.recorded(patterns, in: network)
        case .clusters(let given, let layers):
            return try given.layers(matching: layers, of: model.catalog, path: model.checkpoint.path).flatMap { layer in
                let node = try LayerNeurons.made(by: layer, in: network)
                let labels = given[layer].outLabels
                return (0..<given[layer].clusterCount).compactMap { cluster -> RecordedSite? in
                    let neurons = labels.values.indices.filter { labels[$0] == cluster }
                    guard !neurons.isEmpty else { return nil }
                    let part = PatchedPart(
                        site: network.nodes[node.index].site, node: node, unit: .cluster, index: cluster, neurons: neurons)
                    return known.recorded(part, of: layer.name, in: network)
                }
            }
        }
    }
}
