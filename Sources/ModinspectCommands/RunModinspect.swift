import ArgumentParser
import CProcess
import Glibc
import Tensors
import Text

/// A command that takes several checkpoints: one of them that cannot be named fails alone.
protocol ListCommand {
    /// The checkpoints among the arguments.
    var listed: [String] { get }
}

/// Runs the command that the process's arguments name.
///
/// A name that is not UTF-8 cannot be kept in a string: taken with other bytes in place of those, it would be another file's. Only as one of several
/// checkpoints it stands for itself, as ``PathText``.
///
/// - Returns: as ``runModinspect(_:)``.
package func runModinspect() -> Int32 {
    let words = ProcessArguments.words
    return runModinspect(words.map { $0.text ?? $0.path }) { command in
        let strange = words.filter { $0.text == nil }
        guard let word = strange.first else { return nil }
        let paths = Set(strange.map(\.path))
        let listed = (command as? any ListCommand)?.listed.count { paths.contains($0) } ?? 0
        return listed == strange.count
            ? nil : "'\(word.shown)' is not UTF-8, which arguments must be; a file of any name can be given as '-' with '<'"
    }
}

/// Runs the command that the arguments name.
///
/// - Returns: the exit status: 0 done, 1 something failed, 3 a threshold was not met, 64 wrong usage.
package func runModinspect(_ arguments: [String]) -> Int32 { runModinspect(arguments) { _ in nil } }

/// - Parameter refusal: says why a command cannot be run, if it cannot.
private func runModinspect(_ arguments: [String], refusal: (any ParsableCommand) -> String?) -> Int32 {
    signal(SIGPIPE, SIG_IGN)
    signal(SIGXFSZ, SIG_IGN)
    endOnQuit()
    occupyClosedDescriptors()
    if WorkerMain.isMeant(by: arguments) { return WorkerMain.run() }
    if let allowance = PhysicalMemory.allowance { cprocess_limit_memory(allowance) }
    if let error = UsageError(helpOf: arguments) { return fail(error) }
    do {
        var command = try RootCommand.parseAsRoot(ArgumentLine.spelledOut(arguments))
        if let refusal = refusal(command) {
            Diagnostics(isQuiet: false).failure(refusal)
            return 64
        }
        if let command = command as? any FileCommand { try command.fileUse.check() }
        try command.run()
        return 0
    } catch is ClosedPipe {
        return 0
    } catch let status as ExitCode {
        return status.rawValue
    } catch let error where RootCommand.exitCode(for: error) == .success {
        // Help, the version, a completion script: results like any other.
        return writeAnswer(RootCommand.fullMessage(for: error))
    } catch let error where RootCommand.exitCode(for: error) == .validationFailure {
        return fail(UsageError(error, arguments: arguments))
    } catch let error where RootCommand.exitCode(for: error) != .failure {
        RootCommand.exit(withError: error)
    } catch {
        Diagnostics(isQuiet: false).failure(OptionNames.line(of: error))
        return 1
    }
}

/// Writes what was requested in place of a command's result.
private func writeAnswer(_ text: String) -> Int32 {
    do {
        let stream = ResultStream(try Destination(path: nil))
        if !text.isEmpty { try stream.write(text + "\n") }
        try stream.finish()
        return 0
    } catch is ClosedPipe {
        return 0
    } catch {
        Diagnostics(isQuiet: false).failure("\(error)")
        return 1
    }
}

/// Says what is wrong with the command line.
///
/// - Returns: the exit status.
private func fail(_ error: UsageError) -> Int32 {
    Diagnostics(isQuiet: false).failure(error.message)
    return 64
}

/// SIGQUIT ends the process at once, with a core file where the user allows one: Swift's library would take seconds to write of a crash.
private func endOnQuit() {
    var action = sigaction()
    sigaction(SIGQUIT, nil, &action)
    // What a shell starts in the background ignores it.
    if unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) != unsafeBitCast(SIG_IGN, to: Int.self) {
        signal(SIGQUIT, SIG_DFL)
    }
}

/// Prevents a file that is opened later from being mistaken for a closed standard stream. Reading from or writing to the stream
/// still fails: the placeholder is opened the other way round.
private func occupyClosedDescriptors() {
    for (descriptor, mode) in [(STDIN_FILENO, O_WRONLY), (STDOUT_FILENO, O_RDONLY), (STDERR_FILENO, O_WRONLY)]
    where fcntl(descriptor, F_GETFD) == -1 {
        _ = open("/dev/null", mode)
    }
}
