import Archives
import Checkpoints
import Glibc

/// What `compare` was given, as its content tells.
enum ComparedInput {
    case checkpoint(Checkpoint)
    /// Clusters, and the bytes that they were read from.
    case clusters(ClusterFile, content: ByteRegion)

    /// Reads a path, or standard input for `-`: once, so that pipes can be compared too.
    init(path: String, options: Checkpoint.Options) throws {
        var status = stat()
        if path != "-", stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
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

    /// Whether the bytes are the table of `cluster` or JSON. A safetensors file can begin with a `{` too, as a number; the index of a
    /// sharded model is the one JSON that is a checkpoint, and known by its name.
    private static func isClusters(_ content: ByteRegion, path: String) -> Bool {
        content.withUnsafeBytes { bytes in
            if bytes.starts(with: ClusterTSV.header.utf8) { return true }
            guard !bytes.prefix(8).contains(0), !path.hasSuffix(".index.json") else { return false }
            return bytes.first { ![32, 9, 10, 13].contains($0) } == UInt8(ascii: "{")
        }
    }

    /// What it is, for a message.
    var kind: String {
        switch self {
        case .checkpoint: "a checkpoint"
        case .clusters: "a file of clusters"
        }
    }
}
