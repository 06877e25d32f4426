import Interventions
import Tensors

/// Automatic circuit discovery (ACDC; Conmy et al. 2023, arXiv 2304.14997, algorithm 1).
///
/// Beginning with all edges, the readers are visited from the output to the input, the sources of a reader from the last to the first. An
/// edge's source is replaced by its ablated value in the run of the circuit as it then is; where the metric is hurt by less than the threshold
/// the edge is gone for good. KL and loss are hurt by what they gain, logit difference and probability by what they lose.
///
/// What lies downstream is computed along the circuit's edges alone, so that a reader whose node nothing reads any more costs nothing. Edges
/// in sequence are tried together in one batch on a guess of their decisions: those that the same sources got at the reader of this kind before.
/// The batch counts up to the first decision that is another.
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
    /// How many edges are tried together. What went well with one reader goes on with the next.
    private var width = 4
    private var guesses = EdgeGuesses()
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
        current = mean(states.map(metric))
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

    /// The most edges to try together. Products of few rows gain by company; others have enough of their own, and lose what a wrong guess
    /// has cost.
    private func largest(_ reader: Int, in state: EdgeState) -> Int {
        let (few, some) = (4, 16)
        let portion = variants.portion(state)
        if state.ends.readers[reader] { return portion }
        let isReadAtEnd = state.graph.readers[reader].writes.allSatisfy { state.ends.sources[$0] }
        return min(portion, isReadAtEnd ? some : few)
    }

    /// Changes all states, side by side where there are enough of them.
    private mutating func update(_ body: @Sendable (_ state: inout EdgeState, _ place: Int, _ team: Team) -> Void) {
        guard states.count >= team.size else {
            for place in states.indices { body(&states[place], place, team) }
            return
        }
        let before = states
        states = team.map(before.count) { place in
            var state = before[place]
            body(&state, place, Team(size: 1))
            return state
        }
    }

    /// Variants of a reader that have run.
    private struct Run {
        /// The metric of each, the mean over the pairs.
        let values: [Double]
        /// Which variants of which state each of the parts holds.
        let jobs: [(state: Int, rows: Range<Int>)]
        let parts: [EdgeChanges]

        /// What a variant changes in a state.
        func changes(of variant: Int, in state: Int) -> EdgeChanges {
            for (job, part) in zip(jobs, parts) where job.state == state && job.rows.contains(variant) {
                return part.variant(variant - job.rows.lowerBound, of: job.rows.count)
            }
            preconditionFailure("no variant \(variant)")
        }
    }

    /// Runs variants of a reader.
    private func run(of reader: Int, rows: [[Float]]) -> Run {
        // Each thread takes some of the variants of some of the batches; what it computes does not depend on the others.
        let step = 16
        let jobs = states.indices.flatMap { state in
            stride(from: 0, to: rows.count, by: step).map { (state: state, rows: $0..<min(rows.count, $0 + step)) }
        }
        @Sendable func part(_ job: Int, _ team: Team) -> (changes: EdgeChanges, values: [[Double]]) {
            let state = states[jobs[job].state]
            let changes = state.changes(of: reader, rows: Array(rows[jobs[job].rows]), isKept: true, team: team)
            let values = variants.values(changes, in: state)
            return (changes, values ?? jobs[job].rows.map { _ in metric(state) })
        }
        let parts = jobs.count >= team.size ? team.map(jobs.count) { part($0, Team(size: 1)) } : jobs.indices.map { part($0, team) }
        var byState = [[[Double]]](repeating: [], count: states.count)
        for (job, part) in zip(jobs, parts) { byState[job.state] += part.values }
        return Run(values: rows.indices.map { row in mean(byState.map { $0[row] }) }, jobs: jobs, parts: parts.map(\.changes))
    }

    /// The metric of a state's own run, for each pair.
    private func metric(_ state: EdgeState) -> [Double] {
        discovery.experiment.metric.values(state.logits, state.recording.answers, clean: state.recording.cleanLogits)
    }

    /// Decides on all edges of a reader, from the last source to the first.
    ///
    /// - Returns: for each source by how much the metric was hurt.
    mutating func decide(_ reader: Int) -> [Double] {
        let stage = states[0].graph.readers[reader].stage
        update { state, _, team in state.prepare(behind: stage, team: team) }
        let count = states[0].graph.readers[reader].sources.count
        var row = [Float](repeating: 1, count: count)
        var damages = [Double](repeating: 0, count: count)
        var next = count - 1
        let largest = states.map { self.largest(reader, in: $0) }.min() ?? 1
        guesses.begin(reader, of: states[0].graph)
        var accepted: (run: Run, variant: Int)?
        while next >= 0 {
            width = min(width, largest)
            let places = (0..<min(width, next + 1)).map { next - $0 }
            // Each variant tries an edge, where those before it were decided as they are guessed to be.
            let guessed = guesses.areRemoved(places)
            var rows: [[Float]] = []
            var base = row
            for (place, isRemoved) in zip(places, guessed) {
                var variant = base
                variant[place] = 0
                rows.append(variant)
                if isRemoved { base = variant }
            }
            let run = run(of: reader, rows: rows)
            var failed = false
            for (index, place) in places.enumerated() {
                damages[place] = damage(current, run.values[index])
                let isRemoved = damages[place] < discovery.threshold
                next = place - 1
                guesses.learn(isRemoved: isRemoved, place)
                if isRemoved {
                    row[place] = 0
                    current = run.values[index]
                    accepted = (run, index)
                }
                if isRemoved != guessed[index] {
                    failed = true
                    break
                }
            }
            width = failed ? max(1, width / 4) : min(largest, width * 2)
        }
        if let accepted {
            let edges = row.map { $0 > 0 }
            let changes = states.indices.map { accepted.run.changes(of: accepted.variant, in: $0) }
            update { state, place, team in state.change(reader, to: edges, changes[place], team: team) }
        }
        return damages
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
