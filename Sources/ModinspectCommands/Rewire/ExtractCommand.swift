import ArgumentParser
import Checkpoints
import Interventions
import Networks
import Text

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
            output.diagnostics.describeUnread(of: model)
            let extraction = try ClusterExtraction(
                model.checkpoint, network: model.network,
                layers: model.ablatedLayers(given.clusters(for: model.catalog), matching: layers.patterns), cluster: cluster)
            var draft = extraction.rewiring.draft
            let architecture = try wordsOfGraph(model) ?? model.architecture
            if model.isGraph { draft.files[ONNXFile.graphName] = nil }
            if let configuration = model.checkpoint.configuration, architecture == nil {
                draft.files[model.checkpoint.configurationName] = try NarrowedConfiguration(configuration).narrowed(to: extraction.mlps)
            }
            let record = ArchiveRecord(architecture: architecture, seed: nil, parent: output.parent(model.checkpoint, source))
            // What would not run as what it came from is not written.
            _ = try LoadedModel(draft.outline(path: output.output), architecture: architecture)
            try target.write(draft, record: record, output.diagnostics) { try model.words() }
        }
    }

    /// The words of a network that is the graph in its file, whose shapes hold for the whole layers alone; nil for other networks.
    private func wordsOfGraph(_ model: LoadedModel) throws -> Architecture? {
        guard model.isGraph else { return nil }
        do {
            return try model.words()
        } catch var problem as Problem {
            (problem.path, problem.setting) = (nil, nil)
            throw Problem("the graph in the file is one of whole layers, and has no words that smaller ones could have: \(problem.summary)")
        }
    }
}
