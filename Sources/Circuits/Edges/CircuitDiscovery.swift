import Evaluation
import Interventions
import Tensors

/// Automatic circuit discovery (ACDC; Conmy et al. 2023, arXiv 2304.14997, algorithm 1).
///
/// Beginning with all edges, the readers are visited from the output to the input, and the sources of a reader from last to first. An
/// edge's source is replaced by its ablated value in the run of the current circuit; if the metric is hurt by less than the threshold,
/// the edge is removed for good. For KL and loss a rise is harm, for logit difference and probability a fall.
///
/// Everything downstream is computed along the circuit's edges only, so that a reader whose node nothing reads any more costs nothing.
/// Consecutive edges are tried together in one batch, guessing their decisions: those for the same sources at the previous reader of this
/// kind. The batch is used up to the first wrong guess.
package struct CircuitDiscovery: Sendable {
    package let experiment: EdgeExperiment
    package let threshold: Double

    package init(_ experiment: EdgeExperiment, threshold: Double) {
        self.experiment = experiment
        self.threshold = threshold
    }

    /// A circuit and how it was found.
    package struct Result: Sendable {
        package let kept: EdgeSet
        /// By how much the metric was hurt when each edge was tried; 0 if nothing read the edge's reader any more.
        package let damages: [Double]
        /// The runs that would have been needed one by one: edges whose reader was still read.
        package let tried: Int
    }

    /// The recorded runs of all batches, from which one or more searches start.
    package func recordings() throws -> [EdgeRecordingBox] {
        let team = Team(size: experiment.threads)
        return try experiment.batches.batches.indices.map {
            EdgeRecordingBox(recording: try EdgeRecording(experiment, place: $0, team: team))
        }
    }

    /// - Parameters:
    ///   - recordings: of ``recordings()``.
    ///   - weights: how often each pair counts; once if nil.
    ///   - progress: called with the number of edges decided.
    package func run(_ recordings: [EdgeRecordingBox], weights: [Int]? = nil, progress: (Int) -> Void = { _ in }) throws -> Result {
        let graph = experiment.graph
        let team = Team(size: experiment.threads)
        var search = DiscoverySearch(
            self, states: recordings.map { EdgeState(cleanOf: $0.recording, graph, team: team) }, weights: weights, team: team)
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
package struct EdgeRecordingBox: Sendable {
    let recording: EdgeRecording
}

extension BehaviourMetric {
    /// By how much a change of the metric hurts the behaviour: what divergence and loss gain, what the others lose.
    package func damage(from before: Double, to after: Double) -> Double {
        switch self {
        case .divergence, .loss: after - before
        case .logitDifference, .probability: before - after
        }
    }
}
