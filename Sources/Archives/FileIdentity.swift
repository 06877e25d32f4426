import Glibc

/// The identity of the file or directory that a path names: links, hard links and other spellings of the path give the same identity.
///
/// A file that does not exist yet is identified by its folder and its name. Pipes and devices have none: they can be named any number of
/// times.
package struct FileIdentity: Hashable, Sendable {
    private let device: UInt64
    private let inode: UInt64
    /// The last component of the path of a file that does not exist yet; nil for one that does.
    private let name: String?

    /// Whether the file exists.
    package var isThere: Bool { name == nil }

    private init(_ status: stat, name: String? = nil) {
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        self.name = name
    }

    /// - Returns: nil if neither the file nor its folder exists, and for what is neither a regular file nor a directory.
    package init?(path: String) {
        guard let target = try? AtomicFile.followingLinks(Self.withoutTrailingSlashes(path)) else { return nil }
        var status = stat()
        if stat(target, &status) == 0 {
            guard Self.isFileOrDirectory(status) else { return nil }
            self.init(status)
        } else {
            guard errno == ENOENT, stat(AtomicFile.directory(of: target), &status) == 0 else { return nil }
            self.init(status, name: Self.lastComponent(of: target))
        }
    }

    /// The file of an open descriptor, such as a redirected standard stream.
    package init?(descriptor: Int32) {
        var status = stat()
        guard fstat(descriptor, &status) == 0, Self.isFileOrDirectory(status) else { return nil }
        self.init(status)
    }

    /// The directories that contain a path, the nearest first.
    package static func folders(of path: String) -> [FileIdentity] {
        guard let target = try? AtomicFile.followingLinks(withoutTrailingSlashes(path)) else { return [] }
        var folders: [FileIdentity] = []
        var folder = AtomicFile.directory(of: target)
        // A path has no more components than this: the bound only keeps a strange file system from holding the loop.
        for _ in 0..<4096 {
            var status = stat()
            guard stat(folder, &status) == 0 else { break }
            let identity = FileIdentity(status)
            // The parent of the root is the root.
            if folders.last == identity { break }
            folders.append(identity)
            folder += "/.."
        }
        return folders
    }

    private static func isFileOrDirectory(_ status: stat) -> Bool {
        status.st_mode & S_IFMT == S_IFREG || status.st_mode & S_IFMT == S_IFDIR
    }

    private static func withoutTrailingSlashes(_ path: String) -> String {
        var rest = path[...]
        while rest.utf8.count > 1, rest.last == "/" { rest.removeLast() }
        return String(rest)
    }

    private static func lastComponent(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
    }
}
