import Archives
import ArgumentParser
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

    /// The paths in the list, which is read once.
    private let list = ListedPaths()

    private enum CodingKeys: CodingKey { case checkpoints, listFile, isSeparatedByZero }

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
    var mayBeSeveral: Bool { listFile != nil || checkpoints.count > 1 }

    /// The paths of all checkpoints.
    ///
    /// - Throws: ``Problem`` if the list cannot be read.
    func paths() throws -> [String] {
        guard let listFile else { return checkpoints }
        return try list.paths { try checkpoints + listed(in: listFile) }
    }

    private func listed(in listFile: String) throws(Problem) -> [String] {
        let name = listFile == "-" ? "standard input" : listFile
        let content: ByteRegion
        do {
            content = try listFile == "-" ? ByteRegion.standardInput() : ByteRegion.contents(path: listFile)
        } catch {
            throw error.at(path: name)
        }
        let separator: UInt8 = isSeparatedByZero ? 0 : 10
        let lines = content.withUnsafeBytes { bytes in
            bytes.split(separator: separator).map { String(validating: $0, as: UTF8.self) }
        }
        var paths: [String] = []
        for (place, path) in lines.enumerated() {
            guard let path else {
                throw Problem("is not a path", path: name, subject: "line \(place + 1)", expected: "UTF-8", found: "other bytes")
            }
            if path == "-", listFile == "-" || checkpoints.contains("-") {
                throw Problem("standard input can be read only once", path: name, subject: "line \(place + 1)")
            }
            paths.append(path)
        }
        guard !paths.isEmpty || !checkpoints.isEmpty else {
            throw Problem("lists no checkpoints", path: name, expected: "their paths", found: "none")
        }
        return paths
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
