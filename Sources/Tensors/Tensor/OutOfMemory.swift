import Glibc

/// What happens if the system has no memory to give.
package enum OutOfMemory {
    /// Reports in one line on standard error how much memory was needed, and ends the process with status 1.
    ///
    /// The error can occur anywhere in a run, and no caller could do more. Output files are written under other names until they
    /// are complete, so that none is left half written. Exit handlers do not run: OpenBLAS would wait in one for a thread that waits for memory.
    ///
    /// - Parameter left: the memory left under the limit of the process's control group; nil if that is not the reason.
    package static func stop(_ byteCount: Int, left: Int? = nil) -> Never {
        let found = left.map { ", found \($0) within the limit of the control group" } ?? ""
        let line = "modinspect: not enough memory, expected \(byteCount) bytes more\(found)\n"
        _ = line.utf8.withContiguousStorageIfAvailable { write(STDERR_FILENO, $0.baseAddress, $0.count) }
        _exit(1)
    }

    /// Whether this many bytes of address space can be allocated in one piece.
    static func hasAddressSpace(_ byteCount: Int) -> Bool {
        let place = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let place, place != MAP_FAILED else { return false }
        munmap(place, byteCount)
        return true
    }
}
