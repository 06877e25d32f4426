import Archives
import Glibc
import Text

/// Why a result could not be written.
enum OutputError: Error, CustomStringConvertible {
    /// The reader of the pipe has gone: the command ends, and that is success.
    case closedPipe
    case failed(destination: String, what: String, code: Int32)
    case isDirectory(String)

    var description: String {
        switch self {
        case .closedPipe: "standard output: closed pipe"
        case .failed(let destination, let what, let code): "\(destination): cannot \(what): \(String(cString: strerror(code)))".singleLine
        case .isDirectory(let path): "\(path): is a directory, expected a file to write".singleLine
        }
    }
}
