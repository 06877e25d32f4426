import Checkpoints
import Networks
import Tensors
import Text

/// The result of `info` for several checkpoints, as one json document.
struct InfoReport: Encodable {
    static let schema = "modinspect.info/2"

    let checkpoints: [CheckpointResult<CheckpointInfo>]
}

/// The description of a checkpoint.
struct CheckpointInfo: Encodable {
    let path: String
    let sha256: String?
    let container: String
    /// The model inside an archive.
    let member: String?
    /// Where the weights are nested in a training file.
    let key: String?
    /// What an adapter is; nil for a model of its own.
    let adapter: AdapterInfo?
    /// The model that an adapter was merged into, or nil.
    let base: BaseSource?
    let family: String
    /// What showed the family: the configuration, the tensors' names, or their shapes.
    let familySource: LayerCatalog.FamilySource
    /// The elements of all tensors of real numbers that are not masks or tables, tied ones counted once.
    let parameters: Int
    /// Those that take part in the answer for one token; nil if all do.
    let activeParameters: Int?
    let bytes: Int
    let tensors: [TensorInfo]
    /// The tensors of the file that are no tensors of the model by themselves: codes and their scales, the parts of an adapter.
    let stored: [StoredInfo]
    /// How weights are taken to be stored of which no file says it.
    let assumptions: [String]
    /// The tensors that the file names and that cannot be read.
    let unreadable: [UnreadableInfo]
    /// Groups of names for the same bytes.
    let tied: [[String]]
    /// What loading the file's pickles would have to import or call, beyond what tensors and plain data need.
    let foreignGlobals: [String]
    /// Every global of every pickle in the file.
    let globals: [GlobalInfo]
    /// The members that could not be searched for pickles.
    let unscanned: [UnscannedInfo]
    /// The bytes behind the last pickle of the file or of a member that are no pickle.
    let trailing: [TrailingInfo]
    /// What the file says of itself beside its tensors.
    let metadata: [MetadataInfo]
    /// The progress of the training run that wrote it; nil if no file records it.
    let training: TrainingInfo?
    /// The architecture of a plain chain that runs; nil for transformers.
    let architecture: String?
    /// Whether the architecture was `given`, kept in the `archive`, named by the `file`, or `assumed`; nil for transformers.
    let architectureSource: String?
    /// What the checkpoint runs as: the architecture of a chain, `the graph in its file`, or the family; nil if it does not run.
    let runsAs: String?
    /// Where a run can be recorded and changed, in the order of the run; empty if the checkpoint does not run.
    let sites: [SiteInfo]
    /// Why the checkpoint does not run.
    let runProblem: String?
}

/// A place in a network where a run can be recorded and changed.
struct SiteInfo: Encodable {
    let site: String
    let operation: String
    /// Its neurons: channels of images, heads of attention patterns.
    let neurons: Int
}

/// A tensor as the file stores it.
struct StoredInfo: Encodable {
    let tensor: String
    let dtype: String
    let shape: [Int]
    let bytes: Int

    init(_ record: TensorRecord) {
        tensor = record.name
        dtype = record.dtype.rawValue
        shape = record.shape
        bytes = record.bytes.count
    }
}

/// The description of a tensor.
struct TensorInfo: ColumnRow {
    let name: String
    let dtype: String
    let shape: [Int]
    let bytes: Int
    /// The out-neurons of the weight matrix that it is, or nil for none.
    let out: Int?
    /// The in-neurons of the weight matrix that it is, or nil for none.
    let `in`: Int?
    /// Whether `score` takes it when no layers are named.
    let scored: Bool
    /// The names of the weight matrices that it holds, each a layer: of a mixture's experts in one tensor one for each.
    let layers: [String]
    /// Why `score` takes none of them when no layers are named; nil if it takes some.
    let leftOut: LeftOut?
    /// The elements that are not a number; nil if nobody counted them.
    let nan: Int?
    /// The infinite elements, likewise.
    let infinite: Int?
    /// How its elements are stored where they are computed from several tensors.
    let encoding: String?
    /// The names of those tensors; nil for a tensor that the file holds as it is.
    let madeOf: [String]?
    /// What a GGUF file calls the tensor, if the model is read under transformers' names.
    let nameInFile: String?

