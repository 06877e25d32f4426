import Archives
import Glibc
import Text

/// The files of a directory and of the directories in it, a few levels deep. Links to directories are not followed.
struct DirectoryContainer: Container {
    let path: String
    let label = "directory"
    let files: [ContainerFile]

    private static let maximumDepth = 4
    private static let maximumFiles = 10_000

    /// Lists the directory at `path`.
    ///
    /// - Throws: ``Problem`` if it cannot be read or holds too much to be a model's directory.
    init(path: String) throws {
        self.path = path
        var files: [ContainerFile] = []
        try Self.list(path, folder: "", depth: 0, into: &files)
        self.files = files.sorted { $0.name.precedesNaturally($1.name) }
    }

    func contents(of names: Set<String>) throws -> [String: ByteRegion] {
        var contents: [String: ByteRegion] = [:]
        for name in names {
            // Weights are never empty, but a companion file may be.
            if let file = files.first(where: { $0.name == name }), file.size == 0, Companions.isCompanion(file.baseName) {
                contents[name] = ByteRegion(copying: [])
                continue
            }
            contents[name] = try ByteRegion.mapping(checkpoint: displayPath(name))
        }
        return contents
    }

    func sources(of weights: [ByteRegion]) -> [ByteRegion] { weights }

    func displayPath(_ name: String) -> String { path.hasSuffix("/") ? path + name : path + "/" + name }

    private static func list(_ path: String, folder: String, depth: Int, into files: inout [ContainerFile]) throws {
        guard let directory = opendir(path) else { throw Problem(path: path, problem: systemMessage(errno)) }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if !name.hasPrefix(".") || name == DistributedMetadata.fileName { names.append(name) }
        }
        // The snapshots of a Hugging Face cache link to files that are stored next to them under meaningless names.
        if names.contains("snapshots") { names.removeAll { $0 == "blobs" } }
        for name in names.sorted() {
            let place = path.hasSuffix("/") ? path + name : path + "/" + name
            let member = MemberPath.join(folder, name)
            var status = stat()
            guard lstat(place, &status) == 0 else { continue }
            if status.st_mode & S_IFMT == S_IFDIR {
                if depth < maximumDepth { try list(place, folder: member, depth: depth + 1, into: &files) }
                continue
            }
            guard stat(place, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
            guard files.count < maximumFiles else {
                throw Problem(
                    path: path, problem: "the directory holds more than \(maximumFiles) files", hint: "give the model's own directory")
            }
            let head = ModelFiles.mayBeModel(name) ? readHead(place) : []
            files.append(ContainerFile(name: member, size: Int(status.st_size), head: head))
        }
    }

    private static func readHead(_ path: String) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { return [] }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: ContainerFile.headLength)
        let count = read(descriptor, &bytes, bytes.count)
        return Array(bytes.prefix(max(count, 0)))
    }
}
