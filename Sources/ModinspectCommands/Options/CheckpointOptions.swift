import Text
import Archives
import ArgumentParser
import Checkpoints
import Datasets
import Networks

/// Which of several models in a checkpoint is meant, and whether the file is hashed.
struct CheckpointOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The model to read from an archive that holds several.", valueName: "path"))
    var member: String?

    @Option(help: ArgumentHelp("Where the weights are nested in a training file, for example model or state.net.", valueName: "a.b"))
    var key: String?

    @Option(
        help: ArgumentHelp("The base model to merge an adapter into.", valueName: "checkpoint"),
        completion: .file())
    var base: String?

    @Option(name: .customLong("base-member"), help: ArgumentHelp("The --member of the base model.", valueName: "path"))
    var baseMember: String?

    @Option(name: .customLong("base-key"), help: ArgumentHelp("The --key of the base model.", valueName: "a.b"))
    var baseKey: String?

    @Option(
        name: .customLong("config"),
        help: ArgumentHelp(
            "The settings of config.json: a file, used in place of the checkpoint's own, or key=value,..., added to it.",
            valueName: "settings"),
        completion: .file())
    var config: String?

    @Flag(
        name: .customLong("no-sha256"),
        help: "Do not compute the checkpoint's SHA-256, which reads the whole file; json and jsonl then give it as null.")
    var omitsHash = false

    func validate() throws {
        if base == nil, baseMember != nil || baseKey != nil {
            throw ValidationError("\(baseMember != nil ? "--base-member" : "--base-key") needs --base")
        }
    }

    /// The files that the options name.
    var inputs: [(argument: String, path: String?)] {
        [("--base", base), ("--config", config.flatMap { GivenConfiguration.isFile($0) ? $0 : nil })]
    }

    /// Opens the checkpoint that the argument names, merged with its base model if there is one; `-` is an archive on standard input.
    ///
    /// A note counts the tensors that cannot be read; an adapter and a model without all of its files are an error.
    func open(_ path: String, _ diagnostics: Diagnostics) throws -> Checkpoint {
        let checkpoint = try openQuietly(path, diagnostics)
        diagnostics.noteAssumptions(checkpoint)
        diagnostics.noteUnreadable(checkpoint)
        return checkpoint
    }

    /// Opens every model that the argument names, for a result that lists them with what cannot be read.
    func openEach(_ path: String, _ diagnostics: Diagnostics) throws -> [Checkpoint] {
        try Self.checkName(path)
        let checkpoints = try diagnostics.timing("\(path): opened") {
            try Checkpoint.openEach(path, options: Checkpoint.Options(member: member, key: key)).map { try configured(merged($0)) }
        }
        var assumptions: Set<String> = []
        for checkpoint in checkpoints {
            diagnostics.describe(checkpoint)
            diagnostics.noteAssumptions(checkpoint, besides: assumptions)
            assumptions.formUnion(checkpoint.assumptions)
        }
        return checkpoints
    }

    /// Opens a checkpoint as a model that runs. What is missing or cannot be read is an error if the model needs it, and otherwise said in a note.
    ///
    /// - Parameter data: what it is to run on, whose shape counts where the file leaves that open and does not run without.
    func load(
        _ path: String, _ diagnostics: Diagnostics, architecture: Architecture?, data: DatasetSource? = nil
    ) throws -> LoadedModel {
        let model = try LoadedModel(openQuietly(path, diagnostics), architecture: architecture, samples: { data?.sampleShape })
        diagnostics.noteAssumptions(model.checkpoint)
        diagnostics.noteUnreadable(model.checkpoint)
        return model
    }

    private func openQuietly(_ path: String, _ diagnostics: Diagnostics) throws -> Checkpoint {
        try Self.checkName(path)
        let checkpoint = try diagnostics.timing("\(path): opened") {
            try configured(merged(Checkpoint.open(path, options: Checkpoint.Options(member: member, key: key))))
        }
        if let refusal = checkpoint.refusal ?? checkpoint.incompleteness { throw refusal }
        diagnostics.describe(checkpoint)
        return checkpoint
    }

    /// The checkpoint with the settings of the option.
    private func configured(_ checkpoint: Checkpoint) throws -> Checkpoint {
        guard let config else { return checkpoint }
        let given = try GivenConfiguration(config)
        return checkpoint.with(configuration: try given.merged(into: checkpoint.configuration), given: given.origin)
    }

    /// A name of other bytes than UTF-8, as a search or a list gives it, cannot be passed on as a string.
    static func checkName(_ path: String) throws(Problem) {
        if otherBytes(path) != nil { throw Problem("has a name that is not UTF-8, which only audit takes", path: path) }
    }

    /// The bytes of such a name; nil for any other.
    static func otherBytes(_ path: String) -> [UInt8]? {
        PathText.plain(path) == nil && !FilePath.exists(path) ? PathText.bytes(path) : nil
    }

    /// An adapter merged with its base model if that is given; without it any checkpoint as it is.
    func merged(_ checkpoint: Checkpoint) throws -> Checkpoint {
        guard let base else { return checkpoint }
        let model: Checkpoint
        do {
            model = try Checkpoint.open(base, options: Checkpoint.Options(member: baseMember, key: baseKey))
        } catch var problem as Problem {
            switch problem.hint {
            case .pickMember: problem.hint = .pickBaseMember
            case .pickKey: problem.hint = .pickBaseKey
            default: break
            }
            throw problem
        }
        return try checkpoint.merged(into: model)
    }

    /// The base model of a merged adapter for a report, with its hash unless the options leave it out.
    func base(of checkpoint: Checkpoint, _ output: OutputOptions, isHashed: Bool = true) -> BaseSource? {
        checkpoint.base.map { BaseSource(path: $0.path, sha256: isHashed ? sha256(of: $0.sources, output) : nil) }
    }

    /// The checkpoint's hash for a report; nil if the options leave it out.
    func sha256(of checkpoint: Checkpoint, _ output: OutputOptions) -> String? { sha256(of: checkpoint.sources, output) }

    /// The hash of files one after the other; nil if the options leave it out.
    func sha256(of sources: [ByteRegion], _ output: OutputOptions) -> String? {
        if omitsHash { return nil }
        let progress = output.progressBar("sha256", total: sources.reduce(0) { $0 &+ $1.count }, unit: "bytes")
        defer { progress.finish() }
        return ByteRegion.sha256(of: sources) { progress.advance(by: $0) }
    }
}

