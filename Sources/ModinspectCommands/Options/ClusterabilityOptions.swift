import ArgumentParser
import Modularity

/// The term that draws a model's weights into clusters.
struct ClusterabilityOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "What the mean clusterability counts in the loss: 20 without this option, 40 for a language model; 0 only watches it.",
            valueName: "x"))
    var lambda: Double?

    @Option(
        name: .customLong("clusters"),
        help: ArgumentHelp(
            """
            The clusters to train for: the tsv, json or jsonl of modinspect cluster, \
            or a checkpoint that finetune wrote; - is standard input.
            """, valueName: "file"),
        completion: .file())
    var clusterFile: String?

    @Option(help: ArgumentHelp("The steps before clusters are found and the term begins.", valueName: "n"))
    var warmup = 0

    @Option(
        help: ArgumentHelp(
            "How clusters are found where no file gives them.",
            discussion: """
                contiguous: blocks of neighbouring neurons; others as cluster has them. Without this option: cocluster.
                """))
    var method: ClusteringMethod?

    @Option(name: .customShort("k"), help: ArgumentHelp("The number of clusters, or auto; 4 without this option.", valueName: "n"))
    var counts: ClusterCounts?

    mutating func validate() throws {
        if let lambda, !(lambda >= 0 && lambda.isFinite) { throw ValidationError("--lambda must be at least 0") }
        if warmup < 0 { throw ValidationError("--warmup must be at least 0") }
        if clusterFile != nil, method != nil || counts != nil { throw ValidationError("--clusters cannot be combined with --method or -k") }
        if let counts, case .counts(let list) = counts, list.count > 1 { throw ValidationError("finetune takes one number of clusters") }
    }

    var clusterCount: ClusterCount {
        switch counts {
        case .auto: .automatic
        case .counts(let counts): .fixed(counts.first ?? 4)
        case nil: .fixed(4)
        }
    }
}
