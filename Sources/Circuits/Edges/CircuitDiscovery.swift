import Interventions
import Tensors

/// Automatic circuit discovery (ACDC; Conmy et al. 2023, arXiv 2304.14997, algorithm 1).
///
/// Beginning with all edges, the readers are visited from the output to the input, the sources of a reader from the last to the first. An
/// edge's source is replaced by its ablated value in the run of the circuit as it then is; where the metric is hurt by less than the threshold
/// the edge is gone for good. KL and loss are hurt by what they gain, logit difference and probability by what they lose.
///
/// What lies downstream is computed along the circuit's edges alone, so that a reader whose node nothing reads any more costs nothing. Edges
/// in sequence are tried together in one batch on the assumption that the next decisions are the last one's; the batch counts up to the first
/// decision that is another.
public struct CircuitDiscovery: Sendable {
    public let experiment: EdgeExperiment
    public let threshold: Double

    public init(_ experiment: EdgeExperiment, threshold: Double) {
        self.experiment = experiment
        self.threshold = threshold
    }

    /// A circuit and how it was found.
    public struct Result: Sendable {
        public let kept: EdgeSet
        /// By how much the metric was hurt when each edge was tried; 0 where nothing read the edge's reader any more.
        public let damages: [Double]
        /// The runs that would have been needed one by one: edges whose reader was still read.
        public let tried: Int
    }

    /// The recorded runs of all batches, from which one or more searches start.
    public func recordings() throws -> [EdgeRecordingBox] {
        let team = Team(size: experiment.threads)
        return try experiment.batches.batches.indices.map { EdgeRecordingBox(recording: try EdgeRecording(experiment, place: $0, team: team)) }
    }

    /// - Parameters:
    ///   - recordings: of ``recordings()``.
    ///   - weights: how often each pair counts; once where nil.
    ///   - progress: called with the number of edges decided.
    public func run(_ recordings: [EdgeRecordingBox], weights: [Int]? = nil, progress: (Int) -> Void = { _ in }) throws -> Result {
        let graph = experiment.graph
        let team = Team(size: experiment.threads)
        var search = Search(self, states: recordings.map { EdgeState(cleanOf: $0.recording, graph, team: team) }, weights: weights, team: team)
        var damages = [Double](repeating: 0, count: graph.edgeCount)
        var tried = 0
        for reader in graph.readers.indices.reversed() {
            let edges = graph.edges(to: reader)
            if search.isRead(reader) {
                tried += edges.count
                let decided = search.decide(reader)
                for (place, damage) in decided.enumerated() { damages[edges.lowerBound + place] = damage }
            } else {
                search.drop(reader)
            }
            progress(edges.count)
        }
        return Result(kept: search.kept, damages: damages, tried: tried)
    }
}

/// What one batch's runs recorded, for a later search.
public struct EdgeRecordingBox: Sendable {
    let recording: EdgeRecording
}

/// A search in its course.
private struct Search {
    private let discovery: CircuitDiscovery
    private var states: [EdgeState]
    private let weights: [Double]
    private let team: Team
    private let variants: EdgeVariants
    /// The edges tried together where each has products of many rows.
    private static let fewest = 4
    /// How many edges are tried together. What went well with one reader goes on with the next.
    private var width = 4
    /// The circuit's metric.
    private var current: Double = 0

    init(_ discovery: CircuitDiscovery, states: [EdgeState], weights: [Int]?, team: Team) {
        self.discovery = discovery
        self.states = states
        let count = discovery.experiment.batches.pairs.count
        let given = weights?.map(Double.init) ?? [Double](repeating: 1, count: count)
        let total = given.reduce(0, +)
        self.weights = given.map { $0 / max(total, 1) }
        self.team = team
        variants = EdgeVariants(experiment: discovery.experiment)
        current = mean(states.map { state in
            discovery.experiment.metric.values(state.logits, state.recording.answers, clean: state.recording.cleanLogits)
        })
    }

    var kept: EdgeSet { states[0].kept }

    func isRead(_ reader: Int) -> Bool { states[0].isRead(reader) }

