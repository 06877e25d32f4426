import Archives
import ArgumentParser
import Checkpoints
import Synchronization
import Text

/// The checkpoints of a subcommand that takes several: arguments, or the lines of a file.
struct CheckpointListOptions: ParsableArguments {
    @Argument(help: "The checkpoints; - is an archive on standard input.", completion: .file())
    var checkpoints: [String] = []

    @Option(
        name: .customLong("files-from"),
        help: ArgumentHelp(
            "Read the checkpoints' paths from FILE, one per line, after those given as arguments; - is standard input.", valueName: "file"),
        completion: .file())
    var listFile: String?

    @Flag(
        name: [.customShort("0"), .customLong("from0")], help: "The paths of --files-from end in a zero byte, as find -print0 writes them.")
    var isSeparatedByZero = false

    @Flag(
        name: [.customShort("r"), .customLong("recursive")],
        help: "Search the directories among the checkpoints, and those in them, for checkpoints, as audit does.")
    var isRecursive = false

    /// The paths in the list, which is read once.
    private let list = ListedPaths()

    private enum CodingKeys: CodingKey { case checkpoints, listFile, isSeparatedByZero, isRecursive }

    mutating func validate() throws {
        if checkpoints.isEmpty, listFile == nil { throw ValidationError("missing argument <checkpoints> ..., or --files-from <file>") }
        if isSeparatedByZero, listFile == nil { throw ValidationError("--from0 requires --files-from") }
    }

    /// The files that the arguments name, and the checkpoints of the list. A list that cannot be read is one file here; ``paths()`` reports why.
    var files: [(argument: String, path: String?)] {
        let listed = try? paths().dropFirst(checkpoints.count)
        return checkpoints.map { ("the checkpoint", $0) } + [("--files-from", listFile)] + (listed ?? []).map { ("the checkpoint", $0) }
    }

    /// Whether there may be more than one: the result then has a place for those that fail.
    var mayBeSeveral: Bool { listFile != nil || isRecursive || checkpoints.count > 1 }

    /// The paths of all checkpoints.
    ///
    /// - Throws: ``Problem`` if the list cannot be read.
    func paths() throws -> [String] {
        guard listFile != nil || isRecursive else { return checkpoints }
        return try list.paths {
            let named = try checkpoints + (listFile.map { try listed(in: $0) } ?? [])
            return isRecursive ? try Self.searched(named) : named
        }
    }

    /// The checkpoints in the trees that paths lead to. Directories that cannot be read are among them: opening them says why.
    private static func searched(_ paths: [String]) throws(Problem) -> [String] {
        if paths.contains("-") { throw Problem("standard input has no directories to search") }
        let found = CheckpointDiscovery.find(paths.map { CheckpointOptions.otherBytes($0) ?? Array($0.utf8) })
        let places = (found.checkpoints + found.unreadable.map(\.place)).sorted { $0.name.precedesNaturally($1.name) }
        guard !places.isEmpty else { throw Problem("no checkpoints in " + paths.listed(atMost: 3)) }
        return places.map { PathText.plain($0.path) ?? $0.path }
    }

    private func listed(in listFile: String) throws(Problem) -> [String] {
        var paths: [String] = []
        let list = try PathList(path: listFile, separator: isSeparatedByZero ? 0 : 10)
        let unit = isSeparatedByZero ? "path" : "line"
        for (place, bytes) in list.paths.enumerated() {
            // A name of other bytes is one that fails, not the list.
            let path = String(validating: bytes, as: UTF8.self) ?? PathText.text(bytes)
            if path == "-", listFile == "-" || checkpoints.contains("-") {
                throw Problem("standard input can be read only once", path: list.name, subject: "\(unit) \(place + 1)")
            }
            paths.append(path)
        }
        guard !paths.isEmpty || !checkpoints.isEmpty else {
            throw Problem("lists no checkpoints", path: list.name, expected: "their paths", found: "none")
        }
        return paths
    }
}

/// The paths in a file of them, which need not be UTF-8.
struct PathList {
    /// The file as messages name it.
    let name: String
    let paths: [[UInt8]]

    /// - Parameters:
    ///   - path: `-` is standard input.
    ///   - separator: what stands after each path; empty ones are ignored.
    init(path: String, separator: UInt8) throws(Problem) {
        name = path == "-" ? "standard input" : path
        do {
            let content = try path == "-" ? ByteRegion.standardInput() : ByteRegion.contents(path: path)
            paths = content.withUnsafeBytes { bytes in bytes.split(separator: separator).map { Array($0) } }
        } catch {
            throw error.at(path: name)
        }
    }
}

/// The paths of a list: a pipe can be read only once.
private final class ListedPaths: Sendable {
    private let known = Mutex<Result<[String], any Error>?>(nil)

    func paths(_ read: () throws -> [String]) throws -> [String] {
        try known.withLock { known in
            let result = known ?? Result(catching: read)
            known = result
            return result
        }.get()
    }
}
