import Evaluation
import Networks
import Tensors

/// The scores of samples, one row for each; for sequences, those at the last position.
struct SampleScores {
    let batches: SampleBatches
    /// Groups of samples of the same shape that run together.
    let groups: [[Int]]

    /// - Parameter samples: of the batches' data set.
    init(_ batches: SampleBatches, samples: [Int]) {
        self.batches = batches
        let size = batches.ranges.map(\.count).max() ?? 1
        var groups: [[Int]] = []
        for sample in samples {
            if let last = groups.last, last.count < size, batches.length(of: last[0]) == batches.length(of: sample) {
                groups[groups.count - 1].append(sample)
            } else {
                groups.append([sample])
            }
        }
        self.groups = groups
    }

    /// Writes the scores of a group into the table [classes, samples] from the sample `first` on.
    static func write(_ values: Tensor, to table: FeatureTable, from first: Int) {
        let (samples, length) = (values.shape[0], values.shape.count == 3 ? values.shape[1] : 1)
        let rows = values.reshaped([samples, length, values.width])
        for sample in 0..<samples {
            table.setSamples(from: first + sample, to: rows[sample..<sample + 1].reshaped([length, values.width])[length - 1..<length])
        }
    }

    /// The scores [classes, samples], in the order of the groups.
    func scores(_ parameters: ParameterValues?, team: Team) throws -> FeatureTable {
        let network = batches.network
        let table = FeatureTable(features: network.outputWidth, samples: groups.reduce(0) { $0 + $1.count })
        let worker = BatchWorker(batches, team: team, parameters: parameters)
        var first = 0
        for group in groups {
            let run = try worker.run(batches.batch(of: group), request: RunRequest(recorded: [network.output]))
            guard let values = run[network.output] else { preconditionFailure("no output") }
            Self.write(values, to: table, from: first)
            first += group.count
        }
        return table
    }
}

/// Prunes the weights of any network one by one, as long as the losses stay within a limit; see ``ChainPruner``.
///
/// For every weight, everything downstream of it runs again in single precision; the losses are added up in double precision.
final class NetworkPruner {
    private let network: Network
    private let scores: SampleScores
    private let target: LossTarget
    private let limit: Double
    private let team: Team
    private let table: FeatureTable
    private var executors: [BatchShape: Executor] = [:]

    init(_ scores: SampleScores, target: LossTarget, limit: Double, team: Team) {
        network = scores.batches.network
        self.scores = scores
        self.target = target
        self.limit = limit
        self.team = team
        table = FeatureTable(features: target.classes, samples: target.samples)
    }

    /// The network's parameters without the weights that may go.
    func prune(_ chosen: [ParameterID], progress: (Int) -> Void) throws -> ParameterValues {
        var values = network.values
        for parameter in chosen {
            let weights = values[parameter].copied()
            let runs = try baseRuns(parameter, values)
            values[parameter] = weights
            try prune(weights, parameter, values, runs, progress: progress)
        }
        return values
    }

    /// What runs that change a parameter alone begin from.
    private func baseRuns(_ parameter: ParameterID, _ values: ParameterValues) throws -> [(batch: Batch, run: RecordedRun)] {
        executors = [:]
        let frontier = network.frontier(parameters: [parameter])
        return try scores.groups.map { group in
            let batch = scores.batches.batch(of: group)
            guard !frontier.isEmpty else { return (batch, RecordedRun(values: [:])) }
            let executor = try Executor(network, batch: batch.shape, request: RunRequest(recorded: frontier), team: team)
            let run = executor.run(batch, parameters: values)
            var kept: [NodeID: Tensor] = [:]
            for node in frontier { kept[node] = run[node]?.copied() }
            return (batch, RecordedRun(values: kept))
        }
    }

    private func prune(
        _ weights: MutableTensor, _ parameter: ParameterID, _ values: ParameterValues, _ runs: [(batch: Batch, run: RecordedRun)],
        progress: (Int) -> Void
    ) throws {
        var losses = try losses(parameter, values, runs)
        for place in 0..<weights.count {
            let weight = weights.withElements { $0[place] }
            if weight != 0 {
                weights.withMutableElements { $0[place] = 0 }
                let new = try self.losses(parameter, values, runs)
                let total = losses.reduce(0, +)
                var change = 0.0
                for (new, old) in zip(new, losses) { change += new - old }
                if change <= max(limit - total, 0) { losses = new } else { weights.withMutableElements { $0[place] = weight } }
            }
            progress(1)
        }
    }

    private func losses(_ parameter: ParameterID, _ values: ParameterValues, _ runs: [(batch: Batch, run: RecordedRun)]) throws -> [Double]
    {
        var first = 0
        for (batch, base) in runs {
            let executor: Executor
            if let made = executors[batch.shape] {
                executor = made
            } else {
                var request = RunRequest(recorded: [network.output])
                request.changedParameters = [parameter]
                request.base = network.frontier(parameters: [parameter])
                executor = try Executor(network, batch: batch.shape, request: request, team: team)
                executors[batch.shape] = executor
            }
            guard let scores = executor.run(batch, parameters: values, base: base)[network.output] else { preconditionFailure("no output") }
            SampleScores.write(scores, to: table, from: first)
            first += batch.shape.samples
        }
        return target.losses(table)
    }
}
