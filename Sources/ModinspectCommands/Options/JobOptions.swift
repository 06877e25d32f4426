import ArgumentParser
import Auditing
import Glibc

/// How several checkpoints are worked on at the same time; shared by the subcommands that can use other processes.
struct JobOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Work on N checkpoints at the same time, each in another process: one that crashes counts as failed, and the others go on.",
            valueName: "n"))
    var jobs: Int?

    @Option(
        help: ArgumentHelp(
            "With --jobs: end the work on a checkpoint after X seconds; 0 without this option, which sets no limit.", valueName: "x"),
        transform: { try NumberRange.seconds.number($0) })
    var timeout: Double?

    @Option(
        help: ArgumentHelp(
            "With --jobs: end the work on a checkpoint that needs more memory than SIZE, such as 500M or 2G.", valueName: "size"),
        transform: { try ByteCount($0) })
    var memory: ByteCount?

    mutating func validate() throws {
        if let jobs, !(1...1024).contains(jobs) { throw ValidationError("--jobs must be between 1 and 1024") }
        if jobs == nil, timeout != nil || memory != nil {
            throw ValidationError("\(timeout != nil ? "--timeout" : "--memory") requires --jobs")
        }
        try memory?.checkIsEnoughForAProcess()
    }

    /// Checks that other processes can read what the command line names.
    ///
    /// - Parameters:
    ///   - checkpoints: the paths to work on.
    ///   - others: the files that every process reads.
    func check(_ checkpoints: [String], others: [(argument: String, path: String?)]) throws {
        if checkpoints.contains(where: Self.isStandardInput) {
            throw ValidationError("--jobs needs the names of files: no other process can read this one's standard input")
        }
        for (argument, path) in others {
            guard let path else { continue }
            var status = stat()
            let isStream = stat(path, &status) == 0 && ![S_IFREG, S_IFDIR].contains(status.st_mode & S_IFMT)
            if Self.isStandardInput(path) || isStream {
                throw ValidationError("--jobs needs a file for \(argument), which every process reads, found '\(path)'")
            }
        }
    }

    private static func isStandardInput(_ path: String) -> Bool {
        ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"].contains(path)
    }

    var limits: WorkerTeam.Limits { WorkerTeam.Limits(timeout: timeout == 0 ? nil : timeout, memory: memory?.bytes) }
}
