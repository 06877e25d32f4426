import CProcess
import Text

/// What happens if a file has changed since it was checked.
package enum ChangedFile {
    /// Says so in one line on standard error, and ends the process with status 1.
    ///
    /// As with a mapped file that is cut short, nobody could do more: what was computed so far was computed from other numbers.
    package static func stop(_ path: String) -> Never {
        cprocess_stop("modinspect: " + Problem("the file changed while it was read", path: path).description + "\n")
    }
}
