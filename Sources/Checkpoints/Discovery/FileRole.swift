/// What a file in a folder can be, as far as its name tells.
enum FileRole: Equatable {
    /// The index of a model's shards.
    case index
    /// Weights, whatever the bytes are: if they cannot be read, the checkpoint is damaged.
    case weights
    /// Weights of a format for running a model elsewhere.
    case export
    /// An archive, which may hold a model.
    case archive
    /// An array, which is more often data than a model.
    case array
    /// Arrays, which are a model unless their names are those of data.
    case arrays
    /// A part of a checkpoint that several processes have written.
    case part
    /// The first bytes tell whether it is weights.
    case unknown
    /// State of training other than weights.
    case training
    /// A model of a format that is not supported.
    case foreign
    /// Read with a model.
    case companion
    /// Anything else.
    case other

    private static let foreignEndings: Set<Substring> = [
        "h5", "hdf5", "keras", "pb", "pbtxt", "tflite", "mlmodel", "engine", "plan", "orbax",
    ]
    private static let archiveEndings: Set<Substring> = ["tar", "tgz", "tzst", "txz", "tbz", "tbz2", "zip"]
    private static let compressions: Set<Substring> = ["gz", "zst", "xz", "bz2"]
    private static let weightEndings: Set<Substring> = ["safetensors", "gguf", "pt", "pth", "ckpt"]
    /// What lies beside models in great numbers.
    private static let otherEndings: Set<Substring> = [
        "json", "jsonl", "txt", "md", "py", "yaml", "yml", "toml", "csv", "tsv", "model", "png", "jpg", "jpeg", "gif", "svg", "pdf",
        "html", "log", "out", "err", "sh", "ipynb", "pyc", "c", "h", "cpp", "cu", "js", "css", "xml", "ini", "cfg", "lock", "parquet",
        "arrow", "wav", "mp3", "mp4", "so", "a", "o", "whl", "tmp", "swp", "bak", "idx", "db", "sqlite", "index", "meta",
    ]

    init(_ baseName: String) {
        if Companions.isCompanion(baseName) {
            self = .companion
            return
        }
        if ModelFiles.isIndex(baseName) {
            self = .index
            return
        }
        let name = baseName.lowercased()
        let ending = name.lastIndex(of: ".").map { name[name.index(after: $0)...] } ?? ""
        if Self.otherEndings.contains(ending) {
            self = .other
        } else if name.hasSuffix(DistributedCheckpoint.partEnding) || name.hasSuffix(DeepSpeedCheckpoint.optimizerEnding)
            || baseName == DistributedMetadata.fileName
        {
            self = .part
        } else if name.hasPrefix("events.out.tfevents") {
            self = .other
        } else if !ModelFiles.mayBeModel(baseName) {
            self = .training
        } else if Self.weightEndings.contains(ending) || ModelFiles.rank(baseName) != nil {
            self = .weights
        } else if Self.foreignEndings.contains(ending) {
            self = .foreign
        } else if ModelFiles.isExport(baseName) {
            self = .export
        } else if ending == "npy" {
            self = .array
        } else if ending == "npz" {
            self = .arrays
        } else if Self.archiveEndings.contains(ending) {
            self = .archive
        } else if Self.compressions.contains(ending) {
            self = Self.compressed(String(name.dropLast(ending.count + 1)))
        } else {
            self = .unknown
        }
    }

    /// A compressed file is an archive if it is a tar or weights.
    private static func compressed(_ name: String) -> FileRole {
        if name.hasSuffix(".tar") { return .archive }
        switch FileRole(name) {
        case .weights, .export, .arrays: return .archive
        default: return name.hasSuffix(".bin") ? .archive : .other
        }
    }

    /// Whether a file's size and time are needed.
    var isExamined: Bool {
        switch self {
        case .other, .foreign, .training: false
        case .index, .weights, .export, .archive, .array, .arrays, .part, .unknown, .companion: true
        }
    }

    /// Whether the first bytes are needed.
    var isSettledByContent: Bool { self == .unknown || self == .arrays }
}
