import Datasets
import Evaluation
import Networks
import Tensors
import Text

/// Trains a network's weights step by step to minimise the loss: cross-entropy minus lambda times the mean clusterability.
///
/// The numbers depend on the network, the data and the settings, never on the number of threads. Operations that training libraries
/// switch on only while they train and that draw random numbers (dropout) are left out.
package final class Trainer {
    /// The settings of a run.
    package struct Settings: Sendable, Equatable {
        package var optimizer: Optimizer
        package var learningRate: LearningRate
        /// The gradient is scaled down to this norm if it is longer (PyTorch's `clip_grad_norm_`).
        package var largestNorm: Double?

        package init(optimizer: Optimizer, learningRate: LearningRate, largestNorm: Double? = nil) {
            self.optimizer = optimizer
            self.learningRate = learningRate
            self.largestNorm = largestNorm
        }
    }

    /// The measurements of one step before it changed the weights.
    package struct Report: Sendable, Equatable {
        /// Counted from 1.
        package var step: Int
        /// The mean over the answers in nats, minus lambda times the mean clusterability.
        package var loss: Double
        package var crossEntropy: Double
        /// The share of answers that were right.
        package var accuracy: Double?
        /// The clusterability of each layer of the term; nil for a matrix of zeros.
        package var clusterability: [Double?]
        package var learningRate: Double
        /// The length of the gradient before it was scaled.
        package var gradientNorm: Double
        /// The samples of the step.
        package var samples: Int
    }

    package let network: Network
    package let settings: Settings
    package let order: BatchOrder
    package let trained: TrainedParameters
    /// The clusterability term; it may come and go between steps.
    package var term: ClusterabilityTerm?
    /// The steps that were made.
    package internal(set) var step = 0
    /// The current weights. Their memory is the run's own and changes with the next step.
    package let parameters: ParameterValues

    private let samples: TrainingSamples
    private let plan: ChunkPlan
    private let statistics: RunningStatistics
    private let team: Team
    private let lanes: [TrainingLane]
    let weights: MutableTensor
    /// The state that the optimiser keeps for each weight.
    let moments: [MutableTensor]
    /// The running statistics, in the order of ``RunningStatistics/parameters``.
    let measured: [MutableTensor]
    var best: BestWeights?
    private let gradientPlaces: [ParameterID: MutableTensor]
    private var epochSamples: (epoch: Int, samples: [Int])?

    /// - Parameter batches: the data, which must have answers.
    /// - Throws: ``Problem`` if the data or the memory does not suffice.
    package init(
        _ batches: SampleBatches, trained: TrainedParameters, order: BatchOrder, settings: Settings, term: ClusterabilityTerm? = nil,
        threads: Int
    ) throws {
        let network = batches.network
        self.network = network
        self.trained = trained
        self.order = order
        self.settings = settings
        self.term = term
        guard batches.dataset.targets.areKnown else {
            throw Problem("has no answers to learn from", subject: batches.dataset.name)
        }
        let smallest = try BatchOrder.smallestBatch(for: batches)
        guard order.smallestBatch >= smallest else {
            throw Problem(
                "batch norm cannot measure a batch of 1 sample", subject: batches.dataset.name, expected: "at least \(smallest)")
        }
        precondition(order.count == batches.dataset.count, "\(order.count) of \(batches.dataset.count) samples")
        samples = TrainingSamples(batches)
        statistics = RunningStatistics(network)
        team = Team(size: threads)

        let layout = ParameterLayout(network, trained)
        try Self.checkMemory(copies: 2 + settings.optimizer.momentCount, of: layout.size)
        weights = layout.zeros()
        moments = (0..<settings.optimizer.momentCount).map { _ in layout.zeros() }
        var parameters = network.values
        for (parameter, place) in layout.tensors(in: weights) {
            place.copy(from: network.values[parameter])
            parameters[parameter] = place
        }
        // What is followed is written.
        measured = statistics.parameters.map { parameter in
            let copy = network.values[parameter].copied()
            parameters[parameter] = copy
            return copy
        }
        self.parameters = parameters

        var request = RunRequest(recorded: statistics.inputs.union([network.output]))
        request.gradients = GradientRequest(parameters: Set(trained.parameters))
        request.mode = .training
        // The chunks are those of runs that compute everything: their sums do not depend on what is left out.
        let longest = (0..<order.count).max { batches.length(of: $0) < batches.length(of: $1) } ?? 0
        let bytes = try Executor.memory(network, batch: batches.shape(samples: 1, like: longest), request: request)
        plan = ChunkPlan(
            samples: order.batchSize, elementsPerSample: 2 * bytes / MemoryLayout<Float>.size, parameters: layout.size,
            needsWholeBatch: statistics.areMeasured)
        batches.readAnswers(at: network.output, &request)
        let laneTeams = plan.lanes > 1 ? (0..<plan.lanes).map { _ in Team(size: 1) } : [team]
        lanes = laneTeams.map { TrainingLane(network, layout: layout, request: request, team: $0) }
        gradientPlaces = layout.tensors(in: lanes[0].gradients)
    }

    /// - Throws: ``Problem`` if weights, gradients and moments do not fit into the machine's memory.
    private static func checkMemory(copies: Int, of size: Int) throws {
        let (bytes, overflow) = size.multipliedReportingOverflow(by: copies * MemoryLayout<Float>.size)
        let limit = PhysicalMemory.byteCount
        guard !overflow, bytes <= limit else {
            throw Problem(
                "weights, gradients and the optimiser's memory do not fit", expected: "at most \(limit) bytes",
                found: overflow ? nil : "\(bytes)")
        }
    }

    /// The mean over the term's layers for the current weights; nil without a term, and if every matrix is zero.
    package func meanClusterability() -> Double? {
        let found = term?.clusterability(parameters, team: team).compactMap { $0 } ?? []
        return found.isEmpty ? nil : found.reduce(0, +) / Double(found.count)
    }

    /// The parameters whose numbers a run changes: those that are trained and the running statistics.
    package var changedParameters: [ParameterID] { trained.parameters + statistics.parameters }

    /// How often a batch updates the running statistics with a mean: once for each place where the network applies the norm.
    package func updates(ofMean parameter: ParameterID) -> Int { statistics.updates(of: parameter) }

    /// The epoch of the next step, counted from 0.
    package var epoch: Int { order.epoch(ofStep: step) }

    /// One chunk of a step with what its answers count.
    private struct Chunk: Sendable {
        let samples: ArraySlice<Int>
        let weight: Double
    }

    private func chunks() throws -> [Chunk] {
        if epochSamples?.epoch != epoch { epochSamples = (epoch, order.samples(ofEpoch: epoch)) }
        guard let all = epochSamples?.samples else { return [] }
        let batches = order.batches(ofStep: step)
        return try batches.flatMap { places -> [Chunk] in
            let batch = all[places]
            let answers = samples.answerCount(of: batch)
            guard answers > 0 else {
                throw Problem(
                    "a batch without an answer to learn from", subject: "step \(step + 1)", expected: "sequences of 2 tokens or more")
            }
            let weight = 1 / (Double(answers) * Double(batches.count))
            return samples.chunks(of: batch, size: plan.size).map { Chunk(samples: $0, weight: weight) }
        }
    }

    /// Makes one step.
    ///
    /// - Throws: ``Problem`` if the loss or the gradient is not finite: the weights are then those before the step, but for
    ///   the running statistics of batch norm.
    package func makeStep() throws -> Report {
        let chunks = try chunks()
        let answers = try run(chunks)
        let sums = term?.sums(parameters, team: team) ?? []
        let loss = answers.loss + (term?.loss(sums) ?? 0)
        guard loss.isFinite else {
            throw Problem("the loss is not finite", subject: "step \(step + 1)", found: loss.isNaN ? "nan" : "\(loss)")
        }

        let gradients = lanes[0].gradients
        for lane in lanes.dropFirst().prefix(max(chunks.count - 1, 0)) { Elementwise.add(lane.gradients, to: gradients, team: team) }
        term?.addGradient(sums, parameters, to: gradientPlaces, team: team)
        let norm = ParameterUpdate.sumOfSquares(gradients, team: team).squareRoot()
        guard norm.isFinite else {
            throw Problem("the gradient is not finite", subject: "step \(step + 1)", found: norm.isNaN ? "nan" : "\(norm)")
        }
        let rate = settings.learningRate[step]
        update(gradients, rate: rate, factor: settings.largestNorm.map { min(1, $0 / (norm + 1e-6)) } ?? 1)
        step += 1
        return Report(
            step: step, loss: loss, crossEntropy: answers.loss,
            accuracy: answers.count > 0 ? Double(answers.correct) / Double(answers.count) : nil,
            clusterability: sums.map(\.share), learningRate: rate, gradientNorm: norm, samples: chunks.reduce(0) { $0 + $1.samples.count })
    }

    /// Runs the chunks, each in its lane, the lanes at the same time.
    private func run(_ chunks: [Chunk]) throws -> TrainingLane.Answers {
        let used = min(lanes.count, chunks.count)
        var results = [Result<TrainingLane.Answers, any Error>](repeating: .success(.init()), count: used)
        results.withUnsafeMutableBufferPointer { results in
            // Every lane and every result is touched by one piece.
            nonisolated(unsafe) let (results, lanes) = (results, lanes)
            let (samples, parameters, statistics, measured, team) = (samples, parameters, statistics, measured, team)
            let batchesBefore = order.batchCount(beforeStep: step)
            let laneTeam = lanes.count > 1 ? Team(size: 1) : team
            @Sendable func run(lane index: Int) throws -> TrainingLane.Answers {
                lanes[index].clear()
                var sum = TrainingLane.Answers()
                for place in stride(from: index, to: chunks.count, by: lanes.count) {
                    let chunk = chunks[place]
                    let batch = samples.batch(of: chunk.samples, team: laneTeam)
                    let (answers, recorded) = try lanes[index].run(
                        batch, parameters: parameters, weight: chunk.weight,
                        wanted: {
                            samples.batches.wanted(of: Array(chunk.samples), outputShape: $0, isAsked: $1, batch: batch)
                        })
                    sum.loss += answers.loss
                    sum.correct += answers.correct
                    sum.count += answers.count
                    if statistics.areMeasured {
                        statistics.update(measured, with: recorded, batchesBefore: batchesBefore + place, team: laneTeam)
                    }
                }
                return sum
            }
            if lanes.count == 1 {
                results[0] = Result { try run(lane: 0) }
            } else {
                team.forEach(used) { index in results[index] = Result { try run(lane: index) } }
            }
        }
        return try results.reduce(into: TrainingLane.Answers()) { sum, result in
            let answers = try result.get()
            sum.loss += answers.loss
            sum.correct += answers.correct
            sum.count += answers.count
        }
    }

    private func update(_ gradients: Tensor, rate: Double, factor: Double) {
        let optimizer = settings.optimizer
        switch optimizer.rule {
        case .adam, .adamw:
            var adam = ParameterUpdate.Adam(
                beta1: optimizer.beta1, beta2: optimizer.beta2, epsilon: optimizer.epsilon, learningRate: rate,
                beta1Power: power(optimizer.beta1, step + 1), beta2Power: power(optimizer.beta2, step + 1))
            adam.gradientFactor = factor
            if optimizer.rule == .adamw {
                adam.keptShare = 1 - rate * optimizer.weightDecay
            } else {
                adam.coupledDecay = optimizer.weightDecay
            }
            ParameterUpdate.step(adam, weights: weights, gradients: gradients, mean: moments[0], squares: moments[1], team: team)
        case .sgd:
            let isNesterov = optimizer.momentumKind == .nesterov
            var momentum = ParameterUpdate.Momentum(
                momentum: optimizer.momentum, sumShare: isNesterov ? rate * optimizer.momentum : rate, gradientShare: isNesterov ? rate : 0)
            momentum.gradientFactor = factor
            momentum.coupledDecay = optimizer.weightDecay
            ParameterUpdate.step(momentum, weights: weights, gradients: gradients, sums: moments[0], team: team)
        }
    }

    /// base to the power of a whole number, by squaring.
    private func power(_ base: Double, _ exponent: Int) -> Double {
        var (result, square, rest) = (1.0, base, exponent)
        while rest > 0 {
            if rest & 1 == 1 { result *= square }
            square *= square
            rest >>= 1
        }
        return result
    }
}
