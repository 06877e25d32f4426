import Evaluation
import Networks

/// The positions of a sequence at which a patch replaces activations.
package enum PatchedPlaces: String, Sendable, CaseIterable {
    /// At all positions at once.
    case all
    /// At each position separately, counted from the first token; for attention patterns, the position that attends.
    case position

    /// The documentation of the value for help and manual, one sentence.
    package var documentation: String {
        switch self {
        case .all: "All positions at once."
        case .position: "Each position separately, counted from the first token; for a pattern, the position that attends."
        }
    }
}

/// Activation patching: in a run on one sample of each pair, part of the activations come from the run on the other.
///
/// Sources: Vig et al., arXiv 2004.12265, Meng et al., arXiv 2202.05262 (causal tracing); Nanda's attribution patching; the words for the
/// directions are those of Heimersheim and Nanda, arXiv 2404.15255.
package struct ActivationPatching: Sendable {
    /// Which run is patched.
    package enum Direction: String, Sendable, CaseIterable {
        /// Clean activations go into the corrupted run: what they restore is enough for the behaviour.
        case denoise
        /// Corrupted activations go into the clean run: what they break is needed for the behaviour.
        case noise
    }

    /// How the patched run's metric is found.
    package enum Method: String, Sendable, CaseIterable {
        /// By running what is downstream of the patch.
        case exact
        /// By the first-order estimate m + (a' - a) . dm/da at the run that is patched, for all patches from one backward pass.
        case attribution
    }

    package var directions: [Direction]
    /// The first one is what results are ordered by.
    package var metrics: [BehaviourMetric]
    package var method: Method
    package var places: PatchedPlaces

    package init(
        directions: [Direction] = [.denoise], metrics: [BehaviourMetric] = [.logitDifference], method: Method = .exact,
        places: PatchedPlaces = .all
    ) {
        self.directions = directions
        self.metrics = metrics
        self.method = method
        self.places = places
    }

    /// The nodes that a patched run records, which determine the memory of a batch.
    package func request(patching parts: [PatchedPart], in network: Network) -> RunRequest {
        let nodes = Set(parts.map(\.node))
        var request = sourceRequest(parts, in: network)
        switch method {
        case .exact:
            let reading = BehaviourReading(network).node
            var read: Set<NodeID> = []
            for node in nodes {
                read.formUnion(network.frontier(intervened: [node]))
                // What a patch at one position does not reach is as in the run that is patched; what is read of it is not computed again.
                if places == .position, network.isCausal { read.formUnion(network.positionFrontier(intervened: node, reading: reading)) }
            }
            request.recorded.formUnion(read)
            request.readAtEnd.subtract(read)
        case .attribution: request.gradients = GradientRequest(nodes: nodes)
        }
        return request
    }

    /// The nodes that a run records if patches come from it and it is not patched itself.
    func sourceRequest(_ parts: [PatchedPart], in network: Network) -> RunRequest {
        let (nodes, reading) = (Set(parts.map(\.node)), BehaviourReading(network).node)
        var request = RunRequest(recorded: nodes.union([reading]))
        if method == .exact, !nodes.contains(reading) { request.readAtEnd = [reading] }
        return request
    }
}

/// The result of patching.
package struct PatchingResult: Sendable {
    /// The number of pairs.
    package let pairs: Int
    /// For each metric its means over all pairs.
    package let scales: [BehaviourScale]
    /// Direction by direction, part by part, position by position.
    package let rows: [Row]

    /// One patch.
    package struct Row: Sendable {
        package let direction: ActivationPatching.Direction
        package let part: PatchedPart
        /// The place in the sequence; nil if all are patched at once.
        package let position: Int?
        /// The pairs that have the position.
        package let pairs: Int
        /// The change of the activations that the patch replaced.
        package let change: InterventionChange
        /// For each metric what it became; nil if the patch changed nothing.
        package let measures: [Measure]?

        /// Whether the patch changed no activation; its measures are then undefined.
        package var movedNothing: Bool { change.changed == 0 }

        /// The root of the summed squared changes over that of the replaced activations; nil if those were zeros.
        package var relativeChange: Double? {
            change.squaredBefore > 0 ? (change.squaredChange / change.squaredBefore).squareRoot() : nil
        }
    }

    /// A metric of the patched run, the mean over the row's pairs.
    package struct Measure: Sendable, Equatable {
        package let value: Double
        /// The value minus that of the run that was patched.
        package let effect: Double
        /// Between the corrupted run, 0, and the clean run, 1; nil if the metric does not distinguish them.
        package let normalized: Double?
    }

    /// The `count` rows of each direction whose first metric moved most, in the order of their effect; those that moved nothing are left
    /// out.
    package func strongest(_ count: Int) -> [Row] {
        var places: [ActivationPatching.Direction: [(effect: Double, place: Int)]] = [:]
        for (place, row) in rows.enumerated() {
            guard let effect = row.measures?.first?.effect else { continue }
            // NaN comes last.
            places[row.direction, default: []].append((effect.isNaN ? -1 : abs(effect), place))
        }
        return ActivationPatching.Direction.allCases.flatMap { direction in
            (places[direction] ?? []).sorted { ($1.effect, $0.place) < ($0.effect, $1.place) }.prefix(count).map { rows[$0.place] }
        }
    }
}
