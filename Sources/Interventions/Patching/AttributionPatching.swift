import Evaluation
import Networks
import Tensors

/// Attribution patching: the first-order effect of a patch on a metric, m(a) + (a' - a) . dm/da, a the activations of the run that is
/// patched and a' those that it gets.
struct AttributionPatching {
    private let patching: ActivationPatching
    private let parts: [PatchedPart]
    private let reading: BehaviourReading
    private let dimensions: NeuronDimensions
    private let team: Team

    init(_ patching: ActivationPatching, _ parts: [PatchedPart], network: Network, team: Team) {
        self.patching = patching
        self.parts = parts
        reading = BehaviourReading(network)
        dimensions = network.neuronDimensions
        self.team = team
    }

    /// The estimates of a batch's patches, from one backward pass for each direction and metric.
    ///
    /// - Parameter executors: those that made the runs, with gradients at the parts' nodes.
    func estimates(
        _ patches: [Patch], _ runs: PairRuns, executors: (clean: Executor, corrupted: Executor), threads: Int,
        _ progress: @Sendable (Int) -> Void
    ) throws -> [PatchedBatch] {
        var found: [PatchedBatch] = []
        let nodes = Set(parts.map(\.node))
        for direction in patching.directions {
            let chosen = patches.filter { $0.direction == direction }
            let (_, base, logits) = runs.patched(direction)
            let executor = direction == .denoise ? executors.corrupted : executors.clean
            let before = runs.sums(patching.metrics, logits)
            let gradients = Gradients(executor, seeds: [reading.node])
            var effects: [[Double]] = []
            for metric in patching.metrics {
                guard let values = base[reading.node] else { preconditionFailure("no output") }
                let gradient = metric.gradient(logits, runs.answers, clean: runs.cleanLogits)
                gradients.backward([reading.node: reading.seed(gradient, at: logits, shape: values.shape, team: team)])
                let slopes = Dictionary(uniqueKeysWithValues: nodes.compactMap { node in gradients[node].map { (node, $0) } })
                effects.append(
                    try Parallel.map(count: chosen.count, threads: threads) { place in
                        effect(of: chosen[place], base: base, source: runs.source(direction), slopes)
                    })
            }
            for (place, patch) in chosen.enumerated() {
                let values = patching.metrics.indices.map { before[$0] + effects[$0][place] }
                found.append(
                    PatchedBatch(row: patch.row, values: values, change: change(patch, base: base, source: runs.source(direction))))
            }
            progress(chosen.count)
        }
        return found
    }

    private func places(_ patch: Patch, in shape: [Int]) -> [Range<Int>] {
        let part = parts[patch.part]
        return Intervention(node: part.node, neurons: part.neurons, positions: patch.position.map { [$0] }, replacement: .zero)
            .places(in: shape, dimensions[part.node])
    }

    /// (a' - a) . dm/da over what the patch replaces; what does not change adds nothing, infinite or not.
    private func effect(of patch: Patch, base: RecordedRun, source: RecordedRun, _ slopes: [NodeID: Tensor]) -> Double {
        let node = parts[patch.part].node
        guard let old = base[node], let new = source[node], let gradient = slopes[node] else { return 0 }
        var sum = 0.0
        old.withElements { old in
            new.withElements { new in
                gradient.withElements { gradient in
                    for range in places(patch, in: slopes[node]?.shape ?? []) {
                        for place in range where old[place] != new[place] {
                            sum += (Double(new[place]) - Double(old[place])) * Double(gradient[place])
                        }
                    }
                }
            }
        }
        return sum
    }

    private func change(_ patch: Patch, base: RecordedRun, source: RecordedRun) -> InterventionChange {
        let node = parts[patch.part].node
        var change = InterventionChange()
        guard let old = base[node], let new = source[node] else { return change }
        old.withElements { before in
            new.withElements { after in
                for range in places(patch, in: old.shape) {
                    for place in range { change.add(before[place], after[place]) }
                }
            }
        }
        return change
    }
}
