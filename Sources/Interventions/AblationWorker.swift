import Evaluation
import Networks
import Tensors

/// One thread's part of an ablation: the intact run of a batch and the changed runs that start from it.
final class AblationWorker {
    private let plans: [AblationPlan]
    private let ablation: ClusterAblation
    private let batches: SampleBatches
    private let means: [[Float]]?
    private let partners: ResampledPartners?
    private let classCount: Int
    private let team: Team
    /// The nodes that the intact run records: all that a changed run reads.
    private let intactRequest: RunRequest
    private let intact: BatchWorker
    private let resampled: BatchWorker
    private let changedArena = Arena()
    private var changed: (shape: BatchShape, asked: Int, executors: [Executor])?
    private let masked: [MutableTensor]
    /// Where the intact run's scores are read.
    private let reading: ScoreReading
    /// Where those of the runs with each layer changed are.
    private let changedReadings: [ScoreReading]

    init(
        _ plans: [AblationPlan], ablation: ClusterAblation, batches: SampleBatches, means: [[Float]]?, partners: ResampledPartners?,
        classCount: Int, team: Team
    ) throws {
        self.plans = plans
        self.ablation = ablation
        self.batches = batches
        self.means = means
        self.partners = partners
        self.classCount = classCount
        self.team = team
        let network = batches.network
        let reading = ScoreReading(batches)
        self.reading = reading
        changedReadings = plans.map { $0.layer.node == network.output ? ScoreReading(output: network) : reading }
        var changing: Set<NodeID> = []
        for plan in plans {
            changing.insert(plan.layer.node)
            switch ablation.reading {
            case .activations: changing.formUnion(network.frontier(intervened: [plan.layer.node]))
            case .weights: changing.formUnion(network.frontier(parameters: [plan.layer.parameter]))
            }
        }
        let recorded = changing.union([reading.node])
        var request = RunRequest(recorded: recorded)
        // What changed runs start from is needed at all positions.
        if !changing.contains(reading.node) { batches.readAnswers(at: reading.node, &request) }
        intactRequest = request
        intact = BatchWorker(batches, team: team)
        resampled = BatchWorker(batches, team: team)
        masked = ablation.reading == .weights ? plans.map { MutableTensor(uninitialized: network.values[$0.layer.parameter].shape) } : []
    }

    private func executors(_ batch: Batch) throws -> [Executor] {
        let (shape, asked) = (batch.shape, batch.askedCount)
        if let changed, changed.shape == shape, changed.asked == asked { return changed.executors }
        let network = batches.network
        let made = try zip(plans, changedReadings).map { plan, reading -> Executor in
            var request = RunRequest(recorded: [reading.node])
            request.base = intactRequest.recorded.subtracting(intactRequest.readAtEnd).subtracting(intactRequest.readAsked)
            if reading.node != plan.layer.node { batches.readAnswers(at: reading.node, &request) }
            switch ablation.reading {
            case .activations: request.intervened = [plan.layer.node]
            case .weights:
                request.changedParameters = [plan.layer.parameter]
                request.recorded.insert(plan.layer.node)
            }
            return try Executor(network, batch: shape, request: request.asking(asked), team: team, arena: changedArena)
        }
        changed = (shape, asked, made)
        return made
    }

    /// Runs a batch unchanged and under every intervention.
    func ablate(_ place: Int, keepsAnswers: Bool) throws -> AblatedBatch {
        let batch = batches.batch(place)
        let base = try intact.run(batch, request: intactRequest)
        let intactAnswers = try batches.answers(place, from: base, by: reading, team: team)
        let executors = try executors(batch)
        var partnerRun: RecordedRun?
        if let partners {
            let samples = batches.ranges[place].map { partners.partners[$0] }
            partnerRun = try resampled.run(batches.batch(of: samples), request: RunRequest(recorded: Set(plans.map(\.layer.node))))
        }
        var items: [[AblatedBatch.Item]] = []
        var squaredOutputs: [Double] = []
        var dependence: [[ClusterAblation.Switch: [Int]]] = []
        var kept: [[Answers]] = []
        for (index, plan) in plans.enumerated() {
            guard let output = base[plan.layer.node] else { preconditionFailure("no output") }
            squaredOutputs.append(output.squaredSum)
            let replacement: Intervention.Replacement =
                if let means { .constants(means[index]) } else if let value = partnerRun?[plan.layer.node] { .values(value) } else { .zero }
            var layerItems: [AblatedBatch.Item] = []
            var layerAnswers: [Answers] = []
            var spoiled: [ClusterAblation.Switch: [Int]] = [:]
            for item in plan.items {
                let (answers, change) = try changedAnswers(
                    index, item, place: place, batch: batch, base: base, executor: executors[index], replacement)
                // Of random sets only the sums are compared.
                let classCount = item.clustering == 0 ? classCount : 0
                layerItems.append(AblatedBatch.Item(outcome: answers.outcome(classCount: classCount), change: change))
                guard item.clustering == 0 else { continue }
                var counts = spoiled[item.kind] ?? [Int](repeating: 0, count: answers.count)
                for answer in 0..<answers.count where !answers.isCorrect(answer) { counts[answer] += 1 }
                spoiled[item.kind] = counts
                if keepsAnswers { layerAnswers.append(answers) }
            }
            items.append(layerItems)
            kept.append(layerAnswers)
            dependence.append(
                spoiled.mapValues { counts in
                    var histogram = [Int](repeating: 0, count: plan.layer.clusterCount + 1)
                    for answer in 0..<intactAnswers.count where intactAnswers.isCorrect(answer) { histogram[counts[answer]] += 1 }
                    return histogram
                })
        }
        return AblatedBatch(
            intact: intactAnswers.outcome(classCount: classCount), items: items, squaredOutputs: squaredOutputs, dependence: dependence,
            answers: keepsAnswers ? ClusterAblation.BatchAnswers(intact: intactAnswers, layers: kept) : nil)
    }

    /// The answers under one intervention, from the intact run on, and what it did to the layer's output.
    private func changedAnswers(
        _ index: Int, _ item: AblationPlan.Item, place: Int, batch: Batch, base: RecordedRun, executor: Executor,
        _ replacement: Intervention.Replacement
    ) throws -> (Answers, InterventionChange) {
        let plan = plans[index]
        let reading = changedReadings[index]
        let run: RecordedRun
        let change: InterventionChange
        var parameters = batches.network.values
        switch ablation.reading {
        case .activations:
            let intervention = Intervention(node: plan.layer.node, neurons: item.outputs, replacement: replacement)
            run = executor.run(batch, interventions: [intervention], base: base)
            change = run.changes[0]
        case .weights:
            let (rows, columns) = plan.kept(item)
            plan.layer.writeMasked(
                batches.network.values[plan.layer.parameter], to: masked[index], keepsRow: rows, keepsColumn: columns)
            parameters[plan.layer.parameter] = masked[index]
            run = executor.run(batch, parameters: parameters, base: base)
            guard let before = base[plan.layer.node], let after = run[plan.layer.node] else { preconditionFailure("no output") }
            change = InterventionChange(from: before, to: after)
        }
        return (try batches.answers(place, from: run, by: reading, parameters: parameters, team: team), change)
    }
}
