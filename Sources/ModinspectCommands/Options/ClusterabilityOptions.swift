import ArgumentParser
import Modularity

/// The term that trains a model's weights towards clusters.
struct ClusterabilityOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The weight of the mean clusterability in the loss; 20 without this option, 40 for a language model; 0 only reports it.",
            valueName: "x"), transform: { try NumberRange.nonNegative.number($0) })
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

    @Option(help: ArgumentHelp("The number of steps before the clusters are found and the term begins.", valueName: "n"))
    var warmup = 0

    @Option(
        help: ArgumentHelp(
            "How clusters are found without a file of clusters.",
            discussion: """
                contiguous: blocks of neighbouring neurons; others as in modinspect cluster. Without this option: cocluster.
                """))
    var method: ClusteringMethod?

    @Option(name: .customShort("k"), help: ArgumentHelp("The number of clusters, or auto; 4 without this option.", valueName: "n"))
    var counts: ClusterCounts?

    mutating func validate() throws {
        if warmup < 0 { throw ValidationError("--warmup must be at least 0") }
        if clusterFile != nil, method != nil || counts != nil { throw ValidationError("--clusters cannot be combined with --method or -k") }
        if method?.clustersRouters == true {
            throw ValidationError("--method experts clusters routers, whose rows are the experts, for cluster and score")
        }
        if let counts, case .counts(let list) = counts, list.count > 1 { throw ValidationError("takes one number of clusters") }
    }

    var clusterCount: ClusterCount {
        switch counts {
        case .auto: .automatic
        case .counts(let counts): .fixed(counts.first ?? 4)
        case nil: .fixed(4)
        }
    }
}
