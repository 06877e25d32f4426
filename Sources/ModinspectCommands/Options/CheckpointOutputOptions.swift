import Archives
import ArgumentParser
import Checkpoints
import Datasets
import Glibc
import Networks
import Text

/// Where a checkpoint is written; shared by the subcommands that make one.
struct CheckpointOutputOptions: ParsableArguments {
    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "Write the checkpoint to OUT, which appears complete or not at all.",
            discussion: """
                By its name: a .tar of model.safetensors, config.json, the tokenizer's files and modinspect.json; a .safetensors, which \
                leaves out the tokenizer; a .onnx, for a model that came with its graph as one; any other name is a directory of the \
                archive's files. - writes the tar to standard output.
                """, valueName: "out"),
        completion: .file())
    var output: String

    @Flag(help: "Replace OUT if it exists.")
    var force = false

    @OptionGroup var remarks: RemarkOptions

    mutating func validate() throws {
        if output.isEmpty { throw ValidationError("--output needs a name, or -") }
    }

    /// A type that numbers can be rounded to, as an option gives it.
    static func dtype(_ text: String) throws -> DType {
        guard let type = DType(rawValue: text), CheckpointDraft.roundedTypes.contains(type) else {
            throw ValidationError(
                "--dtype must be one of " + CheckpointDraft.roundedTypes.map(\.rawValue).joined(separator: ", ") + ", found '\(text)'")
        }
        return type
    }

    var diagnostics: Diagnostics { remarks.diagnostics }

    /// A bar that is shown if the options and the terminal ask for one.
    ///
    /// - Parameter first: how many were done before.
    func progressBar(_ label: String, total: Int, unit: String, after first: Int = 0) -> Progress {
        remarks.progressBar(label, total: total, unit: unit, after: first)
    }

    /// The checkpoint that another was made of, with its hash if the options leave it in.
    func parent(_ checkpoint: Checkpoint, _ source: CheckpointOptions) -> CheckpointSource {
        func hash(_ sources: [ByteRegion]) -> String? {
            if source.omitsHash { return nil }
            let progress = progressBar("sha256", total: sources.reduce(0) { $0 &+ $1.count }, unit: "bytes")
            defer { progress.finish() }
            return ByteRegion.sha256(of: sources) { progress.advance(by: $0) }
        }
        return CheckpointSource(
            path: checkpoint.path, sha256: hash(checkpoint.sources),
            base: checkpoint.base.map { BaseSource(path: $0.path, sha256: hash($0.sources)) })
    }

    /// Where the checkpoint will go, checked before anything is computed.
    func target() throws -> CheckpointTarget {
        if output == "-" {
            guard isatty(STDOUT_FILENO) == 0 else { throw ValidationError("a checkpoint cannot be written to a terminal; use -o FILE") }
            return .stream("-")
        }
        if AtomicFile.isPipe(output) { return .stream(output) }
        return .file(try CheckpointWriter(path: output, existing: force ? .replaced : .refused))
    }
}

/// Where a checkpoint goes.
enum CheckpointTarget {
    private static func outline(of draft: CheckpointDraft, _ path: String) throws(Problem) -> Checkpoint {
        do { return try draft.outline(path: path) } catch { throw Problem(error) }
    }

    /// Standard output, as `-`, or the path of a pipe.
    case stream(String)
    case file(CheckpointWriter)

    /// Puts a network into words where the file that is written has no place for its graph.
    private static func describeGraph(
        of draft: CheckpointDraft, in record: inout ArchiveRecord, _ path: String, _ words: () throws -> Architecture
    ) throws {
        guard draft.files[ONNXFile.graphName] != nil, record.architecture == nil else { return }
        do {
            let words = try words()
            var bare = draft
            bare.files[ONNXFile.graphName] = nil
            _ = try Chain.network(of: outline(of: bare, path), words)
            record.architecture = words.description
        } catch {
            var problem = Problem(error)
            problem.path = nil
            record.refusal = "a single safetensors file has no place for its graph of operations: " + problem.summary
        }
    }

    /// Writes the draft with a note of where it comes from.
    ///
    /// - Parameters:
    ///   - earlier: the note that it came with, whose clusters are still right.
    ///   - diagnostics: who is told that the result does not run for want of its graph.
    ///   - words: the network in words, asked for where the file has no place for its graph.
    func write(
        _ draft: CheckpointDraft, record: ArchiveRecord, keeping earlier: ByteRegion? = nil, _ diagnostics: Diagnostics? = nil,
        words: () throws -> Architecture = { throw Problem("is not put into words") }
    ) throws {
        let refusal = record.refusal
        var (draft, record) = (draft, record)
        if case .file(let writer) = self, writer.kind == .safetensors {
            try Self.describeGraph(of: draft, in: &record, writer.path, words)
            if record.refusal != refusal, let lost = record.refusal {
                diagnostics?.note("\(writer.path): does not run, and its layers are told by names alone: \(lost)")
            }
        }
        var note = try ReportEncoder.bytes(of: record, isIndented: true)
        if let earlier, let clusters = JSONMembers(earlier.withUnsafeBytes { Array($0) })?.value(of: "clusters") {
            note = JSONMembers(note)?.setting("clusters", to: clusters) ?? note
        }
        draft.files["modinspect.json"] = ByteRegion(copying: note)
        switch self {
        case .file(let writer):
            // A network in words comes without a graph of ONNX, which is what such a file is.
            if writer.kind == .onnx, draft.files[ONNXFile.graphName] == nil, let words = record.architecture {
                do throws(Problem) {
                    draft.files[ONNXFile.graphName] = try Architecture(words).onnxGraph(for: Self.outline(of: draft, writer.path))
                } catch {
                    throw error.at(path: writer.path)
                }
            }
            try writer.write(draft)
        case .stream(let path):
            let destination = try Destination(path: path)
            try CheckpointWriter.writeTar(draft, path: destination.name) { try destination.write($0) }
            try destination.finish()
        }
    }
}
