import Archives
import ArgumentParser

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

    mutating func validate() throws {
        if checkpoints.isEmpty, listFile == nil { throw ValidationError("missing argument <checkpoints> ..., or --files-from <file>") }
        if isSeparatedByZero, listFile == nil { throw ValidationError("--from0 requires --files-from") }
    }

    /// The files that the arguments name, those of a list among them where it can be read twice.
    var files: [(argument: String, path: String?)] {
        let listed = listFile == "-" ? nil : (try? paths())?.dropFirst(checkpoints.count)
        return checkpoints.map { ("the checkpoint", $0) } + [("--files-from", listFile)] + (listed ?? []).map { ("the checkpoint", $0) }
    }

    /// Whether there may be more than one: the result then has a place for those that fail.
    var mayBeSeveral: Bool { listFile != nil || checkpoints.count > 1 }

    /// The paths of all checkpoints.
    ///
    /// - Throws: ``LocatedError`` where the list cannot be read.
    func paths() throws -> [String] {
        guard let listFile else { return checkpoints }
        let name = listFile == "-" ? "standard input" : listFile
        let content: ByteRegion
        do {
            content = try listFile == "-" ? ByteRegion.standardInput() : ByteRegion.contents(path: listFile)
        } catch {
            throw LocatedError(description: "\(name): \(error)")
        }
        let separator: UInt8 = isSeparatedByZero ? 0 : 10
        let listed = content.withUnsafeBytes { bytes in
            bytes.split(separator: separator).map { String(validating: $0, as: UTF8.self) }
        }
        let paths = try listed.enumerated().map { place, path in
            guard let path else {
                throw LocatedError(description: "\(name): line \(place + 1): expected a path in UTF-8, found other bytes")
            }
            if path == "-", listFile == "-" || checkpoints.contains("-") {
                throw LocatedError(description: "\(name): line \(place + 1): standard input can be read only once")
            }
            return path
        }
        guard !paths.isEmpty || !checkpoints.isEmpty else {
            throw LocatedError(description: "\(name): expected the paths of checkpoints, found none")
        }
        return checkpoints + paths
    }
}
