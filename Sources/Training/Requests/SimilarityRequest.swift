import Checkpoints
import Datasets
import Evaluation
import Modularity
import Networks

/// The input of ``ClusteringMethod/gradient``: a model, the data of its gradients, and the number of samples in a batch.
package struct SimilarityRequest {
    package let model: LoadedModel
    package let data: DatasetSource
    package var batchSize = GradientSimilarity.defaultBatchSize
    package var seed: UInt64 = 0
    /// Bounds the cores used; changes nothing else.
    package var threads = 1

    package init(_ model: LoadedModel, data: DatasetSource) {
        self.model = model
        self.data = data
    }

    /// The similarities of the layers' neurons, by layer.
    ///
    /// - Parameters:
    ///   - count: the pairs of eigenvalues and vectors that are wanted of each.
    ///   - progress: called with the fraction that is done.
    /// - Throws: ``Problem`` if the model or the data does not suffice.
    package func spectra(
        of layers: [Layer], count: Int, progress: (Double) -> Void = { _ in }
    ) throws -> [String: SimilaritySpectrum] {
        try model.checkParameters()
        let similarity = try GradientSimilarity(
            SampleBatches(model.dataset(data), for: model.network), batchSize: batchSize, layers: layers, threads: threads)
        return try similarity.spectra(count: count, seed: seed, progress: progress)
    }
}

extension SimilarityRequest {
    /// The correlations of the layers' neurons by layer, for ``ClusteringMethod/activations``; ``batchSize`` is of no account.
    ///
    /// - Parameters:
    ///   - count: the pairs of eigenvalues and vectors that are wanted of each.
    ///   - samplesAtOnce: how many run at once; if nil, the number depends on the memory needed.
    ///   - progress: called with the fraction that is done.
    ///   - constants: called with the layers that have neurons which are constant on the data.
    /// - Throws: ``Problem`` if the model or the data does not suffice.
    package func correlations(
        of layers: [Layer], count: Int, samplesAtOnce: Int? = nil, progress: (Double) -> Void = { _ in },
        constants: (ActivationSimilarity.Constants) -> Void = { _ in }
    ) throws -> [String: SimilaritySpectrum] {
        try model.checkParameters()
        // The values of a run that records are not used again: they decide how many samples fit.
        let neurons = try layers.map { try LayerNeurons($0, in: model.network) }
        let batches = try SampleBatches(
            model.dataset(data), for: model.network, batchSize: samplesAtOnce,
            request: RunRequest(recorded: Set(neurons.flatMap { [$0.read, $0.made] })))
        let similarity = try ActivationSimilarity(batches, layers: layers, threads: threads)
        return try similarity.spectra(count: count, seed: seed, progress: progress, constants: constants)
    }
}
