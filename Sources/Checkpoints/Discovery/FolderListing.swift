import Archives
import Glibc
import Text

/// The bytes of a path and what they lead to.
struct FilePlace {
    /// The path as it is opened.
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    func appending(_ name: [UInt8]) -> FilePlace {
        FilePlace(bytes.last == UInt8(ascii: "/") ? bytes + name : bytes + [UInt8(ascii: "/")] + name)
    }

    var text: String { PathText.text(bytes) }

    /// The text of the path of a file in this directory, from the texts of both.
    static func text(_ file: String, in folder: String) -> String {
        folder.utf8.last == UInt8(ascii: "/") ? folder + file : folder + "/" + file
    }

    /// Calls `body` with the path as the system takes it.
    func withPath<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
        (bytes + [0]).withUnsafeBufferPointer { buffer in
            buffer.withMemoryRebound(to: CChar.self) { body($0.baseAddress!) }
        }
    }

    /// What the path leads to, through links; nil if it leads nowhere.
    var status: FileStatus? {
        var status = stat()
        return withPath { stat($0, &status) } == 0 ? FileStatus(status) : nil
    }
}

/// Which file it is, whatever its name.
struct InodeNumber: Hashable {
    let device: UInt64
    let inode: UInt64

    init(_ status: stat) {
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
    }
}

/// What the search needs of a file's status, which is several times as large.
struct FileStatus {
    let identity: InodeNumber
    /// In bytes.
    let size: Int
    /// In nanoseconds since 1970.
    let modified: Int
    private let type: mode_t

    init(_ status: stat) {
        identity = InodeNumber(status)
        size = Int(status.st_size)
        modified = Int(status.st_mtim.tv_sec) &* 1_000_000_000 &+ Int(status.st_mtim.tv_nsec)
        type = status.st_mode & S_IFMT
    }

    var isDirectory: Bool { type == S_IFDIR }
    var isRegular: Bool { type == S_IFREG }
}

/// The entries of one directory that may have to do with checkpoints.
struct FolderListing {
    struct File {
        let name: [UInt8]
        /// The name as ``PathText``, by which the file is classified and matched.
        let text: String
        var role: FileRole
        let isLink: Bool
        /// nil for a link that leads nowhere, and for files whose role needs none.
        let status: FileStatus?
        /// Whether a link leads nowhere.
        var isDangling: Bool { isLink && status == nil && role.isExamined }
    }

    private(set) var files: [File] = []
    /// The names of the directories in it, and of links to directories.
    private(set) var folders: [(name: [UInt8], isLink: Bool)] = []

    /// Whether a file in it may not be examined.
    private var isDenied = false

    private static let hidden = UInt8(ascii: ".")
    private static let metadata = Array(DistributedMetadata.fileName.utf8)

    /// Lists the directory that `descriptor` is open on, which is closed.
    ///
    /// Files that vanish meanwhile are left out.
    /// - Throws: ``Problem`` if it cannot be read to its end.
    init(descriptor: Int32) throws(Problem) {
        guard let directory = fdopendir(descriptor) else {
            let code = errno
            close(descriptor)
            throw Problem(systemMessage(code))
        }
        defer { closedir(directory) }
        var hasSnapshots = false
        while true {
            errno = 0
            guard let entry = readdir(directory) else { break }
            let name = Self.name(of: entry)
            if name.first == Self.hidden, name != Self.metadata { continue }
            add(name, type: Int32(entry.pointee.d_type), in: descriptor)
            if name == Array("snapshots".utf8) { hasSnapshots = true }
            // The names can be listed, but nothing behind them can be reached.
            if isDenied { throw Problem(systemMessage(EACCES)) }
        }
        guard errno == 0 else { throw Problem(systemMessage(errno)) }
        // The snapshots of a Hugging Face cache link to files that are stored next to them under meaningless names.
        if hasSnapshots { folders.removeAll { $0.name == Array("blobs".utf8) } }
    }

    private static func name(of entry: UnsafeMutablePointer<dirent>) -> [UInt8] {
        let offset = MemoryLayout<dirent>.offset(of: \dirent.d_name) ?? 19
        let start = UnsafeRawPointer(entry).advanced(by: offset).assumingMemoryBound(to: UInt8.self)
        return Array(UnsafeBufferPointer(start: start, count: strlen(UnsafeRawPointer(start).assumingMemoryBound(to: CChar.self))))
    }

    private mutating func add(_ name: [UInt8], type: Int32, in descriptor: Int32) {
        var isLink = type == Int32(DT_LNK)
        if type == Int32(DT_DIR) {
            folders.append((name, false))
            return
        }
        guard type == Int32(DT_REG) || isLink || type == Int32(DT_UNKNOWN) else { return }
        let text = PathText.text(name)
        let role = FileRole(text)
        var status: FileStatus?
        // What the file is, and where a link leads, is examined only where it matters.
        if type != Int32(DT_REG) || role.isExamined {
            var found = stat()
            let path = FilePlace(name)
            if type == Int32(DT_UNKNOWN), path.withPath({ fstatat(descriptor, $0, &found, AT_SYMLINK_NOFOLLOW) }) == 0 {
                isLink = found.st_mode & S_IFMT == S_IFLNK
            }
            if path.withPath({ fstatat(descriptor, $0, &found, 0) }) == 0 {
                status = FileStatus(found)
            } else if !isLink {
                isDenied = errno == EACCES
                return
            }
        }
        if let status, status.isDirectory {
            folders.append((name, isLink))
            return
        }
        if let status, !status.isRegular { return }
        files.append(File(name: name, text: text, role: role, isLink: isLink, status: status))
    }
}
