import Archives
import ArgumentParser
import Checkpoints
import Text

/// Where an audit looks for checkpoints, and which of them it takes.
struct AuditInputOptions: ParsableArguments {
    @Argument(help: "Files, and directories to search; with --merge, results.", completion: .file())
    var paths: [String] = []

    @Option(
        name: .customLong("files-from"),
        help: ArgumentHelp(
            "Read more paths from FILE, one per line, after those given as arguments; - is standard input.", valueName: "file"),
        completion: .file())
    var listFile: String?

    @Flag(
        name: [.customShort("0"), .customLong("from0")], help: "The paths of --files-from end in a zero byte, as find -print0 writes them.")
    var isSeparatedByZero = false

    @Option(
        help: ArgumentHelp(
            "Take only checkpoints whose name matches, with *, ? and [...].",
            discussion: """
                A glob without a slash is also matched with the last component of the name, and with the name of the file. An array \
                (.npy), and an .npz with the arrays of samples, is taken only if a glob of this option matches its name. Repeatable.
                """, valueName: "glob"))
    var include: [String] = []

    @Option(
        help: ArgumentHelp(
            "Leave out checkpoints whose name matches, and do not search directories whose name does. Repeatable.", valueName: "glob"))
    var exclude: [String] = []

    mutating func validate() throws {
        if paths.isEmpty, listFile == nil { throw ValidationError("missing argument <paths> ..., or --files-from <file>") }
        if isSeparatedByZero, listFile == nil { throw ValidationError("--from0 requires --files-from") }
        if paths.contains("-") { throw ValidationError("an audit needs names: standard input is not a checkpoint here; give a file") }
        if paths.contains("") { throw ValidationError("a path is empty") }
        if (include + exclude).contains("") { throw ValidationError("--include and --exclude need a pattern") }
    }

    var inputs: [(argument: String, path: String?)] { [("--files-from", listFile)] }

    /// All paths.
    ///
    /// - Throws: ``Problem`` if the list cannot be read.
    func allPaths() throws(Problem) -> [[UInt8]] {
        let listed = try listFile.map { path throws(Problem) in try PathList(path: path, separator: isSeparatedByZero ? 0 : 10).paths }
        return paths.map { CheckpointOptions.otherBytes($0) ?? Array($0.utf8) } + (listed ?? [])
    }

    /// The checkpoints that the paths lead to.
    ///
    /// - Throws: ``Problem`` if there are none.
    func found() throws(Problem) -> CheckpointDiscovery.Result {
        let all = try allPaths()
        let found = CheckpointDiscovery.find(all, CheckpointDiscovery.Patterns(included: include, excluded: exclude))
        guard found.checkpoints.isEmpty, found.unreadable.isEmpty else { return found }
        throw Problem("no checkpoints in " + all.prefix(4).map { PathText.text($0) }.listed(of: all.count, atMost: 3))
    }
}

extension Diagnostics {
    /// Counts the files that a search did not take.
    func notePassedOver(_ found: CheckpointDiscovery.Result) {
        let reasons = PassedOver.allCases.compactMap { reason in
            found.passedOver[reason].map { "\(ByteText.grouped($0)) \(reason.reason)" }
        }
        guard !reasons.isEmpty else { return }
        let count = found.passedOver.values.reduce(0, +)
        note("passed over \(ByteText.counted(count, "file")): " + reasons.joined(separator: ", "))
    }
}
