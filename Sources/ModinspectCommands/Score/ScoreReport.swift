import Modularity

/// What `score` found in several checkpoints, as one json document.
struct ScoreReport: Encodable {
    static let schema = "modinspect.score/1"

    /// What is the same for every checkpoint.
    struct Head: Encodable {
        let schema = ScoreReport.schema
        let version = modinspectVersion
        let seed: UInt64
        /// How the clusters were found; nil where they were given.
        let method: String?
        /// The data of the gradients; nil for methods that read none.
        let data: String?
        /// The samples of a batch of it.
        let batch: Int?
        /// The file of given clusters.
        let clusters: String?
    }

    let head: Head
    let checkpoints: [CheckpointResult<ScoredCheckpoint>]

    private enum CodingKeys: String, CodingKey {
        case checkpoints
    }

    func encode(to encoder: any Encoder) throws {
        try head.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(checkpoints, forKey: .checkpoints)
    }
}

/// The scores of one checkpoint.
struct ScoredCheckpoint: Encodable {
    let path: String
    let sha256: String?
    /// One for each number of clusters that was asked for.
    let results: [ScoredSweep]
}

/// The scores of all layers for one number of clusters.
struct ScoredSweep: Encodable {
    /// The number of clusters, or nil where it differs between layers.
    let k: Int?
    let layers: [ScoredLayer]
    /// The mean of each measure over the layers where it is defined.
    let mean: ScoredLayer
    /// The n-cut of the graph of all layers, for the network method.
    let networkNcut: Double?

    init(_ sweep: ModelAnalysis.Sweep) {
        let counts = Set(sweep.layers.map(\.clustering.clusterCount))
        k = counts.count == 1 ? counts.first : nil
        layers = sweep.layers.map { ScoredLayer(layer: $0.clustering.layer, k: $0.clustering.clusterCount, $0.measures, $0.null) }
        mean = ScoredLayer(
            layer: "mean", k: k, clusterability: sweep.mean(\.clusterability), chance: sweep.mean(\.chance),
            adjusted: sweep.mean(\.adjusted), ncut: sweep.mean(\.ncut), modularity: sweep.mean(\.modularity),
            null: sweep.null.map(ScoredNull.init))
        networkNcut = sweep.networkCut
    }

    /// The layers, their mean, and for the network method a row `network` with the n-cut of the graph of all layers.
    var rows: [ScoredLayer] {
        guard let networkNcut else { return layers + [mean] }
        let network = ScoredLayer(
            layer: "network", k: k, clusterability: nil, chance: nil, adjusted: nil, ncut: networkNcut, modularity: nil, null: nil)
        return layers + [mean, network]
    }
}

/// The measures of one layer, or their means.
struct ScoredLayer: Encodable {
    /// The tensor's name, or `mean`.
    let layer: String
    let k: Int?
    let clusterability: Double?
    let chance: Double?
    let adjusted: Double?
    let ncut: Double?
    let modularity: Double?
    let null: ScoredNull?
}

extension ScoredLayer {
    init(layer: String, k: Int?, _ measures: Clusterability, _ null: NullModel?) {
        self.init(
            layer: layer, k: k, clusterability: measures.clusterability, chance: measures.chance, adjusted: measures.adjusted,
            ncut: measures.ncut, modularity: measures.modularity, null: null.map(ScoredNull.init))
    }

    /// The measures in the order of the columns of every table.
    var measures: [Double?] { [clusterability, chance, adjusted, ncut, modularity] }
}

/// What clusterability is when the layer's weights are in random places.
struct ScoredNull: Encodable {
    let samples: Int
    let mean: Double?
    let standardDeviation: Double?
    let z: Double?
    let p: Double?

    init(_ null: NullModel) {
        samples = null.samples
        mean = null.mean
        standardDeviation = null.standardDeviation
        z = null.z
        p = null.p
    }
}

/// One row of a checkpoint's scores, or the checkpoint's failure, as a line of jsonl.
struct ScoreLine: Encodable {
    let head: ScoreReport.Head
    let checkpoint: CheckpointResult<CheckpointSource>
    /// nil for a checkpoint that failed.
    let row: ScoredLayer?

    private enum CodingKeys: String, CodingKey {
        case checkpoint
    }

    func encode(to encoder: any Encoder) throws {
        try head.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(checkpoint, forKey: .checkpoint)
        try row?.encode(to: encoder)
    }

    /// A checkpoint's lines.
    static func lines(_ head: ScoreReport.Head, _ result: CheckpointResult<ScoredCheckpoint>) throws -> [UInt8] {
        switch result {
        case .failed(let failure):
            return try ReportEncoder.bytes(of: ScoreLine(head: head, checkpoint: .failed(failure), row: nil), isIndented: false)
        case .ok(let scored):
            let source = CheckpointSource(path: scored.path, sha256: scored.sha256)
            return try scored.results.flatMap(\.rows).flatMap {
                try ReportEncoder.bytes(of: ScoreLine(head: head, checkpoint: .ok(source), row: $0), isIndented: false)
            }
        }
    }
}
