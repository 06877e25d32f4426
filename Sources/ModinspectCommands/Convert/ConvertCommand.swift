import Archives
import ArgumentParser
import Checkpoints
import Networks
import Text

struct ConvertCommand: FileCommand {
    static let configuration = CommandConfiguration(
        commandName: "convert",
        abstract: "Writes the same model as safetensors, ONNX, a tar or a directory.",
        usage: "modinspect convert [<options>] -o <out> <checkpoint>",
        discussion: """
            Writes any checkpoint as one safetensors file with its config.json and tokenizer, or a network that has a graph or words \
            (--arch) as an ONNX file, if the name of OUT ends in .onnx: shards are joined, quantised weights are \
            decoded, and an adapter is merged with its base model. Tied tensors stay tied. Names do not change, except that a GGUF \
            file that runs becomes the model that it was made of, under transformers' names, with a config.json and a tokenizer.

            The quantisation settings of config.json are removed, and its entry for the type of the weights is set to the type that is \
            written.
            """)

    @Argument(help: "The checkpoint, or - for an archive on standard input.", completion: .file())
    var checkpoint: String

    @Option(
        help: ArgumentHelp(
            "The type of all floating-point tensors of OUT; without this option unchanged, or f32 for decoded weights.",
            valueName: "type"),
        transform: { try CheckpointOutputOptions.dtype($0) })
    var dtype: DType?

    @OptionGroup var architecture: ArchitectureOptions
    @OptionGroup var source: CheckpointOptions
    @OptionGroup var output: CheckpointOutputOptions

    var fileUse: FileUse {
        var use = FileUse(reading: [("the checkpoint", checkpoint)] + source.inputs, writing: [])
        use.write("--output", output.output, .checkpoint)
        return use
    }

    func run() throws {
        let target = try output.target()
        try CheckpointRun.locating(checkpoint) {
            let opened = try source.open(checkpoint, output.diagnostics)
            if let refusal = opened.runRefusal ?? opened.unreadable.first?.problem { throw refusal }
            if let problem = opened.translationProblem {
                output.diagnostics.note("\(checkpoint): names and settings are the file's own, as it does not run: \(problem.summary)")
            }
            if opened.tensors.contains(where: \.isTurnedKernel) {
                output.diagnostics.note("\(checkpoint): kernels are written as PyTorch orders weights, [out, in, ...]")
            }
            do throws(Problem) {
                _ = try opened.tokenizerFile()
            } catch {
                output.diagnostics.note("\(checkpoint): the tokenizer is left out: \(error.summary)")
            }
            let (model, words, refusal) = try described(opened)
            // The shape of samples that was given stays with the graph.
            var draft = CheckpointDraft(model?.checkpoint ?? opened, dtype: dtype)
            if let configuration = opened.configuration {
                draft.files[opened.configurationName] = ConvertedConfiguration(configuration).text(for: draft)
            }
            let length = model?.network.fixedLength
            if let length, let graph = draft.files[ONNXFile.graphName] {
                draft.files[ONNXFile.graphName] = try ONNXFile.fixing(length: length, in: graph)
            }
            if let refusal, case .file(let writer) = target, writer.kind == .onnx { throw Problem(path: checkpoint, problem: refusal) }
            if let refusal { output.diagnostics.note("\(checkpoint): the result does not run without --arch: \(refusal)") }
            let record = ArchiveRecord(architecture: words, refusal: refusal, seed: nil, parent: output.parent(opened, source))
            try target.write(draft, record: record, keeping: opened.companions["modinspect.json"], output.diagnostics) {
                try (model ?? LoadedModel(opened)).words()
            }
        }
    }

    /// The architecture of a plain chain that was given, or that the archive keeps or the modules in the file describe; without one, why the file
    /// does not run; and the model, if it was loaded.
    private func described(_ opened: Checkpoint) throws -> (model: LoadedModel?, words: Architecture?, refusal: String?) {
        let given = architecture.architecture
        guard given != nil || opened.module != nil || opened.companions["modinspect.json"] != nil else { return (nil, nil, nil) }
        do {
            let model = try LoadedModel(opened, architecture: given)
            return (model, model.architecture, nil)
        } catch {
            if given != nil { throw error }
            // What was written here once can be written again whether it runs or not.
            if let kept = try? Chain.kept(in: opened) { return (nil, kept, nil) }
            var problem = Problem(error)
            problem.path = nil
            // A graph that is kept says itself why it does not run.
            return (nil, nil, opened.graph == nil ? Chain.refusal(in: opened) ?? problem.summary : nil)
        }
    }
}
