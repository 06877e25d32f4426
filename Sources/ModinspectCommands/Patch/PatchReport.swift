import Evaluation
import Interventions

/// What a patching and its surroundings were, at the head of every json document and line.
struct PatchProvenance: Encodable {
    static let schema = "modinspect.patch/1"

    let schema = Self.schema
    let version = modinspectVersion
    let seed: UInt64
    let checkpoint: CheckpointSource
    /// The data as the user named it.
    let data: String
    /// `file` or `by-class`.
    let pairing: String
    /// The file of the clusters, if clusters were patched.
    let clusters: String?
    /// `exact` or `attribution`.
    let method: String
    /// `all` or `position`.
    let by: String
}

/// What `patch` found, as one json document.
struct PatchReport: Encodable {
    let provenance: PatchProvenance
    let pairs: Int
    let metrics: [PatchedMetric]
    let patches: [PatchRow]

    private enum CodingKeys: String, CodingKey {
        case pairs, metrics, patches
    }

    func encode(to encoder: any Encoder) throws {
        try provenance.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(pairs, forKey: .pairs)
        try container.encode(metrics, forKey: .metrics)
        try container.encode(patches, forKey: .patches)
    }
}

/// A metric's means over the pairs without a patch.
struct PatchedMetric: Encodable {
    let metric: String
    let clean: Double
    let corrupted: Double
    /// Whether the two differ, without which nothing is normalised.
    let moves: Bool

    init(_ metric: BehaviourMetric, _ scale: BehaviourScale) {
        self.metric = metric.rawValue
        clean = scale.clean
        corrupted = scale.corrupted
        moves = scale.moves
    }
}

/// One patch, or a run without one.
struct PatchRow: Encodable {
    /// `denoise` or `noise`; `clean` or `corrupted` for a run without a patch.
    let direction: String
    let site: String?
    /// `site`, `head`, `neuron` or `cluster`.
    let unit: String?
    let index: Int?
    /// nil where all positions were patched at once.
    let position: Int?
    /// The pairs that have the position.
    let pairs: Int
    /// Whether any activation changed; where none did, there are no measures.
    let moved: Bool
    /// The root of the summed squared changes of what was patched over that of its activations.
    let relativeChange: Double?
    /// The mean absolute change of an activation that was patched.
    let meanChange: Double?
    let measures: [PatchMeasure]

    init(_ row: PatchingResult.Row, metrics: [BehaviourMetric]) {
        direction = row.direction.rawValue
        site = row.part.site
        unit = row.part.unit.rawValue
        index = row.part.index
        position = row.position
        pairs = row.pairs
        moved = !row.movedNothing
        relativeChange = row.relativeChange
        meanChange = row.change.elements > 0 ? row.change.absoluteChange / Double(row.change.elements) : nil
        measures = metrics.indices.map { place in
            let found = row.measures?[place]
            return PatchMeasure(metric: metrics[place].rawValue, value: found?.value, effect: found?.effect, normalized: found?.normalized)
        }
    }

    /// A run without a patch.
    enum Baseline: String { case clean, corrupted }

    init(_ baseline: Baseline, _ report: PatchReport) {
        direction = baseline.rawValue
        site = nil
        unit = nil
        index = nil
        position = nil
        pairs = report.pairs
        moved = false
        relativeChange = nil
        meanChange = nil
        measures = report.metrics.map { metric in
            PatchMeasure(
                metric: metric.metric, value: baseline == .clean ? metric.clean : metric.corrupted, effect: nil,
                normalized: metric.moves ? (baseline == .clean ? 1 : 0) : nil)
        }
    }
}

/// What a metric became.
struct PatchMeasure: Encodable {
    let metric: String
    let value: Double?
    let effect: Double?
    let normalized: Double?
}

/// One patch, or a run without one, as a line of jsonl.
struct PatchLine: Encodable {
    let provenance: PatchProvenance
    let row: PatchRow

    func encode(to encoder: any Encoder) throws {
        try provenance.encode(to: encoder)
        try row.encode(to: encoder)
    }
}
