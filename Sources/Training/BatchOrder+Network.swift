import Evaluation
import Networks
import Text

extension BatchOrder {
    /// The fewest samples that a batch may have in training on the data.
    ///
    /// Batch norm measures the batch: with one number for each channel, its output would be all zeros. PyTorch refuses such a batch.
    ///
    /// - Throws: ``Problem`` for data that does not fit the network.
    package static func smallestBatch(for data: SampleBatches) throws -> Int {
        try RunningStatistics(data.network).smallestBatch(data.network, sample: data.shape(samples: 1, like: 0))
    }
}
