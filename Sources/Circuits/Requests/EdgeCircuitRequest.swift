import Evaluation
import Interventions
import Networks
import Scoring

extension EdgeMethod {
    /// The runs over which the gradient is averaged, and what an edge must be worth to discovery, by default.
    package static let standardSteps = 5
    package static let standardThreshold = 0.01

    /// The default metric of edges.
    package var standardMetric: BehaviourMetric { if case .discovery = self { .divergence } else { .logitDifference } }

    /// The default size of a circuit.
    package var standardSize: EdgeCircuitSize { if case .discovery = self { .found } else { .faithfulness(0.9) } }
}

/// A request for the circuit of edges that carries a behaviour.
package struct EdgeCircuitRequest {
    package let model: LoadedModel
    package let pairs: PairSource
    package let method: EdgeMethod
    /// How the network is divided into nodes; if nil, by component, or by neuron in chains.
    package var granularity: EdgeGranularity?
    /// The clusters of ``EdgeGranularity/cluster``.
    package var clusters: GivenClusters?
    /// ``EdgeMethod/standardMetric`` if nil.
    package var metric: BehaviourMetric?
    package var ablation = EdgeAblation.corrupted
    /// ``EdgeMethod/standardSize`` if nil.
    package var size: EdgeCircuitSize?
    package var selection = EdgeSelection.top
    /// How often the search for the circuit is repeated on resampled pairs.
    package var resamples = 0
    /// The random circuits that each circuit is compared with: each costs as much as all circuits of the ladder.
    package var controls = 0
    /// The pairs that run at once; if nil, the number depends on the memory needed.
    package var batchSize: Int?
    package var seed: UInt64 = 0
    /// Bounds the cores used; changes nothing else.
    package var threads = 1

    package init(_ model: LoadedModel, pairs: PairSource, method: EdgeMethod) {
        self.model = model
        self.pairs = pairs
        self.method = method
    }

    /// Reads the pairs and cuts the network.
    ///
    /// - Throws: ``Problem`` if the pairs, the clusters or the memory do not suffice.
    package func prepared() throws -> Prepared {
        try model.checkParameters(holdingAll: true)
        let behaviour = try model.behaviourPairs(pairs)
        let (graph, outside) = try cutGraph()
        let size = try EdgeExperiment.batchSize(graph, pairs: behaviour, wanted: batchSize, for: method)
        let experiment = try EdgeExperiment(
            graph, PairBatches(behaviour, for: model.network, batchSize: size), metric: metric ?? method.standardMetric, ablation: ablation,
            threads: threads)
        let search = EdgeSearch(
            experiment, method: method, size: self.size ?? method.standardSize, selection: selection, resamples: resamples,
            controls: controls,
            seed: seed)
        return Prepared(search: search, outside: outside)
    }

    /// The graph, and the sites whose clusters are not nodes of it.
    private func cutGraph() throws -> (graph: EdgeGraph, outside: [String]) {
        let isOfTokens = if case .tokens = model.network.input { true } else { false }
        let granularity = granularity ?? (isOfTokens || !model.network.anatomy.blocks.isEmpty ? .component : .neuron)
        guard granularity == .cluster, let clusters else { return (try EdgeGraph(model.network.scoring, granularity), []) }
        var groups: [NodeID: [NeuronGroup]] = [:]
        for layer in try model.ablatedLayers(clusters, matching: []) {
            try layer.checkThatItHasOneOutput(in: model.network)
            groups[layer.node] = NeuronGroup.clusters(layer.clustering.outLabels.values)
        }
        let graph = try EdgeGraph(model.network.scoring, .cluster, groups: groups)
        return (graph, groups.keys.sorted().filter { !graph.cuts($0) }.map { model.network.nodes[$0.index].site })
    }

    /// A request whose inputs have all been read.
    package struct Prepared: Sendable {
        package let search: EdgeSearch
        /// The sites of layers whose clusters are not nodes of the graph, in the network's order.
        package let outside: [String]

        package var graph: EdgeGraph { search.experiment.graph }

        /// - Parameter progress: called with the fraction that is done, from any thread.
        /// - Throws: ``Problem`` if no circuit is as faithful as wanted.
        package func run(progress: @escaping @Sendable (Double) -> Void = { _ in }) throws -> EdgeSearch.Result {
            let done = SharedFraction()
            let result = try search.run { progress(done.add($0)) }
            // A small graph has fewer sizes to measure than the shares allow for.
            progress(1)
            return result
        }
    }
}
