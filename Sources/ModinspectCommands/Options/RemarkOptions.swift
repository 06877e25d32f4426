import ArgumentParser
import Glibc

/// The options for notes and progress.
struct RemarkOptions: ParsableArguments {
    @Flag(name: .shortAndLong, help: "Do not write notes or progress to standard error.")
    var quiet = false

    @Flag(name: .shortAndLong, help: "Report on standard error what was found and chosen, and how long each step took.")
    var verbose = false

    @Flag(help: "Show progress even if standard error is not a terminal.")
    var progress = false

    mutating func validate() throws {
        if quiet, verbose { throw ValidationError("--quiet cannot be combined with --verbose") }
        if quiet, progress { throw ValidationError("--quiet cannot be combined with --progress") }
    }

    var diagnostics: Diagnostics { Diagnostics(isQuiet: quiet, isVerbose: verbose) }

    /// A bar that is shown if the options and the terminal ask for one.
    ///
    /// - Parameter first: how many were done before.
    func progressBar(_ label: String, total: Int, unit: String, after first: Int = 0) -> Progress {
        Progress(label, total: total, unit: unit, after: first, isShown: progress || (!quiet && isatty(STDERR_FILENO) == 1))
    }
}
