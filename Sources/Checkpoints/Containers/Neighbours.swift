import Archives
import Glibc
import Text

/// The files next to a weight file that it may name, each found once.
///
/// A name is a path inside the weight file's own folder: no file elsewhere is ever opened, not through `..` and not through a link.
final class Neighbours {
    /// The bytes of every requested file, in order.
    private(set) var regions: [ByteRegion] = []
    private var files: [String: ByteRegion] = [:]
    private let open: (String) throws(Problem) -> ByteRegion

    /// - Parameter open: finds the bytes of a file by its path in the folder, which has no parts such as `..`.
    init(open: @escaping (String) throws(Problem) -> ByteRegion) { self.open = open }

    /// No files, as on standard input.
    static var none: Neighbours {
        Neighbours { name throws(Problem) in throw Problem("names the file '\(name)', but no other files are available") }
    }

    /// The files in the folder of the one at `path`.
    static func besides(_ path: String) -> Neighbours {
        let folder = path.contains("/") ? MemberPath.folder(path) : "."
        return Neighbours { name throws(Problem) in
            try checkInside(name, folder: folder.isEmpty ? "/" : folder)
            return try ByteRegion.mapping(checkpoint: folder + "/" + name)
        }
    }

    /// The members of a container in the folder of `file`.
    static func besides(_ file: ContainerFile, in container: some Container) -> Neighbours {
        let present = Set(container.files.map(\.name))
        return Neighbours { name throws(Problem) in
            let member = MemberPath.join(file.folder, name)
            guard present.contains(member) else { throw Problem("names the file '\(name)', which is missing") }
            if container is DirectoryContainer {
                let folder = container.displayPath(file.folder)
                try checkInside(name, folder: folder.hasSuffix("/") ? String(folder.dropLast()) : folder)
            }
            do {
                guard let bytes = try container.contents(of: [member])[member] else { throw Problem("cannot read '\(name)'") }
                return bytes
            } catch let error as Problem {
                throw error
            } catch {
                throw Problem("cannot read '\(name)': \(error)")
            }
        }
    }

    /// The bytes of the file that `name` means.
    func file(_ name: String) throws(Problem) -> ByteRegion {
        if let known = files[name] { return known }
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        guard !name.isEmpty, name.utf8.count <= 1024, !name.contains("\0"), !name.contains("\\"),
            parts.allSatisfy({ !$0.isEmpty && $0 != ".." })
        else {
            throw Problem("names a file outside its folder", expected: "a path without '..'", found: name.quotedInMessage)
        }
        guard files.count < Self.fileLimit else { throw Problem("names more than \(Self.fileLimit) files") }
        let region = try open(parts.filter { $0 != "." }.joined(separator: "/"))
        files[name] = region
        regions.append(region)
        return region
    }

    private static let fileLimit = 10_000

    /// - Throws: ``Problem`` if a link leads out of the folder.
    private static func checkInside(_ name: String, folder: String) throws(Problem) {
        guard let root = resolved(folder), let place = resolved(folder + "/" + name) else {
            throw Problem("names the file '\(name)', which is missing")
        }
        guard place.hasPrefix(root.hasSuffix("/") ? root : root + "/") else {
            throw Problem("names a file outside its folder", expected: "a file inside it", found: "a link '\(name)' to \(place)")
        }
    }

    private static func resolved(_ path: String) -> String? {
        guard let result = realpath(path, nil) else { return nil }
        defer { free(result) }
        return String(cString: result)
    }
}
