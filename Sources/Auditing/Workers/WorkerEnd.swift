import CProcess
import Text

/// How a worker ended before it answered.
package struct WorkerEnd: Sendable, Equatable {
    package enum Reason: Sendable, Equatable {
        /// A signal that nobody here sent; its number.
        case signal(Int32)
        /// It ended by itself with this status.
        case status(Int32)
        /// The task took longer than this, in seconds.
        case timeout(Double)
        /// The task needed more memory: the limit in bytes, nil for that of the system.
        case memory(Int?)
    }

    package let reason: Reason
    /// The last line that it wrote to standard error, without the name of the program.
    package let lastWords: String?

    /// The exit status of a worker that had no memory left.
    static let memoryStatus: Int32 = 71
}

extension WorkerEnd: CustomStringConvertible {
    /// What happened, in words.
    package var description: String {
        switch reason {
        case .signal(let number):
            let name = cprocess_signal_name(number).map { "SIG" + String(cString: $0) } ?? "signal \(number)"
            return "the process that worked on it was ended by \(name)" + (fatalError.map { ": " + $0 } ?? "")
        case .status(let status):
            return lastWords ?? "the process that worked on it ended with status \(status)"
        case .timeout(let seconds): return "took longer than \(ByteText.shortest(seconds)) s"
        case .memory(let limit?): return "needed more memory than \(ByteText.size(limit))"
        case .memory(nil): return lastWords ?? "needed more memory than there is"
        }
    }

    /// Whether it ended by itself because the file cannot be read, as one that is cut short meanwhile, and has said why.
    package var isFailure: Bool { reason == .status(1) && lastWords != nil }

    /// What happened, without the path of the checkpoint that it worked on, which is said beside it.
    package func description(of path: String) -> String {
        let front = path + ": "
        return isFailure && description.hasPrefix(front) ? String(description.dropFirst(front.count)) : description
    }

    /// What Swift's library says of a trap.
    private var fatalError: String? {
        guard let lastWords, let range = lastWords.firstRange(of: "atal error: ") else { return nil }
        return String(lastWords[range.upperBound...])
    }
}
