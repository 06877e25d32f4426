import ArgumentParser
import Checkpoints
import Interventions
import Modularity
import Networks

struct PermuteCommand: FileCommand {
    static let configuration = CommandConfiguration(
        commandName: "permute",
        abstract: "Puts neurons into the order of their clusters; the function stays the same.",
        usage: "modinspect permute --clusters <file> [<options>] -o <out> <checkpoint>",
        discussion: """
            The out-neurons of each layer in the file are sorted by cluster, together with everything that depends on their order: \
            biases, norms, the other factor of gated MLPs, and the columns of the layers that read them, through convolutions, pooling \
            and flattening. The in-neurons are sorted by cluster if they are the out-neurons of a layer that has no clusters of its own \
            in the file.

            Layers that write into a residual stream, attention, and the last layer are refused, because their order is fixed.
            """)

    @Argument(help: "The checkpoint, or - for an archive on standard input.", completion: .file())
    var checkpoint: String

    @OptionGroup var clusters: ClusterFileOptions

    @Option(
        name: .customLong("new-clusters"),
        help: ArgumentHelp("Write the clusters of the reordered neurons to FILE as tsv.", valueName: "file"), completion: .file())
    var newClusters: String?

    @OptionGroup var layers: LayerOptions<FileLayers>
    @OptionGroup var architecture: ArchitectureOptions
    @OptionGroup var source: CheckpointOptions
    @OptionGroup var output: CheckpointOutputOptions

    var fileUse: FileUse {
        var use = FileUse(
            reading: [("the checkpoint", checkpoint), ("--clusters", clusters.path)] + source.inputs,
            writing: [("--new-clusters", newClusters)])
        use.write("--output", output.output, .checkpoint)
        return use
    }

    func run() throws {
        let target = try output.target()
        let stream = try newClusters.map { ResultStream(try Destination(path: $0)) }
        try CheckpointRun.locating(checkpoint) {
            let given = try ClusterFile(path: clusters.path)
            let model = try source.load(checkpoint, output.diagnostics, architecture: architecture.architecture)
            output.diagnostics.describe(model)
            output.diagnostics.describeUnread(of: model)
            let order = try ClusterOrder(
                model.checkpoint, network: model.network,
                layers: model.ablatedLayers(given.clusters(for: model.catalog), matching: layers.patterns))
            let fixed = order.fixedInputs.map { (name: $0, text: "its in-neurons are not in the order of their clusters") }
            if let line = Diagnostics.gathered(checkpoint, "layer", fixed) { output.diagnostics.note(line) }
            let record = ArchiveRecord(
                architecture: model.architecture, clusters: order.clusterings.map(ArchiveRecord.Clusters.init), seed: nil,
                parent: output.parent(model.checkpoint, source))
            try target.write(order.rewiring.draft, record: record) { try model.words() }
            if let stream {
                try stream.write("layer\tside\tindex\tcluster\n")
                for clustering in order.clusterings {
                    for (side, labels) in [("out", clustering.outLabels), ("in", clustering.inLabels)] {
                        for (index, label) in labels.values.enumerated() {
                            try stream.write("\(TSV.escaped(clustering.layer))\t\(side)\t\(index)\t\(label)\n")
                        }
                    }
                }
                try stream.finish()
            }
        }
    }
}
