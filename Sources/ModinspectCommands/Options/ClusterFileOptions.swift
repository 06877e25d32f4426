import ArgumentParser

/// The clusters that a command needs.
struct ClusterFileOptions: ParsableArguments {
    @Option(
        name: .customLong("clusters"),
        help: ArgumentHelp(
            """
            The clusters: the tsv, json or jsonl of modinspect cluster, \
            or a checkpoint that finetune wrote; - is standard input.
            """, valueName: "file"),
        completion: .file())
    var path: String
}
