import Evaluation
import Networks
import Tensors

/// The clean and the corrupted run of one batch of pairs, from which patches start and whose activations they use.
struct PairRuns {
    let clean: RecordedRun
    let corrupted: RecordedRun
    let cleanBatch: Batch
    let corruptedBatch: Batch
    /// How the logits are read: those of all classes, or of the answers alone where no metric reads others.
    let reading: BehaviourReading
    /// As places among the logits.
    let answers: PairAnswers
    /// The clean run's logits, [pairs, classes], which some metrics compare with.
    let cleanLogits: Tensor
    let corruptedLogits: Tensor

    var count: Int { answers.right.count }

    /// The run that is patched, with its batch.
    func patched(_ direction: ActivationPatching.Direction) -> (batch: Batch, run: RecordedRun, logits: Tensor) {
        switch direction {
        case .denoise: (corruptedBatch, corrupted, corruptedLogits)
        case .noise: (cleanBatch, clean, cleanLogits)
        }
    }

    /// The run that patches come from.
    func source(_ direction: ActivationPatching.Direction) -> RecordedRun {
        switch direction {
        case .denoise: clean
        case .noise: corrupted
        }
    }

    /// For each metric the sum over the pairs.
    func sums(_ metrics: [BehaviourMetric], _ logits: Tensor) -> [Double] {
        metrics.map { $0.values(logits, answers, clean: cleanLogits).reduce(0, +) }
    }
}

/// Makes the two runs of each batch in turn, in separate memory.
final class PairRunner {
    private let batches: PairBatches
    private let reading: BehaviourReading
    private let requests: (clean: RunRequest, corrupted: RunRequest)
    private let readsAnswersAlone: Bool
    private let team: Team
    private let arenas = (clean: Arena(), corrupted: Arena())
    private var made: (shape: BatchShape, clean: Executor, corrupted: Executor)?

    /// - Parameters:
    ///   - requests: what each of the runs records, the node of the answers among it.
    ///   - readsAnswersAlone: whether the logits of the answers are all that is needed.
    init(_ batches: PairBatches, requests: (clean: RunRequest, corrupted: RunRequest), readsAnswersAlone: Bool, team: Team) {
        self.batches = batches
        self.requests = requests
        self.readsAnswersAlone = readsAnswersAlone
        self.team = team
        reading = BehaviourReading(batches.network)
    }

    /// The executors of the clean and the corrupted run for a shape; what they computed last holds until their next run.
    func executors(_ shape: BatchShape) throws -> (clean: Executor, corrupted: Executor) {
        if let made, made.shape == shape { return (made.clean, made.corrupted) }
        let clean = try Executor(batches.network, batch: shape, request: requests.clean, team: team, arena: arenas.clean)
        let corrupted = try Executor(batches.network, batch: shape, request: requests.corrupted, team: team, arena: arenas.corrupted)
        made = (shape, clean, corrupted)
        return (clean, corrupted)
    }

    /// The two runs of a batch; they hold until the next call.
    func run(_ place: Int) throws -> PairRuns {
        let (cleanBatch, corruptedBatch) = (batches.clean(place), batches.corrupted(place))
        let executors = try executors(cleanBatch.shape)
        let clean = executors.clean.run(cleanBatch)
        let corrupted = executors.corrupted.run(corruptedBatch)
        guard let cleanValues = clean[reading.node], let corruptedValues = corrupted[reading.node] else { preconditionFailure("no output") }
        var (reading, answers) = (reading, batches.answers(place))
        let tokens = answers.tokens
        if readsAnswersAlone, let part = reading.reading(tokens: tokens) {
            (reading, answers) = (part, answers.places(among: tokens))
        }
        return PairRuns(
            clean: clean, corrupted: corrupted, cleanBatch: cleanBatch, corruptedBatch: corruptedBatch, reading: reading, answers: answers,
            cleanLogits: reading.logits(cleanValues, team: team), corruptedLogits: reading.logits(corruptedValues, team: team))
    }
}
