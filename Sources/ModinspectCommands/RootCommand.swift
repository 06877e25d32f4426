import ArgumentParser

/// The command itself: its subcommands and the first lines of `--help`.
struct RootCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "modinspect",
        abstract: "Reads saved neural networks and measures how modular they are.",
        discussion: """
            A CHECKPOINT is a safetensors file or its index, a PyTorch file (also TorchScript, or a pt2 program of torch.export), an npz, \
            npy, GGUF, ONNX or Flax msgpack file, a Hugging Face model directory, a distributed checkpoint of PyTorch or DeepSpeed, an archive (tar, tar.gz, tar.zst, tar.xz, zip) of \
            any of these, or - for an archive on standard input. The format is recognised by content. Nothing in a file is ever \
            executed.

            Weight matrices are written [out, in]: rows are out-neurons and columns are in-neurons.

            Results go to standard output, everything else to standard error. The exit status is 0 if the result is complete, 1 if \
            something failed, 3 if a threshold was not met, and 64 for wrong usage.
            """,
        version: modinspectVersion, subcommands: all)

    /// All of them say which files they read and write.
    static let all: [any FileCommand.Type] = [
        InfoCommand.self, GraphCommand.self, ClusterCommand.self, ScoreCommand.self, CompareCommand.self, EvalCommand.self,
        TokensCommand.self, RecordCommand.self, AblateCommand.self, PatchCommand.self, CircuitCommand.self, InitCommand.self,
        FinetuneCommand.self, PermuteCommand.self,
        ExtractCommand.self, ConvertCommand.self, PlotCommand.self, ReportCommand.self, AuditCommand.self,
    ]
}
