import ArgumentParser
import Checkpoints
import Evaluation
import Networks
import Text
import Training

struct FinetuneCommand: FileCommand {
    static let configuration = CommandConfiguration(
        commandName: "finetune",
        abstract: "Trains a model so that it falls into clusters that can be studied alone.",
        usage: "modinspect finetune --data <data> -o <out> [<options>] <checkpoint>",
        discussion: """
            The loss is the cross-entropy minus lambda times the mean clusterability of the selected layers (Golechha et al., arXiv \
            2502.02470). The clusters are read from --clusters, or found by --method in the weights after --warmup steps, and do not \
            change after that.

            OUT holds the trained weights in the checkpoint's own types, with its config.json and tokenizer. An interrupted run saves \
            its state, and the same command with --resume continues it; the result is bit-identical to that of an uninterrupted run. \
            Dropout is not applied.
            """)

    @Argument(help: "The checkpoint, or - for an archive on standard input.", completion: .file())
    var checkpoint: String

    @OptionGroup(title: "Data") var dataPath: DataPathOptions
    @OptionGroup(title: "Data") var samples: SampleOptions
    @OptionGroup(title: "Clusterability") var clusterability: ClusterabilityOptions
    @OptionGroup(title: "Clusterability") var layers: LayerOptions<FileOrModelLayers>
    @OptionGroup(title: "Optimisation") var optimization: OptimizationOptions
    @OptionGroup(title: "Evaluation and log") var watching: WatchingOptions
    @OptionGroup(title: "Interrupted runs") var state: RunStateOptions

    @Option(
        help: ArgumentHelp(
            "The type of all floating-point tensors of OUT; unchanged without this option.", valueName: "type"),
        transform: { try CheckpointOutputOptions.dtype($0) })
    var dtype: DType?

    @OptionGroup var architecture: ArchitectureOptions
    @OptionGroup var source: CheckpointOptions
    @OptionGroup var computation: ComputationOptions
    @OptionGroup var output: CheckpointOutputOptions

    /// The data that is trained on.
    var data: DataOptions { DataOptions(data: dataPath.data, samples: samples) }

    var fileUse: FileUse {
        var use = FileUse(
            reading: [("the checkpoint", checkpoint)] + source.inputs + data.inputs + watching.inputs + [
                ("--clusters", clusterability.clusterFile)
            ],
            writing: [(state.path == nil ? "the run's state" : "--state", state.path(for: output.output))])
        use.write("--log", watching.log, .appended)
        use.write("--output", output.output, .checkpoint)
        return use
    }

    func validate() throws {
        if output.output == "-", state.path == nil, state.interval != nil || state.resume {
            throw ValidationError("--save-every and --resume need --state with -o -")
        }
    }

    /// What is said of parameters that the file keeps as they are; nil without any.
    private static func note(of trained: TrainedParameters) -> String? {
        guard let first = trained.kept.first else { return nil }
        if trained.trainsKept { return "the file keeps all parameters as they are (requires_grad=False), so that all are trained" }
        let others = trained.kept.count == 1 ? "" : " and \(ByteText.counted(trained.kept.count - 1, "other"))"
        let (form, object) = trained.kept.count == 1 ? ("it is", "it") : ("they are", "them")
        return "the file keeps '\(first)'\(others) as \(form) (requires_grad=False): not trained unless --only names \(object)"
    }

    func run() throws {
        let target = try output.target()
        let file = state.path(for: output.output).map(RunStateFile.init)
        if let file, file.exists, !state.resume, !output.force {
            throw Problem("an unfinished run exists", path: file.path, hint: "--resume continues it, --force restarts")
        }
        let ending = try CheckpointRun.locating(checkpoint) {
            let model = try source.load(
                checkpoint, output.diagnostics, architecture: architecture.architecture, data: data.values(seed: computation.seed))
            output.diagnostics.describe(model)
            for note in ParameterNotes(model).texts { output.diagnostics.note("\(model.checkpoint.path): \(note)") }
            let run = try request(model).prepared()
            if let note = Self.note(of: run.trainer.trained) { output.diagnostics.note("\(model.checkpoint.path): \(note)") }
            output.diagnostics.describe(run.data.dataset)
            let session = FinetuneSession(self, run, file)
            try session.prepare()
            return try session.finish(target)
        }
        guard ending == .stopped else { return }
        StopSignals.finish()
        throw ExitCode(1)
    }
}
