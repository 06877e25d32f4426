import Archives
import Glibc
import Text

extension FoundCheckpoint {
    /// Calls `body` with the same checkpoint whose ``path`` and ``base`` are what ``Checkpoint/open(_:options:)`` takes.
    ///
    /// A string cannot hold a name that is not UTF-8: such a file is opened here, and its path leads to the open file until `body` returns.
    package func opening<Result>(_ body: (FoundCheckpoint) throws -> Result) rethrows -> Result {
        var found = self
        var descriptors: [Int32] = []
        defer { for descriptor in descriptors { close(descriptor) } }
        found.path = Self.openable(path, &descriptors)
        found.base = base.map { Self.openable($0, &descriptors) }
        return try body(found)
    }

    private static func openable(_ text: String, _ descriptors: inout [Int32]) -> String {
        if let plain = PathText.plain(text) { return plain }
        guard let bytes = PathText.bytes(text) else { return text }
        let slash = bytes.lastIndex(of: UInt8(ascii: "/"))
        let folder = slash.map { bytes[..<$0] } ?? []
        let name = bytes[(slash.map { $0 + 1 } ?? 0)...]
        let plainName = String(validating: name, as: UTF8.self)
        // The files beside it are found where only the folder's name is not UTF-8.
        let opened = plainName == nil ? bytes : folder.isEmpty ? [UInt8(ascii: slash == 0 ? "/" : ".")] : Array(folder)
        let descriptor = (opened + [0]).withUnsafeBufferPointer { buffer in
            buffer.withMemoryRebound(to: CChar.self) { open($0.baseAddress!, O_RDONLY | O_NONBLOCK | O_CLOEXEC) }
        }
        guard descriptor >= 0 else { return text }
        descriptors.append(descriptor)
        return "/proc/self/fd/\(descriptor)" + (plainName.map { "/" + $0 } ?? "")
    }
}
