import ArgumentParser
import Glibc

/// What a command says beside its result.
struct RemarkOptions: ParsableArguments {
    @Flag(help: "Keep notes and progress off standard error.")
    var quiet = false

    @Flag(help: "Show progress even where standard error is no terminal.")
    var progress = false

    mutating func validate() throws {
        if quiet, progress { throw ValidationError("--quiet and --progress exclude each other") }
    }

    var diagnostics: Diagnostics { Diagnostics(isQuiet: quiet) }

    /// A bar that is shown where the options and the terminal ask for one.
    ///
    /// - Parameter first: how many were done before.
    func progressBar(_ label: String, total: Int, unit: String, after first: Int = 0) -> Progress {
        Progress(label, total: total, unit: unit, after: first, isShown: progress || (!quiet && isatty(STDERR_FILENO) == 1))
    }
}