    /// Takes all edges of a reader that nothing depends on.
    mutating func drop(_ reader: Int) {
        for place in states.indices { states[place].forget(reader) }
    }

    /// The mean over the pairs of values batch by batch.
    private func mean(_ values: [[Double]]) -> Double {
        var sum = 0.0
        for (state, values) in zip(states, values) {
            for (sample, value) in values.enumerated() {
                let weight = weights[discovery.experiment.batches.batches[state.recording.place][sample]]
                if weight > 0 { sum += weight * value }
            }
        }
        return sum
    }

    /// Positive where a change from one value of the metric to another hurts.
    private func damage(_ before: Double, _ after: Double) -> Double { discovery.experiment.metric.damage(from: before, to: after) }

    /// Decides on all edges of a reader, from the last source to the first.
    ///
    /// - Returns: for each source by how much the metric was hurt.
    mutating func decide(_ reader: Int) -> [Double] {
        for place in states.indices { states[place].prepare(behind: states[place].graph.readers[reader].stage, team: team) }
        let count = states[0].graph.readers[reader].sources.count
        var row = [Float](repeating: 1, count: count)
        var damages = [Double](repeating: 0, count: count)
        var next = count - 1
        var removes = true
        // Products of few rows gain by company; others have enough of their own, and lose what a wrong guess has cost.
        let isAtEnd = states.allSatisfy { $0.ends.readers[reader] }
        let largest = isAtEnd ? max(1, states.map(variants.portion).min() ?? 1) : Self.fewest
        while next >= 0 {
            // Variant i tries the i-th edge from here, where those before it were decided as the last one was.
            width = min(width, largest)
            let places = (0..<min(width, next + 1)).map { next - $0 }
            var rows: [[Float]] = []
            var base = row
            for place in places {
                var variant = base
                variant[place] = 0
                rows.append(variant)
                if removes { base = variant }
            }
            let values = values(of: reader, rows: rows)
            var failed = false
            for (index, place) in places.enumerated() {
                damages[place] = damage(current, values[index])
                let isRemoved = damages[place] < discovery.threshold
                next = place - 1
                if isRemoved {
                    row[place] = 0
                    current = values[index]
                }
                if isRemoved != removes {
                    removes = isRemoved
                    failed = true
                    break
                }
            }
            width = failed ? max(1, width / 4) : min(largest, width * 2)
        }
        let edges = row.map { $0 > 0 }
        if edges.contains(false) {
            for place in states.indices { states[place].change(reader, to: edges, team: team) }
        }
        return damages
    }

    /// The metric of variants of a reader, the mean over the pairs.
    private func values(of reader: Int, rows: [[Float]]) -> [Double] {
        // Each thread takes some of the variants of some of the batches; what it computes does not depend on the others.
        let step = 16
        let jobs = states.indices.flatMap { state in stride(from: 0, to: rows.count, by: step).map { (state, $0..<min(rows.count, $0 + step)) } }
        let parts: [[[Double]]?]
        if jobs.count >= team.size {
            parts = team.map(jobs.count) { job in
                variants.values(of: reader, rows: Array(rows[jobs[job].1]), in: states[jobs[job].0], team: Team(size: 1))
            }
        } else {
            parts = jobs.map { variants.values(of: reader, rows: Array(rows[$0.1]), in: states[$0.0], team: team) }
        }
        var byState = [[[Double]]](repeating: [], count: states.count)
        for (job, part) in zip(jobs, parts) {
            byState[job.0] += part ?? job.1.map { _ in
                let state = states[job.0]
                return discovery.experiment.metric.values(state.logits, state.recording.answers, clean: state.recording.cleanLogits)
            }
        }
        return rows.indices.map { row in mean(byState.map { $0[row] }) }
    }
}

extension BehaviourMetric {
    /// By how much a change of the metric hurts the behaviour: what divergence and loss gain, what the others lose.
    public func damage(from before: Double, to after: Double) -> Double {
        switch self {
        case .divergence, .loss: after - before
        case .logitDifference, .probability: before - after
        }
    }
}