    static let columns: [Column<TensorInfo>] = [
        .text("tensor", "The tensor's name.") { $0.name },
        .text("dtype", "The type of its elements, such as `f32`.") { $0.dtype },
        .shape("shape", "Its dimensions.") { $0.shape },
        .whole("bytes", "The number of bytes in the file.") { $0.bytes },
        .whole("out", "The number of out-neurons of the matrix; missing if the tensor is not a matrix.") { $0.out },
        .whole("in", "The number of in-neurons of the matrix.") { $0.in },
        .flag("scored", "Whether `score` selects it with the given layers.") { $0.scored },
        .whole("nan", "The number of NaN elements; missing if weights were not counted.") { $0.nan },
        .whole("infinite", "The number of infinite elements; missing if weights were not counted.") { $0.infinite },
        .whole("layers", "The number of layers in it, such as one for each expert of a mixture.") { $0.layers.count },
        .text("leftOut", "Why it is not scored, such as `embedding`; see below.") { $0.leftOut?.rawValue },
        .json("layerNames", "The names of its layers, if it has several.") { $0.layers.count > 1 ? $0.layers : nil },
        .json("encoding", "How a quantised weight is stored, such as `GPTQ, 4 bits, groups of 128`.") {
            $0.encoding
        },
        .json("madeOf", "The names of the stored tensors that it is computed from; missing where it is stored as it is.") { $0.madeOf },
        .json("nameInFile", "What the GGUF file calls the tensor; missing where the names are the file's own.") { $0.nameInFile },
    ]
}

/// Whether `info` reads all weights to count those that are not finite. Of a large checkpoint that takes as long as reading it, where everything
/// else that is said of it stands in headers.
enum ValueCheck {
    /// The bytes of tensors up to which their weights are counted without being asked for: as many as take no noticeable time.
    static let limit = 1 << 28

    static func isDone(isRequested: Bool, bytes: Int) -> Bool { isRequested || bytes <= limit }
}

extension TensorInfo {
    /// The elements that are not finite; nil if nobody counted them.
    var special: Int? { nan.flatMap { nan in infinite.map { nan + $0 } } }
}

extension PickleScan {
    /// The pickles of the files that a checkpoint is read from.
    init(of checkpoint: Checkpoint) { self.init(checkpoint.sources + (checkpoint.base?.sources ?? [])) }
}

