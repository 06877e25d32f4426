import ArgumentParser
import Checkpoints
import Interventions
import Networks

struct ExtractCommand: FileCommand {
    static let configuration = CommandConfiguration(
        commandName: "extract",
        abstract: "Cuts one cluster out as a smaller checkpoint of its own.",
        usage: "modinspect extract --clusters <file> --cluster <i> -o <out> <checkpoint>",
        discussion: """
            Removes the neurons of all other clusters from every layer in the file, with their biases and norms and the columns of the \
            layers that read them. The result computes what the model computes with the other clusters switched off in all these layers \
            at once; ablate's on with --fill zero does this in one layer.

            The constant that a switched-off neuron still produces after a sigmoid or a batch norm is added to the biases of the layers \
            that read it. It is an error if that is impossible (after a layer norm, with zero padding, without a bias), or if a residual \
            stream, attention or the model's answers fix the number of neurons.
            """)

    @Argument(help: "The checkpoint, or - for an archive on standard input.", completion: .file())
    var checkpoint: String

    @OptionGroup var clusters: ClusterFileOptions

    @Option(help: ArgumentHelp("The cluster to keep, counted from 0.", valueName: "i"))
    var cluster: Int

    @OptionGroup var layers: LayerOptions<FileLayers>
    @OptionGroup var architecture: ArchitectureOptions
    @OptionGroup var source: CheckpointOptions
    @OptionGroup var output: CheckpointOutputOptions

    var fileUse: FileUse {
        var use = FileUse(reading: [("the checkpoint", checkpoint), ("--clusters", clusters.path)] + source.inputs, writing: [])
        use.write("--output", output.output, .checkpoint)
        return use
    }

    func validate() throws {
        if cluster < 0 { throw ValidationError("--cluster must be at least 0") }
    }

    func run() throws {
        let target = try output.target()
        try CheckpointRun.locating(checkpoint) {
            let given = try ClusterFile(path: clusters.path)
            let model = try source.load(checkpoint, output.diagnostics, architecture: architecture.architecture)
            output.diagnostics.describe(model)
            let extraction = try ClusterExtraction(
                model.checkpoint, network: model.network,
                layers: model.ablatedLayers(given.clusters(for: model.catalog), matching: layers.patterns), cluster: cluster)
            var draft = extraction.rewiring.draft
            if let configuration = model.checkpoint.configuration, model.architecture == nil {
                draft.files[model.checkpoint.configurationName] = try NarrowedConfiguration(configuration).narrowed(to: extraction.mlps)
            }
            let record = ArchiveRecord(architecture: model.architecture, seed: nil, parent: output.parent(model.checkpoint, source))
            // What would not run as what it came from is not written.
            _ = try LoadedModel(draft.outline(path: output.output), architecture: model.architecture)
            try target.write(draft, record: record, output.diagnostics) { try model.words() }
        }
    }
}
