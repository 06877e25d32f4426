import Networks
import Tensors

/// How a batch is divided into chunks that run separately, and into how many sums their gradients are added.
///
/// Both follow from the network and the batch alone, never from the machine: so do the bits of the sums.
struct ChunkPlan: Sendable, Equatable {
    /// The most samples of a chunk.
    let size: Int
    /// The sums of gradients that are added up in the end, in their order; chunk c belongs to sum c mod `lanes`.
    let lanes: Int

    /// The elements of values and their gradients that stay in a cache, and the most that a run may use.
    private static let cached = 1 << 21
    private static let budget = 1 << 26
    /// Products of fewer rows are slow.
    private static let fewest = 32
    /// More gradients than these are not summed several times over.
    private static let largestSplit = 1 << 22
    private static let mostLanes = 4

    /// - Parameters:
    ///   - samples: the samples of a batch.
    ///   - elementsPerSample: the elements of the values of a run with gradients for one sample.
    ///   - parameters: the elements of the gradients.
    ///   - needsWholeBatch: whether an operation measures the batch, so that it cannot be divided.
    init(samples: Int, elementsPerSample: Int, parameters: Int, needsWholeBatch: Bool) {
        guard !needsWholeBatch else {
            (size, lanes) = (max(samples, 1), 1)
            return
        }
        let bound = max(1, Self.budget / max(elementsPerSample, 1))
        guard parameters <= Self.largestSplit else {
            (size, lanes) = (min(bound, max(samples, 1)), 1)
            return
        }
        let fitting = max(Self.fewest / 2, Self.cached / max(elementsPerSample, 1))
        let share = max(Self.fewest, (samples + Self.mostLanes - 1) / Self.mostLanes)
        // As many chunks in every lane, and lanes that two or four threads share evenly.
        let largest = min(bound, fitting, share)
        let chunks = max(1, (samples + largest - 1) / largest)
        lanes = chunks > 2 ? Self.mostLanes : chunks
        let rounds = (chunks + lanes - 1) / lanes
        size = max(1, (samples + rounds * lanes - 1) / (rounds * lanes))
    }
}