extension CheckpointInfo {
    /// Looks through a checkpoint.
    ///
    /// - Parameters:
    ///   - scored: the layers that `score` would take.
    ///   - isDefault: whether it would take them because none were named.
    ///   - given: the architecture of a plain chain, where the user says it.
    ///   - scan: the pickles of the file.
    ///   - countsValues: whether all weights are read to count those that are not finite.
    ///   - progress: counts the bytes of the tensors that are read.
    init(
        _ checkpoint: Checkpoint, catalog: LayerCatalog, scored: [Layer], isDefault: Bool, architecture given: Architecture?,
        sha256: String?, base: BaseSource?, scan: PickleScan, countsValues: Bool, progress: Progress
    ) throws {
        path = checkpoint.path
        self.sha256 = sha256
        container = checkpoint.container
        member = checkpoint.member
        key = checkpoint.key
        adapter = checkpoint.adapter.map { AdapterInfo($0, checkpoint) }
        self.base = base
        activeParameters = ActiveParameters(checkpoint, catalog)?.count
        family = catalog.family.name
        familySource = catalog.familySource
        globals = scan.globals.map { GlobalInfo(global: $0.name, member: $0.member, foreign: $0.isForeign, script: $0.isOfScript) }
        unscanned = scan.hidden.map { UnscannedInfo(member: $0.member, reason: $0.problem.what) }
        trailing = scan.trailing.map { TrailingInfo(member: $0.member, bytes: $0.byteCount) }
        foreignGlobals = Set(checkpoint.foreignGlobals + scan.globals.filter(\.isForeign).map(\.name)).sorted()
        metadata = checkpoint.metadata.map(MetadataInfo.init)
        training = checkpoint.training.map { TrainingInfo(step: $0.step, epoch: $0.epoch) }
        tied = checkpoint.tensors.tied
        unreadable = checkpoint.unreadable.map(UnreadableInfo.init)
        let repeated = Set(tied.flatMap { $0.dropFirst() })
        let scoredNames = Set(scored.map(\.tensorName))
        let layers = Dictionary(grouping: catalog.layers, by: \.tensorName)
        let first = Dictionary(scored.map { ($0.tensorName, $0) }, uniquingKeysWith: { first, _ in first })

        let assumed: String?
        (architecture, architectureSource, runsAs, assumed, sites, runProblem) = try Self.sites(
            of: checkpoint, catalog, architecture: given)

        var parameters = 0
        var bytes = 0
        tensors = checkpoint.tensors.map { tensor in
            if catalog.isParameter(tensor), !repeated.contains(tensor.name) {
                parameters = parameters.addingReportingOverflow(tensor.elementCount).partialValue
            }
            if !repeated.contains(tensor.name) { bytes += tensor.storedByteCount }
            var special: NonFiniteCount?
            if countsValues {
                special = NonFiniteCount(tensor, threads: Parallel.availableCores)
                tensor.discardPages()
                progress.advance(by: tensor.storedByteCount)
            }
            let own = layers[tensor.name] ?? []
            let shown = first[tensor.name] ?? own.first
            return TensorInfo(
                name: tensor.name, dtype: tensor.dtype.rawValue, shape: tensor.shape, bytes: tensor.storedByteCount,
                out: shown?.outNeurons, in: shown?.inNeurons, scored: scoredNames.contains(tensor.name), layers: own.map(\.name),
                leftOut: catalog.leftOut(tensor, chosen: scoredNames, isDefault: isDefault), nan: special?.nan,
                infinite: special?.infinite,
                encoding: tensor.encoding, madeOf: tensor.encoding == nil ? nil : tensor.stored.map(\.name),
                nameInFile: checkpoint.fileNames?.name(ofTensor: tensor.name))
        }
        assumptions = checkpoint.assumptions + [assumed].compactMap { $0 }
        let plain = Set(
            checkpoint.tensors.lazy.filter { $0.encoding == nil }.map { checkpoint.fileNames?.name(ofTensor: $0.name) ?? $0.name })
        stored = checkpoint.stored.filter { !plain.contains($0.name) }.map(StoredInfo.init)
        // An adapter by itself is what it stores, not what it changes.
        let isAlone = checkpoint.adapter != nil && checkpoint.base == nil
        self.parameters =
            isAlone ? checkpoint.stored.reduce(0) { $0.addingReportingOverflow($1.elementCount).partialValue } : parameters
        self.bytes = isAlone ? checkpoint.stored.reduce(0) { $0.addingReportingOverflow($1.bytes.count).partialValue } : bytes
    }

    /// A network takes kilobytes for each layer; longer chains are described without one.
    private static let longestChain = 10_000

    /// The sites of the checkpoint's network, or why it has none. An architecture that was given must fit.
    private static func sites(
        of checkpoint: Checkpoint, _ catalog: LayerCatalog, architecture given: Architecture?
    ) throws -> (architecture: String?, source: String?, runsAs: String?, assumed: String?, sites: [SiteInfo], problem: String?) {
        do {
            let model = try LoadedModel(checkpoint, architecture: given, catalog: catalog, longestChain: longestChain)
            let sites = try model.network.siteDescriptions()
            return (
                model.architecture?.description, model.source?.rawValue, model.runsAs, model.network.anatomy.assumption,
                sites.map { SiteInfo(site: $0.site, operation: $0.operation, neurons: $0.neurons) }, nil
            )
        } catch var error as Problem {
            if given != nil { throw error }
            error.path = nil
            return (nil, nil, nil, nil, [], error.summary)
        }
    }
}