extension Diagnostics {
    /// What is assumed of a checkpoint that its files do not say, or is missing in it.
    ///
    /// - Parameter known: what was said before.
    func noteAssumptions(_ checkpoint: Checkpoint, besides known: Set<String> = []) {
        for assumption in checkpoint.assumptions where !known.contains(assumption) { note("\(checkpoint.path): \(assumption)") }
    }

    /// Counts the tensors that cannot be read and are in no result. If there are no others, requesting one gives an error that
    /// says more.
    func noteUnreadable(_ checkpoint: Checkpoint) {
        let tensors = checkpoint.unreadable
        guard !tensors.isEmpty, !checkpoint.tensors.isEmpty else { return }
        let list = tensors.prefix(4).map { tensor in
            "'\(tensor.name.shortened(to: String.longestNameInMessage))'" + (tensor.dtype.map { " (\($0.shortenedForMessage()))" } ?? "")
        }.listed(of: tensors.count, atMost: 3)
        note("\(checkpoint.path): left out \(ByteText.counted(tensors.count, "tensor")) that cannot be read: \(list)")
    }

    /// Reports how a checkpoint was read, in detail.
    func describe(_ checkpoint: Checkpoint) {
        detail(
            "\(checkpoint.path): \(checkpoint.container)"
                + (checkpoint.member.map { ", member \($0)" } ?? "") + (checkpoint.key.map { ", key \($0)" } ?? "")
                + ", \(ByteText.counted(checkpoint.tensors.count, "tensor"))" + (checkpoint.base.map { ", merged with \($0.path)" } ?? ""))
    }
}
