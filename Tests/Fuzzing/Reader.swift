import Archives
import Checkpoints
import FoundationEssentials
import Networks
import Tensors
import Text

@testable import Datasets
@testable import ModinspectCommands

/// The targets of the fuzzer: each reader of untrusted files, and what a subcommand does next with what was read.
///
/// An error is a correct result. A trap, a hang, or memory beyond the fuzzer's limit is a finding.
enum Reader: String, CaseIterable {
    /// Any container or weight file, its layers, its network, and the values of its small tensors.
    case checkpoint
    /// The file `FUZZED` of a folder that is otherwise sound: config.json, an index, an adapter's settings.
    case folder
    /// Samples: npz, npy, IDX, CIFAR-10.
    case samples
    /// Token ids without a header.
    case tokens
    /// Clean and corrupted prompts, in JSON or CSV.
    case pairs
    /// A tokenizer.json, and a text through it.
    case tokenizer
    /// The clusters of layers, in JSON or TSV.
    case clusters
    /// A description of a chain of layers.
    case architecture

    func read(_ bytes: UnsafeRawBufferPointer) throws {
        switch self {
        case .checkpoint: try Self.use(Checkpoint.open(ByteRegion(copying: bytes), path: "input"))
        case .folder:
            try Data(bytes).write(to: URL(filePath: Self.fuzzedFile))
            try Self.use(Checkpoint.open(Self.fuzzedFolder))
        case .samples: try Self.use(DatasetSource(path: "input").open(DataFile(ByteRegion(copying: bytes), path: "input")))
        case .tokens:
            let source = DatasetSource(path: "input.bin", context: 4)
            try Self.use(source.open(DataFile(ByteRegion(copying: bytes), path: "input.bin")))
        case .pairs: _ = try PromptPairs.read(DataFile(ByteRegion(copying: bytes), path: "input"))
        case .tokenizer:
            let tokenizer = try Tokenizer(ByteRegion(copying: bytes), path: "input")
            _ = try tokenizer.encode(
                "The na\u{EF}ve fox said: 1,234 times\r\n\n no\u{301} <s></s>\u{0} \u{1F98A}", addingSpecialTokens: .byTemplate)
        case .clusters: _ = try ClusterFile(path: "input", content: ByteRegion(copying: bytes))
        case .architecture: _ = try Architecture(String(decoding: bytes, as: UTF8.self))
        }
    }

    private static let environment = ProcessInfo.processInfo.environment
    /// The folder that `FOLDER` names and the file in it that is fuzzed.
    private static let fuzzedFolder = environment["FOLDER"] ?? "."
    private static let fuzzedFile = fuzzedFolder + "/" + (environment["FUZZED"] ?? "config.json")

    /// The elements of a tensor that are read, so that an input stays quick.
    private static let elementLimit = 1 << 14

    private static func use(_ checkpoint: Checkpoint) throws {
        for tensor in checkpoint.tensors where tensor.elementCount <= elementLimit {
            _ = tensor.floats()
            _ = tensor.gathered()
        }
        let catalog = LayerCatalog(checkpoint)
        for layer in catalog.layers where layer.tensor.elementCount <= elementLimit { _ = try? layer.weights() }
        if try TransformerFamilies.network(of: checkpoint, catalog: catalog) == nil {
            let (architecture, _) = try Chain.architecture(of: checkpoint, catalog: catalog, given: nil)
            _ = try Chain.network(of: checkpoint, architecture)
        }
    }

    private static func use(_ dataset: Dataset) throws {
        switch dataset.inputs {
        case .values(let values): _ = values.values(of: [0, dataset.count - 1])
        case .tokens(let tokens): _ = tokens.tokens(of: dataset.count - 1)
        }
        _ = dataset.largestTarget
    }
}
