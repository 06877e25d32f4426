import Evaluation
import Networks
import Text

extension BatchOrder {
    /// The fewest samples that a training step on the data can take at once.
    ///
    /// Batch norm measures the batch: of one number of each channel, all that it would hand on is zeros. PyTorch refuses such a batch.
    ///
    /// - Throws: ``Problem`` for data that the network does not take.
    package static func smallestBatch(for data: SampleBatches) throws -> Int {
        try RunningStatistics(data.network).smallestBatch(data.network, sample: data.shape(samples: 1, like: 0))
    }
}
