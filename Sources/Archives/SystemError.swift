import Glibc
import Text

/// The system's words for the error number `code`, in lower case as all messages are.
package func systemMessage(_ code: Int32) -> String {
    // Only what is written from a mapped file can have such an address.
    if code == EFAULT { return "an input file was cut short while it was read" }
    let text = String(cString: strerror(code))
    return text.prefix(1).lowercased() + text.dropFirst()
}

extension Problem {
    /// The failed operation and the reason: `cannot write: no space left on device`.
    package init(cannot what: String, path: String? = nil, code: Int32) {
        self.init("cannot \(what): " + systemMessage(code), path: path)
    }
}

/// Calls `body` again for as long as a signal interrupts it.
func retryingInterrupts<Result: FixedWidthInteger & SignedInteger>(_ body: () -> Result) -> Result {
    while true {
        let result = body()
        if result != -1 || errno != EINTR { return result }
    }
}
