import Archives

/// A file inside an archive or a directory.
struct ContainerFile: Sendable {
    /// The path inside the container; it is used only as a name.
    let name: String
    /// The size in bytes if it is known.
    let size: Int?
    /// The first bytes, enough to tell the format; empty if the file cannot be read or, by its name, is not a model.
    let head: [UInt8]

    /// How many bytes of a file are examined.
    static let headLength = 256

    var baseName: String { MemberPath.baseName(name) }
    var folder: String { MemberPath.folder(name) }
}

/// Many files under one path: an archive or a directory.
protocol Container {
    /// The path that the user gave.
    var path: String { get }
    /// What users call it: `directory`, `tar.gz`.
    var label: String { get }
    var files: [ContainerFile] { get }

    /// The bytes of the named files, all of which are in ``files``.
    func contents(of names: Set<String>) throws -> [String: ByteRegion]
    /// The bytes to hash if `weights` were read from this container.
    func sources(of weights: [ByteRegion]) -> [ByteRegion]
    /// How errors name a file of the container.
    func displayPath(_ name: String) -> String
}

/// Paths inside containers, which are names and never reach the file system.
enum MemberPath {
    static func baseName(_ path: String) -> String {
        path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
    }

    /// What comes before the last slash; empty at the top.
    static func folder(_ path: String) -> String {
        path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
    }

    /// The path of a member as seen from a folder; the whole path for one elsewhere.
    static func inside(_ path: String, of folder: String) -> String {
        let front = folder + "/"
        return !folder.isEmpty && path.hasPrefix(front) ? String(path.dropFirst(front.count)) : path
    }

    static func join(_ folder: String, _ name: String) -> String {
        folder.isEmpty ? name : folder + "/" + name
    }

    /// The path without the `./` that tar puts before its members' names, or the user before a path.
    static func trimmed(_ path: String) -> String {
        var rest = Substring(path)
        while rest.hasPrefix("./") { rest = rest.dropFirst(2) }
        while rest.count > 1, rest.hasSuffix("/") { rest = rest.dropLast() }
        return String(rest)
    }

    /// The path that a link in `folder` to `target` leads to; nil if it leaves the container.
    static func resolve(_ target: String, in folder: String) -> String? {
        guard !target.hasPrefix("/") else { return nil }
        var parts = folder.split(separator: "/")
        for part in target.split(separator: "/") where part != "." {
            if part == ".." {
                guard parts.popLast() != nil else { return nil }
            } else {
                parts.append(part)
            }
        }
        return parts.joined(separator: "/")
    }

    /// The file's name without its last extension.
    static func stem(_ path: String) -> String {
        let name = baseName(path)
        guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return name }
        return String(name[..<dot])
    }
}
