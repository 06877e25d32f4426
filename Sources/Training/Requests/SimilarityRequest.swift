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
