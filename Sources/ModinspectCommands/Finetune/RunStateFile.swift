import Archives
import Checkpoints
import Glibc
import Text
import Training

/// The file that holds the state of an unfinished run.
struct RunStateFile {
    let path: String

    var exists: Bool { access(path, F_OK) == 0 }

    /// The state that is kept; nil if there is none.
    ///
    /// - Throws: ``Problem`` for a file that is something else.
    func state() throws -> TrainingState? {
        guard exists else { return nil }
        do {
            return try TrainingState(Checkpoint.open(path))
        } catch let error as Problem {
            throw error.at(path: path)
        }
    }

    /// Puts a state in the place of the last, in one step.
    func write(_ state: TrainingState) throws {
        let destination = try Destination(path: path)
        try state.write { try destination.write($0) }
        try destination.finish()
    }

    /// The run is over.
    func remove() { unlink(path) }
}
