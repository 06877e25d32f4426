import Evaluation
import Networks
import Tensors

extension ActivationPatching {
    /// Patches `parts` one at a time and measures each patched run.
    ///
    /// Each batch runs once clean and once corrupted. An exact patch then computes only what is downstream of it; attribution runs backward
    /// once for each direction and metric. Patches run in parallel on the threads, each in separate memory.
    ///
    /// - Parameters:
    ///   - batches: pairs that have the answers that the metrics read.
    ///   - progress: called with the number of patches of a batch that are done.
    package func run(
        _ parts: [PatchedPart], on batches: PairBatches, threads: Int, progress: @Sendable (Int) -> Void = { _ in }
    ) throws -> PatchingResult {
        let lengths = batches.batches.indices.map(batches.length)
        let positions = places == .position ? max(1, lengths.max() ?? 1) : 1
        var sums = PatchSums(self, parts: parts, positions: positions)
        let patched = request(patching: parts, in: batches.network)
        let source = sourceRequest(parts, in: batches.network)
        let team = Team(size: threads)
        let runner = PairRunner(
            batches, requests: (directions.contains(.noise) ? patched : source, directions.contains(.denoise) ? patched : source),
            readsAnswersAlone: method == .exact && metrics.allSatisfy(\.readsAnswersAlone), team: team)
        // What is recorded at the last position alone is nothing to start from.
        let base = patched.recorded.subtracting(patched.readAtEnd)
        let pool = WorkerPool<PatchWorker>()
        for place in batches.batches.indices {
            let runs = try runner.run(place)
            let patches = sums.patches(length: lengths[place])
            let found =
                switch method {
                case .exact:
                    try exact(parts, patches, runs, network: batches.network, base: base, pool: pool, threads: threads, progress)
                case .attribution:
                    try AttributionPatching(self, parts, network: batches.network, team: team)
                        .estimates(patches, runs, executors: runner.executors(batches.shape(place)), threads: threads, progress)
                }
            sums.add(
                found, pairs: runs.count, clean: runs.sums(metrics, runs.cleanLogits), corrupted: runs.sums(metrics, runs.corruptedLogits))
        }
        return sums.result()
    }

    /// The number of patches of all batches.
    package func patchCount(_ parts: [PatchedPart], on batches: PairBatches) -> Int {
        batches.batches.indices.reduce(0) { sum, place in
            sum + directions.count * parts.count * (places == .position ? batches.length(place) : 1)
        }
    }

    private func exact(
        _ parts: [PatchedPart], _ patches: [Patch], _ runs: PairRuns, network: Network, base: Set<NodeID>, pool: WorkerPool<PatchWorker>,
        threads: Int, _ progress: @Sendable (Int) -> Void
    ) throws -> [PatchedBatch] {
        let pieces = Self.pieces(patches, parts, threads: threads)
        let width = min(threads, max(pieces.count, 1))
        return try Parallel.map(count: pieces.count, threads: width) { piece in
            let worker = pool.take() ?? PatchWorker(network, metrics: metrics, base: base, team: Team(size: max(1, threads / width)))
            defer { pool.give(worker) }
            let found = try patches[pieces[piece]].map { patch in try worker.run(patch, parts[patch.part], runs) }
            progress(found.count)
            return found
        }.flatMap { $0 }
    }

    /// Runs of patches of one node, short enough that the threads share the work.
    private static func pieces(_ patches: [Patch], _ parts: [PatchedPart], threads: Int) -> [Range<Int>] {
        let longest = max(1, min(64, patches.count / (4 * threads)))
        var pieces: [Range<Int>] = []
        var start = 0
        for place in 1..<max(patches.count + 1, 1) {
            let isEnd =
                place == patches.count || place - start == longest || parts[patches[place].part].node != parts[patches[start].part].node
            if isEnd {
                pieces.append(start..<place)
                start = place
            }
        }
        return pieces
    }
}

/// One thread's patched runs, each started from the recorded run.
final class PatchWorker {
    private let network: Network
    private let reading: BehaviourReading
    private let metrics: [BehaviourMetric]
    private let base: Set<NodeID>
    private let dimensions: NeuronDimensions
    private let team: Team
    private let arena = Arena()
    /// The executors for a shape, by node and position.
    private var made: (shape: BatchShape, executors: [Key: Executor])?
    private let isCausal: Bool

    private struct Key: Hashable {
        let node: NodeID
        let position: Int
    }

    /// - Parameter base: what the recorded runs hold.
    init(_ network: Network, metrics: [BehaviourMetric], base: Set<NodeID>, team: Team) {
        self.network = network
        reading = BehaviourReading(network)
        dimensions = network.neuronDimensions
        self.metrics = metrics
        self.base = base
        self.team = team
        isCausal = network.isCausal
    }

    /// The run of patches of a node at a position, or at all.
    private func executor(_ node: NodeID, at position: Int?, _ shape: BatchShape) throws -> Executor {
        let key = Key(node: node, position: isCausal ? position ?? 0 : 0)
        if let known = made?.executors[key], made?.shape == shape { return known }
        var request = RunRequest(recorded: [reading.node])
        request.intervened = [node]
        request.base = base
        request.readAtEnd = [reading.node]
        if isCausal { request.changedPositions = position.map { $0..<$0 + 1 } }
        let executor = try Executor(network, batch: shape, request: request, team: team, arena: arena)
        // Patches come node by node.
        if let made, made.shape == shape, made.executors.keys.first?.node == node {
            self.made?.executors[key] = executor
        } else {
            made = (shape, [key: executor])
        }
        return executor
    }

    func run(_ patch: Patch, _ part: PatchedPart, _ runs: PairRuns) throws -> PatchedBatch {
        let (batch, run, logits) = runs.patched(patch.direction)
        guard let source = runs.source(patch.direction)[part.node], let own = run[part.node] else {
            preconditionFailure("no output of '\(part.site)'")
        }
        let intervention = Intervention(
            node: part.node, neurons: part.neurons, positions: patch.position.map { [$0] }, replacement: .values(source))
        // Where both runs have the same, the patched run is the run itself.
        let change = intervention.change(of: own, dimensions[part.node])
        if change.changed == 0 { return PatchedBatch(row: patch.row, values: runs.sums(metrics, logits), change: change) }
        let patched = try executor(part.node, at: patch.position, batch.shape).run(batch, interventions: [intervention], base: run)
        guard let values = patched[reading.node] else { preconditionFailure("no output") }
        let sums = runs.sums(metrics, runs.reading.logits(values, team: team))
        return PatchedBatch(row: patch.row, values: sums, change: patched.changes[0])
    }
}
