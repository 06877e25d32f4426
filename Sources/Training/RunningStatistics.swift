import Networks
import Tensors

/// The means and variances that batch norm follows while a network trains.
struct RunningStatistics: Sendable {
    private let followers: [StatisticsPart]

    init(_ network: Network) { followers = network.statistics }

    /// Whether the network measures its batches.
    var areMeasured: Bool { !followers.isEmpty }
    /// What a run must record.
    var inputs: Set<NodeID> { Set(followers.map(\.input)) }
    /// Each norm's mean and variance, in the network's order.
    var parameters: [ParameterID] { followers.flatMap { [$0.mean, $0.variance] } }

    /// Takes a training batch into the statistics.
    ///
    /// - Parameter batchesBefore: those that were taken in before.
    func update(_ parameters: ParameterValues, with run: RecordedRun, batchesBefore: Int, team: Team) {
        for follower in followers {
            guard let input = run[follower.input] else { continue }
            let (mean, variance) = (parameters[follower.mean], parameters[follower.variance])
            let new = follower.norm.updatedStatistics(
                input: input, mean: mean, variance: variance, batchesBefore: batchesBefore, team: team)
            mean.copy(from: new.mean)
            variance.copy(from: new.variance)
        }
    }
}
