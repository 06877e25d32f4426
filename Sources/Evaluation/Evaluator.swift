import Datasets
import Networks
import Tensors

/// Runs a network over a data set.
package struct Evaluator: Sendable {
    package let batches: SampleBatches
    package let threads: Int
    /// The network's own if nil.
    package let parameters: ParameterValues?

    package init(_ batches: SampleBatches, threads: Int, parameters: ParameterValues? = nil) {
        self.batches = batches
        self.threads = threads
        self.parameters = parameters
    }

    package var network: Network { batches.network }

    /// The number of classes that outcomes are counted by: those of labels and answers, none for running text.
    package var classCount: Int {
        switch batches.dataset.targets {
        case .labels, .answers: network.outputWidth
        case .nextToken, .masked, .numbers, .inputs, .none: 0
        }
    }

    /// The intact model's outcome.
    ///
    /// - Parameters:
    ///   - logits: called with the scores of each batch in order, if they are wanted.
    ///   - experts: called once with what the routers chose, if that is wanted and the network is a mixture of experts.
    ///   - progress: called with the number of samples done.
    package func evaluate(
        logits: ((Tensor) throws -> Void)? = nil, answers consume: ((Answers) throws -> Void)? = nil,
        experts: ((ExpertUse) -> Void)? = nil, progress: (Int) -> Void = { _ in }
    ) throws -> Outcome {
        let unused = experts == nil ? nil : ExpertUse(network)
        var used = unused
        var outcome = Outcome(classCount: classCount)
        let keepsLogits = logits != nil
        let reading = ScoreReading(batches)
        let request = request(reading, experts: Set(unused?.nodes ?? []), keepsLogits: keepsLogits)
        // Sums need no order, but what is handed on does.
        let order = logits == nil && consume == nil ? LengthOrder(batches.dataset) : nil
        let batches = try order.map { try self.batches.selecting($0.samples) } ?? self.batches
        try BatchLoop(count: batches.ranges.count, threads: threads, wave: keepsLogits ? threads : nil).run(
            worker: { BatchWorker(batches, team: $0, parameters: parameters) },
            compute: { worker, place in
                let run = try worker.run(place, request: request)
                guard let values = run[reading.node] else { preconditionFailure("no output") }
                var use = unused
                use?.add(run, classes: batches.classes(place))
                let kept = keepsLogits ? MutableTensor(uninitialized: reading.shape(of: values)) : nil
                return (
                    answers: try batches.answers(
                        place, from: run, by: reading, parameters: parameters, keeping: kept, team: worker.team), logits: kept,
                    use: use
                )
            },
            consume: { place, result in
                outcome += result.answers.outcome(classCount: classCount)
                try consume?(result.answers)
                if let scores = result.logits { try logits?(scores) }
                if let use = result.use { used?.add(use) }
                progress(batches.ranges[place].count)
            })
        if let used { experts?(used) }
        return outcome
    }

    /// What a run records: of answers at the end of sequences no other scores.
    private func request(_ reading: ScoreReading, experts: Set<NodeID>, keepsLogits: Bool) -> RunRequest {
        var request = RunRequest(recorded: experts.union([reading.node]))
        if !keepsLogits, !experts.contains(reading.node) { batches.readAnswers(at: reading.node, &request) }
        return request
    }
}

/// One thread's executors, created for a new shape of batches and kept while the shape stays the same.
package final class BatchWorker {
    package let batches: SampleBatches
    package let team: Team
    private let parameters: ParameterValues?
    private let arena = Arena()
    private var executor: Executor?

    /// - Parameter parameters: the network's own if nil.
    package init(_ batches: SampleBatches, team: Team, parameters: ParameterValues? = nil) {
        self.batches = batches
        self.team = team
        self.parameters = parameters
    }

    /// Runs the network on a batch; the values hold until this worker's next run.
    package func run(_ place: Int, request: RunRequest) throws -> RecordedRun {
        try run(batches.batch(place), request: request)
    }

    /// Runs the network on one batch.
    package func run(_ batch: Batch, request: RunRequest) throws -> RecordedRun {
        let request = request.asking(batch.askedCount)
        if executor?.batch != batch.shape || executor?.request.recorded != request.recorded
            || executor?.request.askedCount != request.askedCount
        {
            executor = try Executor(batches.network, batch: batch.shape, request: request, team: team, arena: arena)
        }
        guard let executor else { preconditionFailure("no executor") }
        return executor.run(batch, parameters: parameters)
    }
}
