import ArgumentParser
import Auditing
import Glibc
import Text

/// A subcommand whose checkpoints other processes of this program can work on.
///
/// Those parse the same command line and answer one path after the other.
protocol WorkedCommand: ParsableCommand {
    var computation: ComputationOptions { get set }
    var output: OutputOptions { get set }
    var jobs: JobOptions { get }

    /// What answers the paths of checkpoints, in a process that was started for it.
    func worker() throws -> (String) -> [UInt8]
}

extension WorkedCommand {
    /// Has other processes work on checkpoints.
    ///
    /// - Parameter answered: called with the place of a path, counted from 0, and what became of it, in the order in which they end.
    /// - Throws: ``Problem`` if no process can be started, and what `answered` throws.
    func work(on paths: [String], answered: (Int, WorkerTeam.Answer) throws -> Void) throws {
        let size = min(jobs.jobs ?? 1, max(1, paths.count))
        var next = paths.makeIterator()
        let greeting = CommandTask.greeting(threads: computation.threads ?? max(1, computation.threadCount / size))
        let team = WorkerTeam(greeting: greeting, size: size, limits: jobs.limits)
        try team.run(tasks: { next.next().map { Array($0.utf8) } }, answered: answered)
    }
}

/// What the workers of a command are told first: the command line that this process was started with.
enum CommandTask {
    /// The first line of the greeting.
    static let name = "command"

    private static let lineEnd = UInt8(ascii: "\n")

    static func greeting(threads: Int) -> [UInt8] {
        // No argument holds a zero byte.
        Array("\(name)\n\(threads)\n".utf8) + ProcessArguments.words.map { $0.text ?? $0.path }.joined(separator: "\0").utf8
    }

    /// Whether a greeting is one of a command.
    static func isMeant(by greeting: [UInt8]) -> Bool { greeting.starts(with: (name + "\n").utf8) }

    /// What answers the tasks of a command.
    ///
    /// - Throws: ``Problem`` for a greeting that is not a command's.
    static func worker(_ greeting: [UInt8]) throws -> ([UInt8]) -> [UInt8] {
        let parts = greeting.split(separator: lineEnd, maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, let threads = Int(String(decoding: parts[1], as: UTF8.self)) else {
            throw Problem("is not the greeting of a command")
        }
        let words = parts[2].split(separator: 0, omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
        guard var command = try RootCommand.parseAsRoot(ArgumentLine.spelledOut(words)) as? any WorkedCommand else {
            throw Problem("is not the greeting of a command that has workers")
        }
        command.computation.threads = threads
        // The process that started this one shows how far the whole is.
        command.output.remarks.progress = false
        let answer = try command.worker()
        return { task in answer(String(decoding: task, as: UTF8.self)) }
    }
}
