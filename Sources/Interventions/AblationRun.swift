import Evaluation
import Modularity
import Networks
import Tensors

extension ClusterAblation {
    /// The answers to one batch under all interventions on the given clusters, sample by sample.
    package struct BatchAnswers: Sendable {
        package let intact: Answers
        /// For each layer its rows' answers.
        package let layers: [[Answers]]
    }

    /// Ablates the clusters of `layers` one at a time and evaluates each changed model.
    ///
    /// Each batch runs once unchanged; every intervention then computes only what is downstream of the layer.
    ///
    /// - Parameters:
    ///   - answers: called with each batch's answers in order, if they are wanted.
    ///   - progress: called with the share of the work that one more batch is.
    package func run(
        _ layers: [AblatedLayer], on batches: SampleBatches, threads: Int, answers: ((BatchAnswers) throws -> Void)? = nil,
        progress: (Double) -> Void = { _ in }
    ) throws -> AblationResult {
        let evaluator = Evaluator(batches, threads: threads)
        let plans = layers.map { AblationPlan($0, ablation: self) }
        let share = 1 / Double(batches.ranges.count * (fill == .mean ? 2 : 1))
        let means = fill == .mean ? try meanOutputs(layers, batches, threads: threads) { progress(share) } : nil
        let partners = fill == .resample ? ResampledPartners(batches.dataset, seed: seed) : nil

        var sums = AblationSums(plans, network: batches.network, classCount: evaluator.classCount)
        let keepsAnswers = answers != nil
        let classCount = evaluator.classCount
        try BatchLoop(count: batches.ranges.count, threads: threads).run(
            worker: { team in
                try AblationWorker(
                    plans, ablation: self, batches: batches, means: means, partners: partners, classCount: classCount, team: team)
            },
            compute: { worker, place in try worker.ablate(place, keepsAnswers: keepsAnswers) },
            consume: { _, batch in
                sums.add(batch)
                if let found = batch.answers { try answers?(found) }
                progress(share)
            })
        return sums.result()
    }

    /// The mean output of every neuron of the layers over all samples and positions.
    private func meanOutputs(
        _ layers: [AblatedLayer], _ batches: SampleBatches, threads: Int, progress: () -> Void
    ) throws -> [[Float]] {
        let nodes = layers.map(\.node)
        let dimensions = batches.network.neuronDimensions
        var sums: [[Double]] = []
        var counts: [Int] = []
        try BatchLoop(count: batches.ranges.count, threads: threads).run(
            worker: { BatchWorker(batches, team: $0) },
            compute: { worker, place in
                let run = try worker.run(place, request: RunRequest(recorded: Set(nodes)))
                return nodes.map { node -> (sums: [Double], count: Int) in
                    guard let output = run[node] else { preconditionFailure("no output") }
                    let places = dimensions.places(of: node, in: output.shape)
                    return (output.neuronSums(places), places.outer * places.inner)
                }
            },
            consume: { _, found in
                if sums.isEmpty {
                    sums = found.map(\.sums)
                    counts = found.map(\.count)
                } else {
                    for (place, item) in found.enumerated() {
                        for neuron in sums[place].indices { sums[place][neuron] += item.sums[neuron] }
                        counts[place] += item.count
                    }
                }
                progress()
            })
        return zip(sums, counts).map { sums, count in sums.map { Float($0 / Double(max(count, 1))) } }
    }
}

extension Tensor {
    /// The sum of each neuron's output over everything else.
    func neuronSums(_ places: NeuronPlaces) -> [Double] {
        var sums = [Double](repeating: 0, count: places.neurons)
        withElements { elements in
            for row in 0..<places.outer {
                for neuron in 0..<places.neurons {
                    let first = (row * places.neurons + neuron) * places.inner
                    for place in first..<first + places.inner { sums[neuron] += Double(elements[place]) }
                }
            }
        }
        return sums
    }

    /// The sum of squares.
    var squaredSum: Double { withElements { $0.reduce(0.0) { $0 + Double($1) * Double($1) } } }
}

/// The results of the interventions on one batch.
struct AblatedBatch: Sendable {
    struct Item: Sendable {
        let outcome: Outcome
        let change: InterventionChange
    }

    let intact: Outcome
    /// For each layer, one for each item of its plan.
    let items: [[Item]]
    let squaredOutputs: [Double]
    /// For each layer and switch: answers by the number of interventions that spoil them.
    let dependence: [[ClusterAblation.Switch: [Int]]]
    let answers: ClusterAblation.BatchAnswers?
}

/// The sums over batches.
struct AblationSums {
    private let plans: [AblationPlan]
    private let sites: [String]
    private var intact: Outcome
    private var items: [[(outcome: Outcome, change: InterventionChange)]]
    private var squaredOutputs: [Double]
    private var dependence: [[ClusterAblation.Switch: [Int]]]

    init(_ plans: [AblationPlan], network: Network, classCount: Int) {
        self.plans = plans
        sites = plans.map { network.nodes[$0.layer.node.index].site }
        intact = Outcome(classCount: classCount)
        items = plans.map { plan in
            plan.items.map { (Outcome(classCount: $0.clustering == 0 ? classCount : 0), InterventionChange()) }
        }
        squaredOutputs = plans.map { _ in 0 }
        dependence = plans.map { plan in
            Dictionary(
                uniqueKeysWithValues: ClusterAblation.Switch.allCases.map {
                    ($0, [Int](repeating: 0, count: plan.layer.clusterCount + 1))
                })
        }
    }

    mutating func add(_ batch: AblatedBatch) {
        intact += batch.intact
        for layer in plans.indices {
            for (place, item) in batch.items[layer].enumerated() {
                items[layer][place].outcome += item.outcome
                items[layer][place].change += item.change
            }
            squaredOutputs[layer] += batch.squaredOutputs[layer]
            for (kind, counts) in batch.dependence[layer] {
                for (place, count) in counts.enumerated() { dependence[layer][kind]?[place] += count }
            }
        }
    }

    func result() -> AblationResult {
        let layers = plans.indices.map { layer -> AblationResult.Layer in
            let plan = plans[layer]
            let own = plan.items.indices.filter { plan.items[$0].clustering == 0 }
            let rows = own.map { place -> AblationResult.Row in
                let item = plan.items[place]
                let (outcome, change) = items[layer][place]
                let random = plan.items.indices.filter {
                    plan.items[$0].clustering > 0 && plan.items[$0].kind == item.kind && plan.items[$0].cluster == item.cluster
                }
                return AblationResult.Row(
                    kind: item.kind, cluster: item.cluster, neurons: item.neurons.count, outcome: outcome, change: change,
                    squaredOutput: squaredOutputs[layer],
                    control: random.isEmpty
                        ? nil : .init(item.kind, observed: outcome, random: random.map { items[layer][$0].outcome }))
            }
            return AblationResult.Layer(
                name: plan.layer.layer.name, site: sites[layer], clusterCount: plan.layer.clusterCount, rows: rows,
                dependence: dependence[layer])
        }
        return AblationResult(intact: intact, layers: layers)
    }
}
