import Checkpoints
import Networks

/// What `info` says of several checkpoints, as one json document.
struct InfoReport: Encodable {
    let schema = "modinspect.info/1"
    let version = modinspectVersion
    /// Nothing in it is random.
    let seed: UInt64?
    let checkpoints: [CheckpointResult<CheckpointInfo>]
}

/// What `info` says of one checkpoint, as a line of jsonl.
struct InfoLine: Encodable {
    let schema = "modinspect.info/1"
    let version = modinspectVersion
    let seed: UInt64?
    let checkpoint: CheckpointResult<CheckpointInfo>
}

/// What a checkpoint is.
struct CheckpointInfo: Encodable {
    let path: String
    let sha256: String?
    let container: String
    /// The model inside an archive.
    let member: String?
    /// Where the weights are nested in a training file.
    let key: String?
    let family: String
    /// What showed the family: the configuration, the tensors' names, or their shapes.
    let familySource: String
    /// The elements of all tensors of real numbers that are no masks or tables, tied ones counted once.
    let parameters: Int
    let bytes: Int
    let tensors: [TensorInfo]
    /// Groups of names for the same bytes.
    let tied: [[String]]
    /// What a loader of the file's pickle would have to import or call.
    let foreignGlobals: [String]
    /// The architecture of a plain chain that runs; nil for transformers.
    let architecture: String?
    /// Where a run can be recorded and changed, in the order of the run; empty where the checkpoint does not run.
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

/// What a tensor is.
struct TensorInfo: Encodable {
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
    /// The elements that are not a number.
    let nan: Int
    /// The infinite elements.
    let infinite: Int
}

extension CheckpointInfo {
    /// Looks through a checkpoint and all its weights.
    ///
    /// - Parameters:
    ///   - scored: the layers that `score` would take.
    ///   - given: the architecture of a plain chain, where the user says it.
    ///   - progress: counts the tensors' bytes.
    init(
        _ checkpoint: Checkpoint, catalog: LayerCatalog, scored: [Layer], architecture given: Architecture?, sha256: String?,
        progress: Progress
    ) throws {
        path = checkpoint.path
        self.sha256 = sha256
        container = checkpoint.container
        member = checkpoint.member
        key = checkpoint.key
        family = catalog.family.name
        familySource = catalog.familySource.rawValue
        foreignGlobals = checkpoint.foreignGlobals
        tied = checkpoint.tensors.tied
        let repeated = Set(tied.flatMap { $0.dropFirst() })
        let scoredNames = Set(scored.map(\.name))
        let layers = Dictionary(catalog.layers.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })

        (architecture, sites, runProblem) = try Self.sites(of: checkpoint, architecture: given)

        var parameters = 0
        var bytes = 0
        tensors = checkpoint.tensors.map { tensor in
            if catalog.isParameter(tensor), !repeated.contains(tensor.name) {
                parameters = parameters.addingReportingOverflow(tensor.elementCount).partialValue
            }
            if !repeated.contains(tensor.name) { bytes += tensor.bytes.count }
            let special = NonFiniteCount(tensor)
            tensor.bytes.discardPages()
            progress.advance(by: tensor.bytes.count)
            return TensorInfo(
                name: tensor.name, dtype: tensor.dtype.rawValue, shape: tensor.shape, bytes: tensor.bytes.count,
                out: layers[tensor.name]?.outNeurons, in: layers[tensor.name]?.inNeurons, scored: scoredNames.contains(tensor.name),
                nan: special.nan, infinite: special.infinite)
        }
        self.parameters = parameters
        self.bytes = bytes
    }

    /// The sites of the checkpoint's network, or why it has none. An architecture that was given must fit.
    private static func sites(
        of checkpoint: Checkpoint, architecture given: Architecture?
    ) throws -> (architecture: String?, sites: [SiteInfo], problem: String?) {
        do {
            let model = try LoadedModel(checkpoint, architecture: given)
            let sites = try model.network.siteDescriptions()
            return (
                model.architecture?.description,
                sites.map { SiteInfo(site: $0.site, operation: $0.operation, neurons: $0.neurons) }, nil
            )
        } catch let error as ModelError {
            if given != nil { throw error }
            return (nil, [], error.error.summary)
        } catch let error as NetworkError {
            return (nil, [], error.summary)
        }
    }
}
