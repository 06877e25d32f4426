import Archives
import ArgumentParser
import Checkpoints
import Datasets
import Modularity
import Text

/// Processes several checkpoints: a failing one is reported and skipped, and the exit status reflects it.
final class CheckpointRun {
    let diagnostics: Diagnostics
    private var failures = 0

    init(diagnostics: Diagnostics) { self.diagnostics = diagnostics }

    /// Calls `body` with each path. An error is reported and the next path processed, unless the result cannot be written.
    func forEach(_ paths: [String], _ body: (String) throws -> Void) throws {
        for path in paths { try attempt(path, { try body(path) }, failed: { _ in }) }
    }

    /// What `body` returns, or nil if it fails, which is reported; wrong usage and what keeps the result from being written are thrown.
    @discardableResult
    func attempt<Result>(_ path: String, _ body: () throws -> Result, failed: (Problem) throws -> Void) throws -> Result? {
        do {
            return try diagnostics.timing("\(path): done", body)
        } catch let error where Self.endsEverything(error) {
            throw error
        } catch {
            let problem = Problem(error).at(path: path)
            diagnostics.failure(OptionNames.line(of: problem))
            failures += 1
            try failed(problem)
            return nil
        }
    }

    /// Whether no other checkpoint is tried: on wrong usage, and if the result cannot be written.
    private static func endsEverything(_ error: any Error) -> Bool {
        error is ClosedPipe || error is ValidationError || (error as? Problem)?.isOfOutput == true
    }

    /// The result of `body`. Its errors are changed to name the checkpoint, unless the result cannot be written.
    static func locating<Result>(_ path: String, _ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error as ClosedPipe {
            throw error
        } catch let error as Problem where error.isOfOutput {
            throw error
        } catch {
            throw Problem(error).at(path: path)
        }
    }

    /// Counts checkpoints that failed in other processes, which have reported them.
    func count(failures more: Int) { failures += more }

    /// Throws the exit status 1 if a checkpoint was skipped.
    ///
    /// - Parameters:
    ///   - count: how many there were; of several, the failed ones are counted on standard error.
    ///   - things: what they are called.
    func end(of count: Int = 1, called things: String = "checkpoints") throws {
        guard failures > 0 else { return }
        if count > 1 { diagnostics.failure("\(failures) of \(count) \(things) failed") }
        throw ExitCode(1)
    }
}
