import Archives
import Checkpoints
import Text

/// What `compare` was given, as determined by its content.
enum ComparedInput {
    case checkpoint(Checkpoint)
    /// Clusters, and the bytes that they were read from.
    case clusters(ClusterFile, content: ByteRegion)

    /// Reads a path, or standard input for `-`: once, so that pipes can be compared too.
    init(path: String, options: Checkpoint.Options) throws {
        try CheckpointOptions.checkName(path)
        if path != "-", FilePath.isDirectory(path) {
            self = .checkpoint(try Checkpoint.open(path, options: options))
            return
        }
        let content: ByteRegion
        do {
            content = try path == "-" ? .standardInput() : .contents(path: path, limit: 64 << 30)
        } catch {
            throw error.at(path: path)
        }
        if Self.isClusters(content, path: path) {
            self = .clusters(try ClusterFile(path: path, content: content), content: content)
        } else {
            self = .checkpoint(try Checkpoint.open(content, path: path, options: options))
        }
    }

    /// The same, if none of its files are missing.
    func whole() throws(Problem) -> ComparedInput {
        if case .checkpoint(let checkpoint) = self, let problem = checkpoint.incompleteness { throw problem }
        return self
    }

    /// Whether the bytes are the table of `cluster` or JSON. A safetensors file can begin with a `{` too, as a number; the index of a
    /// sharded model is the one JSON that is a checkpoint, and known by its name.
    private static func isClusters(_ content: ByteRegion, path: String) -> Bool {
        ClusterFile.isText(content.bytes(0..<min(content.count, ByteRegion.headLength)) ?? []) && !path.hasSuffix(".index.json")
    }

    /// What it is, for a message.
    var kind: String {
        switch self {
        case .checkpoint: "a checkpoint"
        case .clusters: "a file of clusters"
        }
    }
}
