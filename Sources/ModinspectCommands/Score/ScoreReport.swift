import Modularity

/// The result of `score` for several checkpoints, as one json document.
struct ScoreReport: HeadedReport {
    static let schema = "modinspect.score/2"

    let setting: ScoreSetting
    let checkpoints: [CheckpointResult<ScoredCheckpoint>]

    var head: ScoreSetting { setting }

    static let members: [Column<ScoreReport>] = [
        .json("checkpoints", "In the order of the arguments.") { ResultList($0.checkpoints) }
    ]
}

/// The settings of scoring in every json document and line.
struct ScoreSetting: Encodable {
    /// How the clusters were found; nil if they were given.
    let method: String?
    /// The data of the gradients or activations; nil for methods that read none.
    let data: String?
    /// The samples of a batch of it.
    let batch: Int?
    /// The file of given clusters.
    let clusters: String?
}

/// The scores of one checkpoint.
struct ScoredCheckpoint: Encodable {
    let path: String
    let sha256: String?
    /// The model that an adapter was merged with; nil for any other checkpoint.
    let base: BaseSource?
    /// One for each number of clusters that was requested.
    let results: [ScoredSweep]
}

/// The scores of all layers for one number of clusters.
struct ScoredSweep: Encodable {
    /// The number of clusters, or nil if it differs between layers.
    let k: Int?
    let layers: [ScoredLayer]
    /// The mean of each measure over the layers where it is defined.
    let mean: ScoredLayer
    /// The n-cut of the graph of all layers, for the network method.
    let networkNcut: Double?

    init(_ sweep: ModelAnalysis.Sweep) {
        let counts = Set(sweep.layers.map(\.clustering.clusterCount))
        k = counts.count == 1 ? counts.first : nil
        layers = sweep.layers.map { layer in
            ScoredLayer(
                layer: layer.clustering.layer, k: layer.clustering.clusterCount, measures: Measure.allCases.map { layer.measures[$0] },
                null: layer.null)
        }
        mean = ScoredLayer(
            layer: "mean", k: k, measures: Measure.allCases.map { measure in sweep.mean { $0[measure] } }, null: sweep.null)
        networkNcut = sweep.networkCut
    }

    /// The layers, their mean, and for the network method a row `network` with the n-cut of the graph of all layers.
    var rows: [ScoredLayer] {
        guard let networkNcut else { return layers + [mean] }
        let network = ScoredLayer(
            layer: "network", k: k, measures: Measure.allCases.map { $0 == .ncut ? networkNcut : nil }, null: nil)
        return layers + [mean, network]
    }
}

/// The measures of one layer, or their means.
struct ScoredLayer: ColumnRow {
    /// The tensor's name, `mean`, or `network`.
    let layer: String
    let k: Int?
    /// In the order of ``Measure/allCases``.
    let measures: [Double?]
    /// The clusterability of the layer with its weights shuffled; nil if it was not requested.
    let null: NullModel?

    subscript(measure: Measure) -> Double? { zip(Measure.allCases, measures).first { $0.0 == measure }?.1 }

    static let columns: [Column<ScoredLayer>] = names + scores + nullModel

    private static let names: [Column<ScoredLayer>] = [
        .text("layer", "The tensor's name; `mean` for the mean over the layers, `network` for the graph of all layers.") { $0.layer },
        .whole("k", "The number of clusters; missing if it differs between layers.") { $0.k },
    ]
    private static let scores: [Column<ScoredLayer>] = Measure.allCases.map { measure in
        .number(measure.rawValue, measure.documentation) { $0[measure] }
    }
    private static let nullModel: [Column<ScoredLayer>] = [
        .json("null.samples", "The number of permutations whose score is defined.") { $0.null?.samples },
        .number("null.mean", "The mean clusterability of the permuted weights.") { $0.null?.mean },
        .number("null.sd", "Its standard deviation.") { $0.null?.standardDeviation },
        .number("null.z", "How many of these the score is above the mean.") { $0.null?.z },
        .number("null.p", "The share of permutations that score at least as high.") { $0.null?.p },
    ]

    /// The columns of tables: those of the null model if it was requested.
    static func columns(hasNull: Bool) -> [Column<ScoredLayer>] { columns.filter { hasNull || $0.path[0] != "null" } }
}

extension ScoreReport {
    /// A checkpoint's lines of jsonl: one for each row, or one for its failure.
    static func lines(_ setting: ScoreSetting, seed: UInt64, _ result: CheckpointResult<ScoredCheckpoint>) -> [any Encodable] {
        switch result {
        case .worked: return []
        case .failed(let failure):
            return [Provenanced(schema, seed: seed, Joined(setting, Keyed("checkpoint", failure)))]
        case .ok(let scored):
            let source = CheckpointSource(path: scored.path, sha256: scored.sha256, base: scored.base)
            return scored.results.flatMap(\.rows).map { row in
                Provenanced(schema, seed: seed, Joined(setting, Joined(Keyed("checkpoint", source), row)))
            }
        }
    }
}
