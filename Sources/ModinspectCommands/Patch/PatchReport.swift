import Evaluation
import Interventions

/// The settings of a patching run, at the head of every json document and line.
struct PatchSetting: Encodable {
    static let schema = "modinspect.patch/1"

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

/// The result of `patch`, as one json document.
struct PatchReport: HeadedReport {
    let provenance: Provenanced<PatchSetting>
    let pairs: Int
    let metrics: [PatchedMetric]
    let patches: [PatchRow]

    var head: Provenanced<PatchSetting> { provenance }

    static let members: [Column<PatchReport>] = [
        .json("pairs", "The number of them.") { $0.pairs },
        .json("metrics", "Their means without a patch.") { $0.metrics },
        .json("patches", "The effect of each patch.") { $0.patches },
    ]
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
struct PatchRow: ColumnRow {
    /// `denoise` or `noise`; `clean` or `corrupted` for a run without a patch.
    let direction: String
    let site: String?
    /// `site`, `head`, `expert`, `neuron` or `cluster`.
    let unit: String?
    let index: Int?
    /// nil if all positions were patched at once.
    let position: Int?
    /// The pairs that have the position.
    let pairs: Int
    /// Whether any activation changed; if none did, the measures are undefined.
    let moved: Bool
    /// The root of the summed squared changes of what was patched over that of its activations.
    let relativeChange: Double?
    /// The mean absolute change of an activation that was patched.
    let meanChange: Double?
    let measures: [PatchMeasure]

    static let columns: [Column<PatchRow>] = [
        .text("direction", "`denoise` or `noise`; `clean` or `corrupted` for a run without a patch.") { $0.direction },
        .text("site", "What was patched; missing for a run without a patch.") { $0.site },
        .text("unit", "`site`, `head`, `expert`, `neuron` or `cluster`.") { $0.unit },
        .whole("index", "The number of the head, expert, neuron or cluster.") { $0.index },
        .whole("position", "Missing if all positions were patched at once.") { $0.position },
        .whole("pairs", "The number of pairs that have the position.") { $0.pairs },
        .flag("moved", "Whether any activation changed; if none did, the measures are undefined.") { $0.moved },
        .number("relativeChange", "The norm of the change divided by the norm of the activations that were replaced.") {
            $0.relativeChange
        },
        .number("meanChange", "The mean absolute change of an activation that was patched.") { $0.meanChange },
        .json("measures", "The value of each metric; in tsv, columns named by the metrics.") { $0.measures },
    ]

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

/// The value of a metric under a patch.
struct PatchMeasure: Encodable, Sendable {
    let metric: String
    let value: Double?
    let effect: Double?
    let normalized: Double?

    /// The columns of a metric in tables and tsv.
    static func columns(_ metric: String) -> [String] {
        let name = metric.replacing("-", with: "_")
        return [name, name + "_effect", name + "_normalized"]
    }

    /// The values of these columns.
    var values: [Double?] { [value, effect, normalized] }
}
