import Archives
import ArgumentParser
import Checkpoints
import Datasets
import Modularity
import Text

/// The way through several checkpoints: a bad one is reported and skipped, and the exit status remembers it.
final class CheckpointRun {
    let diagnostics: Diagnostics
    private var failures = 0

    init(diagnostics: Diagnostics) { self.diagnostics = diagnostics }

    /// Calls `body` with each path. What it throws is reported and the next one taken; where the result cannot be written, all ends.
    func forEach(_ paths: [String], _ body: (String) throws -> Void) throws {
        for path in paths { try attempt(path, { try body(path) }, failed: { _ in }) }
    }

    /// What `body` returns, or nil where it fails, which is reported; wrong usage and what keeps the result from being written are thrown.
    @discardableResult
    func attempt<Result>(_ path: String, _ body: () throws -> Result, failed: (String) throws -> Void) throws -> Result? {
        do {
            return try diagnostics.timing("\(path): done", body)
        } catch let error as OutputError {
            throw error
        } catch let error as ValidationError {
            throw error
        } catch {
            let line = OptionNames.line(of: Self.located(error, path))
            diagnostics.failure(line)
            failures += 1
            try failed(line)
            return nil
        }
    }

    /// An error with the checkpoint's path; those that are about weights alone do not know the checkpoint that the weights are from.
    private static func located(_ error: any Error, _ path: String) -> any Error {
        if let error = error as? any ProblemConvertible { return error.asProblem.at(path: path) }
        return LocatedError(description: "\(path): \(error)")
    }

    /// What `body` returns. What it throws becomes an error that names the checkpoint, but where the result cannot be written.
    static func locating<Result>(_ path: String, _ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error as OutputError {
            throw error
        } catch {
            throw located(error, path)
        }
    }

    /// Throws the exit status 1 where a checkpoint was skipped.
    ///
    /// - Parameter count: how many there were; of several, the failed ones are counted on standard error.
    func end(of count: Int = 1) throws {
        guard failures > 0 else { return }
        if count > 1 { diagnostics.failure("\(failures) of \(count) checkpoints failed") }
        throw ExitCode(1)
    }
}

/// An error in one line that names the checkpoint.
struct LocatedError: Error, CustomStringConvertible {
    let description: String
}
