import Networks
import Tensors

/// The means and variances that batch norm follows while a network trains. A norm that is applied several times updates its own after each, in the
/// network's order.
struct RunningStatistics: Sendable {
    private let followers: [Follower]
    /// The means and variances of all norms, each once, in the network's order.
    let parameters: [ParameterID]

    /// A norm where it is applied.
    private struct Follower: Sendable {
        let part: StatisticsPart
        /// The places of its mean and variance among ``RunningStatistics/parameters``.
        let mean: Int
        let variance: Int
        /// How often the same norm has been applied before in a run.
        let calls: Int
    }

    /// How often a run applies the norm with each mean.
    private let calls: [ParameterID: Int]

    init(_ network: Network) {
        var places: [ParameterID: Int] = [:]
        var parameters: [ParameterID] = []
        var calls: [ParameterID: Int] = [:]
        func place(_ parameter: ParameterID) -> Int {
            if let known = places[parameter] { return known }
            parameters.append(parameter)
            places[parameter] = parameters.count - 1
            return parameters.count - 1
        }
        followers = network.statistics.map { part in
            defer { calls[part.mean, default: 0] += 1 }
            return Follower(part: part, mean: place(part.mean), variance: place(part.variance), calls: calls[part.mean] ?? 0)
        }
        self.parameters = parameters
        self.calls = calls
    }

    /// Whether the network measures its batches.
    var areMeasured: Bool { !followers.isEmpty }
    /// The fewest samples of a batch that can be measured: 2 if a norm reads one number of each channel from a sample, whose variance is 0.
    ///
    /// - Parameter sample: a batch of one sample.
    func smallestBatch(_ network: Network, sample: BatchShape) throws -> Int {
        let shapes = try network.shapes(for: sample)
        return followers.contains { shapes[$0.part.input.index].dropFirst(2).allSatisfy { $0 == 1 } } ? 2 : 1
    }

    /// The nodes that a run must record.
    var inputs: Set<NodeID> { Set(followers.map(\.part.input)) }

    /// How often a run updates the statistics with a mean.
    func updates(of mean: ParameterID) -> Int { calls[mean] ?? 0 }

    /// Updates the statistics with a training batch.
    ///
    /// - Parameters:
    ///   - measured: the statistics, in the order of ``parameters``.
    ///   - batchesBefore: the number of batches before.
    func update(_ measured: [MutableTensor], with run: RecordedRun, batchesBefore: Int, team: Team) {
        precondition(measured.count == parameters.count, "\(measured.count) tensors for \(parameters.count) statistics")
        for follower in followers {
            guard let input = run[follower.part.input] else { continue }
            let (mean, variance) = (measured[follower.mean], measured[follower.variance])
            let new = follower.part.norm.updatedStatistics(
                input: input, mean: mean, variance: variance,
                batchesBefore: batchesBefore * updates(of: follower.part.mean) + follower.calls, team: team)
            mean.copy(from: new.mean)
            variance.copy(from: new.variance)
        }
    }
}
