import Datasets
import Evaluation
import Networks
import Tensors
import Text

/// Shared state of the searches for several circuits of one model.
struct CircuitSearch: Sendable {
    let network: Network
    private let batches: SampleBatches
    private let labels: [Int32]
    private let parameters: [ParameterID]
    private let tolerance: Double
    private let way: Way

    private enum Way: Sendable {
        case chain(DoubleChain, ChainInputs)
        case network
    }

    /// What one search found.
    struct Found {
        let parameters: ParameterValues
        let samples: Int
        let intactLoss: Double
        let loss: Double
    }

    /// - Parameters:
    ///   - labels: the right class of each sample.
    ///   - parameters: the weight matrices that are pruned, in the model's order.
    init(
        _ network: Network, batches: SampleBatches, labels: [Int32], parameters: [ParameterID], tolerance: Double, threads: Int
    ) throws {
        self.network = network
        self.batches = batches
        self.labels = labels
        self.parameters = parameters
        self.tolerance = tolerance
        if case .values(let shape) = batches.shape(samples: 1, like: 0),
            let chain = DoubleChain(network, sampleShape: Array(shape.dropFirst())),
            parameters.allSatisfy({ parameter in chain.steps.contains { $0.weight == parameter } })
        {
            let steps = chain.steps.indices.filter { place in parameters.contains { $0 == chain.steps[place].weight } }
            way = .chain(
                chain, try ChainInputs(chain, network: network, batches: batches, labels: labels, steps: steps, threads: threads))
        } else {
            way = .network
        }
    }

    var precision: WeightPruning.Precision { if case .chain = way { .double } else { .single } }

    /// - Parameter drawn: for each sample, the sample of its class that replaces it; nil for no replacement.
    /// - Throws: ``Problem`` if the intact model's losses are not numbers.
    func circuit(_ objective: WeightObjective, drawn: [Int]? = nil, team: Team, progress: (Int) -> Void) throws -> Found {
        var samples = objective.samples(of: labels)
        if let drawn { samples = samples.map { drawn[$0] }.sorted() }
        switch way {
        case .chain(let chain, let all):
            let inputs = drawn == nil && samples.count == labels.count ? all : all.selecting(samples)
            let target = objective.target(scores: inputs.scores, labels: inputs.labels)
            let (intact, limit) = try bounds(objective, target, inputs.scores)
            let pruner = ChainPruner(chain: chain, inputs: inputs, target: target, limit: limit, team: team)
            let steps = chain.steps.indices.filter { place in parameters.contains { $0 == chain.steps[place].weight } }
            let pruned = pruner.prune(chain.weights(of: network), steps: steps, progress: progress)
            var values = network.values
            for place in steps {
                guard let parameter = chain.steps[place].weight, let weights = pruned[place] else { continue }
                values[parameter] = Tensor(shape: values[parameter].shape, weights.map(Float.init))
            }
            let first = steps.min() ?? 0
            let scores = inputs.tables[first].map { chain.output(from: first, $0, pruned) } ?? inputs.scores
            return found(values, target, intact: intact, scores: scores)
        case .network:
            let scores = SampleScores(batches, samples: samples)
            let order = scores.groups.flatMap { $0 }
            let before = try scores.scores(nil, team: team)
            let target = objective.target(scores: before, labels: order.map { labels[$0] })
            let (intact, limit) = try bounds(objective, target, before)
            let pruner = NetworkPruner(scores, target: target, limit: limit, team: team)
            let values = try pruner.prune(parameters.reversed(), progress: progress)
            return found(values, target, intact: intact, scores: try scores.scores(values, team: team))
        }
    }

    private func bounds(_ objective: WeightObjective, _ target: LossTarget, _ scores: FeatureTable) throws -> (
        intact: Double, limit: Double
    ) {
        let sum = target.losses(scores).reduce(0, +)
        guard sum.isFinite else {
            throw Problem(batches.dataset.name, "the intact model's loss is not a number: weights or data are not finite")
        }
        return (sum, objective.limit(intact: sum, target: target, tolerance: tolerance))
    }

    private func found(_ values: ParameterValues, _ target: LossTarget, intact: Double, scores: FeatureTable) -> Found {
        func mean(_ sum: Double) -> Double { (sum - target.entropy) / Double(max(target.samples, 1)) }
        return Found(
            parameters: values, samples: target.samples, intactLoss: mean(intact).atLeastZero,
            loss: mean(target.losses(scores).reduce(0, +)).atLeastZero)
    }
}
