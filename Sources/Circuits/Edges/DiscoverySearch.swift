import Interventions
import Tensors

/// A running search of ``CircuitDiscovery``: the circuit so far, and its results on each batch of pairs.
struct DiscoverySearch {
    private let discovery: CircuitDiscovery
    private var states: [EdgeState]
    private let weights: [Double]
    private let team: Team
    private let variants: EdgeVariants
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
        current = mean(states.map(variants.values))
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

    /// Positive if a change from one value of the metric to another hurts.
    private func damage(_ before: Double, _ after: Double) -> Double { discovery.experiment.metric.damage(from: before, to: after) }

    /// The fixed cost of trying some edges, in units of an edge. Products of few rows become cheaper if they are computed together.
    private func overhead(_ reader: Int) -> Double {
        let writes = states[0].graph.readers[reader].writes
        if states.allSatisfy({ $0.ends.readers[reader] }) { return 2 }
        return states.allSatisfy { state in writes.allSatisfy { state.ends.sources[$0] } } ? 1 : 0.25
    }

    /// Changes all states, side by side if there are enough of them.
    private mutating func update(_ body: @Sendable (_ state: inout EdgeState, _ place: Int, _ team: Team) -> Void) {
        guard states.count >= team.size else {
            for place in states.indices { body(&states[place], place, team) }
            return
        }
        let team = team
        states.withUnsafeMutableBufferPointer { states in
            // Each call has its own state.
            nonisolated(unsafe) let states = states
            team.forEach(states.count) { body(&states[$0], $0, Team(size: 1)) }
        }
    }

    /// Variants of a reader that have run.
    private struct Run {
        /// The metric of each, the mean over the pairs.
        let values: [Double]
        /// Which variants of which state each of the parts holds.
        let jobs: [(state: Int, rows: Range<Int>)]
        let parts: [EdgeChanges]

        /// The changes that a variant makes to a state.
        func changes(of variant: Int, in state: Int) -> EdgeChanges {
            for (job, part) in zip(jobs, parts) where job.state == state && job.rows.contains(variant) {
                return part.variant(variant - job.rows.lowerBound, of: job.rows.count)
            }
            preconditionFailure("no variant \(variant)")
        }
    }

    /// Runs variants of a reader.
    private func run(of reader: Int, rows: [[Float]]) -> Run {
        // Each thread processes some of the variants of some of the batches, independently of the others.
        let step = 16
        let jobs = states.indices.flatMap { state in
            stride(from: 0, to: rows.count, by: step).map { (state: state, rows: $0..<min(rows.count, $0 + step)) }
        }
        @Sendable func part(_ job: Int, _ team: Team) -> (changes: EdgeChanges, values: [[Double]]) {
            let state = states[jobs[job].state]
            let changes = state.changes(of: reader, rows: Array(rows[jobs[job].rows]), isKept: true, team: team)
            let values = variants.values(changes, in: state)
            return (changes, values ?? jobs[job].rows.map { _ in variants.values(in: state) })
        }
        let parts = jobs.count >= team.size ? team.map(jobs.count) { part($0, Team(size: 1)) } : jobs.indices.map { part($0, team) }
        var byState = [[[Double]]](repeating: [], count: states.count)
        for (job, part) in zip(jobs, parts) { byState[job.state] += part.values }
        return Run(values: rows.indices.map { row in mean(byState.map { $0[row] }) }, jobs: jobs, parts: parts.map(\.changes))
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
        let portion = states.map { variants.portion(reader, in: $0) }.min() ?? 1
        let overhead = overhead(reader)
        guesses.begin(reader, of: states[0].graph)
        var accepted: (run: Run, variant: Int)?
        while next >= 0 {
            let width = min(guesses.width(overhead: overhead), portion, next + 1)
            let places = (0..<width).map { next - $0 }
            // Each variant tries an edge, assuming the guessed decisions for those before it.
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
                if isRemoved != guessed[index] { break }
            }
        }
        if let accepted {
            let edges = row.map { $0 > 0 }
            let changes = states.indices.map { accepted.run.changes(of: accepted.variant, in: $0) }
            update { state, place, team in state.change(reader, to: edges, changes[place], team: team) }
        }
        return damages
    }
}
