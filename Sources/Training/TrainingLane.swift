import Evaluation
import Networks
import Tensors
import Text

/// One sum of gradients: the chunks that belong to it run one after the other, each adding its own.
///
/// A lane is used by one thread at a time.
final class TrainingLane {
    /// The gradients side by side, as ``ParameterLayout`` places them.
    let gradients: MutableTensor
    private let network: Network
    private let request: RunRequest
    private let places: [ParameterID: MutableTensor]
    private let team: Team
    private let arena = Arena()
    /// By shape and the number of positions that are asked about; a run has few.
    private var passes: [Key: (executor: Executor, gradients: Gradients, seed: MutableTensor)] = [:]
    /// Whether the next chunk's gradients replace the current ones.
    private var isClear = true

    private struct Key: Hashable {
        let shape: BatchShape
        let asked: Int
    }

    private static let mostShapes = 8

    /// The results of a step's chunks.
    struct Answers: Sendable {
        /// Each chunk's losses times its weight.
        var loss = 0.0
        /// The right answers and all; 0 where answers are numbers.
        var correct = 0
        var count = 0
    }

    init(_ network: Network, layout: ParameterLayout, request: RunRequest, team: Team) {
        self.network = network
        self.request = request
        self.team = team
        gradients = layout.zeros()
        places = layout.tensors(in: gradients)
    }

    /// Forgets the gradients of the chunks before.
    func clear() { isClear = true }

    /// Runs a chunk forwards and back.
    ///
    /// - Parameters:
    ///   - wanted: what the outputs are compared with, given their shape and whether they are those at the positions that the batch asks
    ///     about alone.
    ///   - weight: what an answer's loss counts.
    func run(
        _ batch: Batch, parameters: ParameterValues, weight: Double, wanted: ([Int], Bool) -> WantedOutputs
    ) throws -> (answers: Answers, recorded: RecordedRun) {
        let pass = try self.pass(for: Key(shape: batch.shape, asked: batch.askedCount))
        let recorded = pass.executor.run(batch, parameters: parameters)
        guard let scores = recorded[network.output] else { preconditionFailure("no output") }
        var answers = Answers()
        switch wanted(scores.shape, recorded.hasAskedAlone(network.output)) {
        case .classes(let wanted):
            let rows = CrossEntropy.forward(scores, targets: wanted, team: team)
            CrossEntropy.backward(scores, targets: wanted, weight: Float(weight), into: pass.seed, team: team)
            answers.loss = rows.losses.reduce(0, +) * weight
            for (target, prediction) in zip(wanted, rows.predictions) where target >= 0 {
                answers.count += 1
                answers.correct += target == prediction ? 1 : 0
            }
        case .numbers(let wanted):
            let samples = scores.shape[0]
            let losses = SquaredError.losses(scores, wanted: wanted, samples: samples)
            SquaredError.writeGradient(scores, wanted: wanted, samples: samples, weight: weight, into: pass.seed)
            answers.loss = losses.reduce(0, +) * weight
        }
        pass.gradients.backward([network.output: pass.seed], into: isClear ? .overwrite : .add)
        isClear = false
        return (answers, recorded)
    }

    private func pass(for key: Key) throws -> (executor: Executor, gradients: Gradients, seed: MutableTensor) {
        if let known = passes[key] { return known }
        if passes.count >= Self.mostShapes { passes.removeAll() }
        let executor = try Executor(network, batch: key.shape, request: request.asking(key.asked), team: team, arena: arena)
        let gradients = Gradients(executor, seeds: [network.output], memory: places)
        guard let seed = gradients.memory(ofSeed: network.output) else {
            throw Problem("no parameter that is trained has an effect on the output")
        }
        let made = (executor, gradients, seed)
        passes[key] = made
        return made
    }
}
