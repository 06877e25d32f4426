import Interventions
import Tensors

/// Runs variants of recorded runs, as many at a time as memory allows.
struct EdgeVariants: Sendable {
    let experiment: EdgeExperiment

    /// The most elements of the changes in the variants of a portion.
    private static let budget = 1 << 25
    /// The most variants of a portion.
    private static let largest = 256

    /// How many variants of a reader are run at a time. Depends on the shapes alone.
    func portion(_ reader: Int, in state: EdgeState) -> Int {
        let graph = experiment.graph
        let first = graph.readers[reader].writes.first ?? graph.sources.count
        // What may change: what the reader reads, the sources that its node writes and those after it, and the logits.
        let read = state.recording.streams[graph.readers[reader].stage].count
        let elements = zip(graph.spaces, state.differences).reduce(read + state.logits.count) { sum, space in
            let behind = max(0, space.0.upperBound - max(space.0.lowerBound, first))
            return sum + space.1.count / max(space.0.count, 1) * behind
        }
        return max(1, min(Self.largest, Self.budget / max(elements, 1)))
    }

    /// The metric of each variant for each pair of a batch; nil if the output does not depend on the reader.
    ///
    /// - Parameter rows: for each variant the weights of the reader's sources.
    func values(of reader: Int, rows: [[Float]], in state: EdgeState, team: Team) -> [[Double]]? {
        values(state.changes(of: reader, rows: rows, isKept: false, team: team), in: state)
    }

    /// The metric of variants that have run.
    func values(_ changes: EdgeChanges, in state: EdgeState) -> [[Double]]? {
        guard let logits = changes.logits else { return nil }
        let pairs = state.recording.pairs
        return (0..<logits.shape[0] / pairs).map { values(logits[$0 * pairs..<($0 + 1) * pairs], state) }
    }

    /// The metric of a state's own run for each pair.
    func values(in state: EdgeState) -> [Double] { values(state.logits, state) }

    private func values(_ logits: Tensor, _ state: EdgeState) -> [Double] {
        experiment.metric.values(logits, state.recording.answers, clean: state.recording.cleanLogits)
    }
}

/// Every edge's effect, one run for each: in the clean run one reader gets one source's ablated value.
///
/// score(u -> v) = metric of that run - metric of the clean run. Only what is downstream of the reader is computed, for many sources of
/// one reader at a time.
package struct ExactPatching: Sendable {
    package let experiment: EdgeExperiment

    package init(_ experiment: EdgeExperiment) { self.experiment = experiment }

    /// - Parameters:
    ///   - keepsPairs: whether the scores of each pair are kept.
    ///   - progress: called with the number of edges done, each counted once for each batch.
    package func scores(keepsPairs: Bool = false, progress: (Int) -> Void = { _ in }) throws -> EdgeScores {
        let graph = experiment.graph
        var sums = EdgeScoreSums(edges: graph.edgeCount, pairs: experiment.batches.pairs.count, keepsPairs: keepsPairs)
        let variants = EdgeVariants(experiment: experiment)
        let team = Team(size: experiment.threads)
        for place in experiment.batches.batches.indices {
            let pairs = experiment.batches.batches[place]
            let state = EdgeState(cleanOf: try EdgeRecording(experiment, place: place, team: team), graph, team: team)
            let clean = variants.values(in: state)
            // A source that ablation does not change has no effect, not even by rounding.
            let isChanged = graph.sources.indices.map { state.isChanged($0) }
            // A portion is some sources of one reader.
            let portions = graph.readers.indices.flatMap { reader in
                let count = graph.readers[reader].sources.count
                let portion = variants.portion(reader, in: state)
                return stride(from: 0, to: count, by: portion).map { (reader: reader, sources: $0..<min(count, $0 + portion)) }
            }
            let wave = 8 * experiment.threads
            for start in stride(from: 0, to: portions.count, by: wave) {
                let chosen = Array(portions[start..<min(portions.count, start + wave)])
                let results = try Parallel.map(count: chosen.count, threads: experiment.threads) { index in
                    let whole = state.row(chosen[index].reader)
                    let rows = chosen[index].sources.map { source in
                        var row = whole
                        row[source] = 0
                        return row
                    }
                    return variants.values(of: chosen[index].reader, rows: rows, in: state, team: Team(size: 1))
                }
                for (part, values) in zip(chosen, results) {
                    let first = graph.edges(to: part.reader).lowerBound
                    for (index, source) in part.sources.enumerated() where isChanged[graph.readers[part.reader].sources.lowerBound + source]
                    {
                        for (sample, pair) in pairs.enumerated() {
                            sums.add((values?[index][sample] ?? clean[sample]) - clean[sample], edge: first + source, pair: pair)
                        }
                    }
                    progress(part.sources.count)
                }
            }
        }
        return sums.scores
    }
}
