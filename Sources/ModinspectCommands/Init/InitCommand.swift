import Archives
import ArgumentParser
import Checkpoints
import Glibc
import Networks
import Text

struct InitCommand: FileCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Creates an untrained checkpoint with initial weights.",
        usage: "modinspect init [<options>] -o <out> <spec>",
        discussion: """
            A SPEC is one of
              mlp:784-64-64-10: linear layers fc1, fc2, ... with ReLU between them;
              cnn:3x32x32:conv1(16,3,padding=1),relu,maxpool(2),flatten,fc1(10): the shape of a sample, then a chain or graph in the \
            syntax of --arch, with the channels and kernels of convolutions and the outputs of linear layers;
              modadd:113: the Grokking repository's transformer for addition modulo 113;
              the path of a GPT-2 config.json; tokenizer files in the same directory are copied.

            The weights are initialised as in PyTorch, that repository and transformers. The same seed gives the same bytes.
            """)

    @Argument(help: "What to create: mlp:SIZES, cnn:SHAPE:CHAIN, modadd:P, or a config.json.", completion: .file())
    var spec: String

    @Option(
        name: .customLong("d-model"), help: ArgumentHelp("The width of modadd's residual stream; 128 without this option.", valueName: "n"))
    var width: Int?

    @Option(
        name: .customLong("heads"), help: ArgumentHelp("The number of attention heads of modadd; 4 without this option.", valueName: "n"))
    var heads: Int?

    @Option(
        name: .customLong("d-mlp"), help: ArgumentHelp("The number of neurons in modadd's MLP; 512 without this option.", valueName: "n"))
    var neurons: Int?

    @Option(name: .customLong("layers"), help: ArgumentHelp("The number of blocks of modadd; 1 without this option.", valueName: "n"))
    var blocks: Int?

    @Option(help: ArgumentHelp("The seed of every random choice.", valueName: "n"), transform: { try Seed.number($0) })
    var seed: UInt64 = 0

    @OptionGroup var output: CheckpointOutputOptions

    var fileUse: FileUse {
        var use = FileUse()
        use.read("the configuration", spec)
        use.write("--output", output.output, .checkpoint)
        return use
    }

    func validate() throws {
        if !spec.hasPrefix("modadd:"), [width, heads, neurons, blocks].contains(where: { $0 != nil }) {
            throw ValidationError("--d-model, --heads, --d-mlp and --layers require a modadd: SPEC")
        }
        do {
            _ = try writtenBlueprint()
        } catch let error as Problem {
            throw ValidationError(OptionNames.line(of: error))
        }
    }

    func run() throws {
        let target = try output.target()
        if let blueprint = try writtenBlueprint() {
            try write(blueprint, files: [:], to: target)
            return
        }
        let blueprint: Blueprint
        do {
            blueprint = try Blueprint.languageModel(try ByteRegion.contents(path: spec))
        } catch {
            throw error.at(path: spec)
        }
        try write(blueprint, files: try CheckpointDraft.files(beside: spec), to: target)
    }

    private func write(_ blueprint: Blueprint, files: [String: ByteRegion], to target: CheckpointTarget) throws {
        let record = ArchiveRecord(architecture: blueprint.architecture, seed: seed, parent: nil)
        try target.write(blueprint.draft(seed: seed, files: files), record: record)
    }

    /// The model that the argument spells out; nil if it is the path of a file.
    private func writtenBlueprint() throws -> Blueprint? {
        let parts = spec.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        switch parts[0] {
        case "mlp" where parts.count == 2: return try Blueprint.perceptron(parts[1])
        case "cnn" where parts.count == 2: return try Blueprint.convolutional(parts[1])
        case "modadd" where parts.count == 2:
            guard let modulus = Int(parts[1]) else {
                throw ValidationError("modadd requires a number, as in modadd:113, found '\(parts[1])'")
            }
            var sizes = ModularAdditionSizes()
            sizes.width = width ?? sizes.width
            sizes.heads = heads ?? sizes.heads
            sizes.neurons = neurons ?? sizes.neurons
            sizes.blocks = blocks ?? sizes.blocks
            return try Blueprint.modularAddition(modulus: modulus, sizes)
        default:
            try checkIsPath(kind: parts.count == 2 ? parts[0] : nil)
            return nil
        }
    }

    /// The words before the colon of a SPEC.
    private static let kinds = ["mlp", "cnn", "modadd"]

    /// - Throws: wrong usage for a SPEC of no known kind that is not the path of a file either.
    private func checkIsPath(kind: String?) throws {
        guard access(spec, F_OK) != 0 else { return }
        if let kind, !kind.contains("/") {
            let nearest = NearestWord.nearest(to: kind, in: Self.kinds).map { "; did you mean '\($0):'?" } ?? ""
            throw ValidationError("spec: expected mlp:, cnn:, modadd: or a config.json, found '\(spec)'" + nearest)
        }
        if Self.kinds.contains(spec) { throw ValidationError("spec: '\(spec)' needs its sizes, as in \(example(spec))") }
    }

    private func example(_ kind: String) -> String {
        switch kind {
        case "mlp": "mlp:784-64-64-10"
        case "cnn": "cnn:3x32x32:conv1(16,3,padding=1),relu,flatten,fc1(10)"
        default: "modadd:113"
        }
    }
}
