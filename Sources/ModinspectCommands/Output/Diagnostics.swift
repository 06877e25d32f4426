import Archives
import Glibc
import Text

/// What a command says beside its result, on standard error: one line each.
struct Diagnostics: Sendable {
    /// Whether notes are kept back.
    let isQuiet: Bool

    /// Something that went wrong.
    func failure(_ text: String) { Self.write("modinspect: " + text) }

    /// Something about the input that makes the result doubtful.
    func warning(_ text: String) { Self.write("modinspect: warning: " + text) }

    /// Something that was decided for the user.
    func note(_ text: String) {
        if !isQuiet { Self.write("modinspect: note: " + text) }
    }

    /// Says beforehand that something takes long by its nature, so that nobody takes silence for a hang.
    ///
    /// - Parameter share: how much work it is, in terms of what takes some seconds.
    func announce(_ work: String, share: Double) {
        if share >= 1 { note("\(work); this takes a while: --limit takes fewer samples, --progress shows how far it is") }
    }

    static func write(_ text: String) {
        var line = text.singleLine + "\n"
        line.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while !rest.isEmpty {
                let count = Glibc.write(STDERR_FILENO, rest.baseAddress, rest.count)
                if count > 0 { rest = UnsafeRawBufferPointer(rebasing: rest[count...]) } else if errno != EINTR { return }
            }
        }
    }
}
