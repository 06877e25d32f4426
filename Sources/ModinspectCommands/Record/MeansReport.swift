import Interventions
import Text

/// How mean activations were computed: the head of json and of every line of jsonl.
struct MeansSetting: Encodable {
    static let schema = "modinspect.means/1"

    /// The data as the user named it.
    let data: String
    /// The number of samples, or of pairs.
    let samples: Int
    /// `class` or `cluster`.
    let by: String
    /// The file of the clusters; nil for sites.
    let clusters: String?
    /// The positions that were asked for; nil for all.
    let position: String?
    /// The token that was asked for; nil for any.
    let token: Int?
}

/// The mean activation of a site or cluster.
struct MeanRow: ColumnRow {
    let layer: String?
    let site: String
    let cluster: Int?
    let neurons: Int?
    let side: String?
    let label: Int?
    let count: Int
    let mean: Double?
    let sd: Double?
    let active: Double?
    /// What the model or the labels call the class; nil for a number.
    let name: String?

    static let columns: [Column<MeanRow>] = [
        .text("layer", "The layer whose out-neurons the cluster has; missing for sites.") { $0.layer },
        .text("site", "The site whose activations they are.") { $0.site },
        .whole("cluster", "The cluster, from 0; missing for sites.") { $0.cluster },
        .whole("neurons", "The number of its neurons; missing for whole sites.") { $0.neurons },
        .text("side", "`clean` or `corrupted` for pairs; missing for samples.") { $0.side },
        .whole("label", "The class; missing if all samples are counted together.") { $0.label },
        .whole("count", "The number of activations.") { $0.count },
        .number("mean", "Their mean.") { $0.mean },
        .number("sd", "Their standard deviation.") { $0.sd },
        .number("active", "The share of activations above 0.") { $0.active },
        .text("name", "The name of the class, where the model or the labels have one.") { $0.name },
    ]

    /// - Parameter names: those of the classes.
    init(_ row: ActivationMeans.Row, _ names: [Int: String]) {
        let isCluster = row.site.part.unit == .cluster
        layer = row.site.layer
        site = isCluster ? row.site.part.site : row.site.name
        cluster = isCluster ? row.site.part.index : nil
        neurons = row.site.part.neurons?.count
        side = row.side
        label = row.label.map(Int.init)
        count = row.moments.count
        mean = row.moments.mean
        sd = row.moments.deviation
        active = row.moments.active
        name = row.label.flatMap { names[Int($0)] }
    }

    /// The columns that some row has a value in.
    static func used(_ rows: [MeanRow]) -> [Column<MeanRow>] {
        columns.filter { column in rows.contains { !column.value(of: $0).text.isEmpty && column.value(of: $0).text != "-" } }
    }
}

/// Mean activations, as one json document.
struct MeansReport: HeadedReport {
    let provenance: Provenanced<MeansSetting>
    let means: [MeanRow]

    var head: Provenanced<MeansSetting> { provenance }

    static let members: [Column<MeansReport>] = [
        .json("means", "A row for each site or cluster, and each class.") { $0.means }
    ]

    func write(_ format: ReportFormat, to stream: ResultStream) throws {
        switch format {
        case .text:
            let checkpoint = provenance.checkpoint?.path ?? ""
            let setting = provenance.result
            try stream.write(
                checkpoint.pathLine + "\n" + LabelledLine.text("data", setting.data.singleLine, padding: 12) + "\n"
                    + MeanRow.used(means).table(means).text(indent: 2))
        case .tsv:
            try stream.write(MeanRow.columns.header())
            for row in means { try stream.write(MeanRow.columns.tsv(row)) }
        case .json: try ReportEncoder.write(self, isIndented: true, to: stream)
        case .jsonl:
            for row in means { try stream.write(try ReportEncoder.bytes(of: Joined(provenance, row), isIndented: false)) }
        }
    }
}
