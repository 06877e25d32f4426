import Archives
import Glibc
import Text

/// The messages of a command on standard error, one line each.
struct Diagnostics: Sendable {
    /// Whether notes are suppressed.
    let isQuiet: Bool
    /// Whether details are written too.
    var isVerbose = false

    /// Something that went wrong.
    func failure(_ text: String) { Self.write("modinspect: " + text) }

    /// Something about the input that makes the result doubtful.
    func warning(_ text: String) { Self.write("modinspect: warning: " + text) }

    /// Something that was decided for the user.
    func note(_ text: String) {
        if !isQuiet { Self.write("modinspect: note: " + text) }
    }

    /// Announces work that takes long, so that nobody mistakes silence for a hang.
    ///
    /// - Parameter share: the amount of work, in units of a few seconds.
    func announce(_ work: String, share: Double) {
        if share >= 1 { note("\(work); this takes a while; --limit uses fewer samples, --progress shows progress") }
    }

    /// Remarks of one kind about several things in one line: the first in full, then how many others there are and the first of them.
    ///
    /// - Returns: nil if there are none.
    static func gathered(_ path: String, _ thing: String, _ remarks: [(name: String, text: String)]) -> String? {
        guard let first = remarks.first else { return nil }
        var line = "\(path): \(thing) '\(first.name)': \(first.text)"
        let others = remarks.dropFirst()
        if !others.isEmpty {
            line +=
                "; likewise \(others.count) other" + (others.count == 1 ? ": " : "s: ") + others.map { "'\($0.name)'" }.listed(atMost: 3)
        }
        return line
    }

    /// Something that was found or chosen on the way; the text is built only if it is written.
    func detail(_ text: @autoclosure () -> String) {
        if isVerbose { Self.write("modinspect: " + text()) }
    }

    /// The result of `body`; its duration is reported as a detail.
    func timing<Result>(_ step: @autoclosure () -> String, _ body: () throws -> Result) rethrows -> Result {
        guard isVerbose else { return try body() }
        let start = Progress.now()
        defer { detail("\(step()): \(ByteText.fixed(Progress.now() - start, digits: 3)) s") }
        return try body()
    }

    static func write(_ text: String) {
        // A path is not shortened: it is what the user has to find.
        var line = text.shortenedForMessage(longestWord: Int(PATH_MAX)).singleLine + "\n"
        line.withUTF8 { write(UnsafeRawBufferPointer($0)) }
    }

    /// Lines that another process of this program has written.
    static func pass(_ lines: [UInt8]) { lines.withUnsafeBytes { write($0) } }

    private static func write(_ bytes: UnsafeRawBufferPointer) {
        var rest = bytes
        while !rest.isEmpty {
            let count = Glibc.write(STDERR_FILENO, rest.baseAddress, rest.count)
            if count > 0 { rest = UnsafeRawBufferPointer(rebasing: rest[count...]) } else if errno != EINTR { return }
        }
    }
}
