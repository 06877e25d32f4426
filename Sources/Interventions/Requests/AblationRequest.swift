import Datasets
import Evaluation
import Networks
import Scoring
import Text

/// The request of `ablate`: clusters to switch off and on, and the data to measure the effect on.
package struct AblationRequest {
    package let model: LoadedModel
    package let clusters: GivenClusters
    package let data: DatasetSource
    /// Patterns of the layers whose clusters are switched; all that have clusters where empty.
    package var layers: [String] = []
    package var ablation = ClusterAblation()
    /// The samples that run at once; if nil, the number depends on the memory needed.
    package var batchSize: Int?
    /// Bounds the cores used; changes nothing else.
    package var threads = 1

    package init(_ model: LoadedModel, clusters: GivenClusters, data: DatasetSource) {
        self.model = model
        self.clusters = clusters
        self.data = data
    }

    /// The reading that all the layers allow: that of weights where one of them is read in several places, whose outputs are not the same
    /// neurons, or where none is its out-neurons.
    ///
    /// - Throws: ``Problem`` if clusters and model do not fit each other.
    package func possibleReading() throws -> ClusterAblation.Reading {
        let ablated = try model.ablatedLayers(clusters, matching: layers)
        return ablated.allSatisfy(\.hasOneOutput) ? .activations : .weights
    }

    /// Reads the data and finds the layers.
    ///
    /// - Throws: ``Problem`` if clusters, data and model do not fit each other, or the data has no answers.
    package func prepared() throws -> Prepared {
        let ablated = try model.ablatedLayers(clusters, matching: layers)
        if ablation.reading == .weights, let router = ablated.first(where: \.isRouter) {
            throw Problem(
                layer: router.layer.name, "the neurons of a router are experts, which are switched by what they add",
                expected: "the reading \(ClusterAblation.Reading.activations.rawValue)", found: ablation.reading.rawValue)
        }
        if ablation.reading == .activations {
            for layer in ablated {
                try layer.checkThatItHasOneOutput(
                    in: model.network, orElse: "the reading \(ClusterAblation.Reading.weights.rawValue)")
            }
        }
        let batches = try model.batches(data, batchSize: batchSize)
        guard batches.dataset.targets.areKnown else {
            throw Problem(data.path, "has no answers to compare with", hint: .giveAnswers)
        }
        return Prepared(layers: ablated, batches: batches, ablation: ablation, threads: threads)
    }

    /// A request whose inputs have all been read.
    package struct Prepared {
        package let layers: [AblatedLayer]
        package let batches: SampleBatches
        let ablation: ClusterAblation
        let threads: Int

        /// How often the model is run on all samples, random clusterings among them.
        package var interventionCount: Int {
            layers.reduce(0) { $0 + $1.clusterCount * ClusterAblation.Switch.allCases.count } * (1 + ablation.controls)
        }

        /// - Parameters:
        ///   - answers: called with all answers of each batch.
        ///   - progress: called with the fraction that is done.
        package func run(
            answers: ((ClusterAblation.BatchAnswers) throws -> Void)? = nil, progress: (Double) -> Void = { _ in }
        ) throws -> AblationResult {
            var done = 0.0
            return try ablation.run(
                layers, on: batches, threads: threads, answers: answers,
                progress: { share in
                    done += share
                    progress(done)
                })
        }
    }
}
