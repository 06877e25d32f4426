import Glibc

/// What happens where the system has no memory to give.
package enum OutOfMemory {
    /// Says in one line on standard error how much was wanted, and ends the process with status 1.
    ///
    /// Nobody could do more: the error would be met between any two operations of a run. Output files are written under other names until they
    /// are whole, so that none is left half written. Nothing runs at exit: OpenBLAS would wait there for a thread that waits for memory.
    ///
    /// - Parameter left: what the limit of the process's control group leaves; nil if no such limit is the reason.
    package static func stop(_ byteCount: Int, left: Int? = nil) -> Never {
        let found = left.map { ", found \($0) within the limit of the control group" } ?? ""
        let line = "modinspect: not enough memory, expected \(byteCount) bytes more\(found)\n"
        _ = line.utf8.withContiguousStorageIfAvailable { write(STDERR_FILENO, $0.baseAddress, $0.count) }
        _exit(1)
    }

    /// Whether so many bytes of address space can be had in one piece.
    static func hasAddressSpace(_ byteCount: Int) -> Bool {
        let place = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let place, place != MAP_FAILED else { return false }
        munmap(place, byteCount)
        return true
    }
}
