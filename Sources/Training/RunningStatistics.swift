import Networks
import Tensors

/// The means and variances that batch norm follows while a network trains.
struct RunningStatistics: Sendable {
    private let followers: [StatisticsPart]

    init(_ network: Network) { followers = network.statistics }

    /// Whether the network measures its batches.
    var areMeasured: Bool { !followers.isEmpty }
    /// The fewest samples of a batch that can be measured: 2 if a norm reads one number of each channel from a sample, whose variance is 0.
    ///
    /// - Parameter sample: a batch of one sample.
    func smallestBatch(_ network: Network, sample: BatchShape) throws -> Int {
        let shapes = try network.shapes(for: sample)
        return followers.contains { shapes[$0.input.index].dropFirst(2).allSatisfy { $0 == 1 } } ? 2 : 1
    }

    /// The nodes that a run must record.
    var inputs: Set<NodeID> { Set(followers.map(\.input)) }
    /// Each norm's mean and variance, in the network's order.
    var parameters: [ParameterID] { followers.flatMap { [$0.mean, $0.variance] } }

    /// Updates the statistics with a training batch.
    ///
    /// - Parameters:
    ///   - measured: the statistics, in the order of ``parameters``.
    ///   - batchesBefore: the number of batches before.
    func update(_ measured: [MutableTensor], with run: RecordedRun, batchesBefore: Int, team: Team) {
        precondition(measured.count == 2 * followers.count, "\(measured.count) tensors for \(followers.count) norms")
        for (place, follower) in followers.enumerated() {
            guard let input = run[follower.input] else { continue }
            let (mean, variance) = (measured[2 * place], measured[2 * place + 1])
            let new = follower.norm.updatedStatistics(
                input: input, mean: mean, variance: variance, batchesBefore: batchesBefore, team: team)
            mean.copy(from: new.mean)
            variance.copy(from: new.variance)
        }
    }
}
