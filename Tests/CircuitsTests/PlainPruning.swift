import Evaluation
import Networks
import Tensors

@testable import Circuits

/// The naive algorithm: the whole model runs again for every weight.
enum PlainPruning {
    /// On the chain in double precision; the weights that are left, by step.
    static func prune(_ chain: DoubleChain, _ inputs: FeatureTable, _ target: LossTarget, limit: Double, steps: [Int], _ network: Network)
        -> ChainWeights
    {
        var weights = chain.weights(of: network)
        func sum() -> Double { target.losses(chain.output(from: 0, inputs, weights)).reduce(0, +) }
        for step in steps.sorted(by: >) {
            for place in (weights[step] ?? []).indices {
                guard let before = weights[step]?[place], before != 0 else { continue }
                weights[step]?[place] = 0
                if sum() > limit { weights[step]?[place] = before }
            }
        }
        return weights
    }

    /// On the network itself in single precision; the places of one parameter that are left.
    static func prune(_ scores: SampleScores, _ parameter: ParameterID, _ target: LossTarget, limit: Double) throws -> [Bool] {
        var values = scores.batches.network.values
        let weights = values[parameter].copied()
        values[parameter] = weights
        for place in 0..<weights.count {
            let before = weights.withElements { $0[place] }
            weights.withMutableElements { $0[place] = 0 }
            let sum = target.losses(try scores.scores(values, team: Team(size: 1))).reduce(0, +)
            if sum > limit { weights.withMutableElements { $0[place] = before } }
        }
        return weights.elements.map { $0 != 0 }
    }
}
