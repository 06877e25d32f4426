import Archives
import Glibc

/// The bytes in their own memory, followed by a page that cannot be read: reading past the end ends the test.
package func guardedRegion(_ bytes: [UInt8]) -> ByteRegion {
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let size = (bytes.count + page - 1) / page * page
    let base = mmap(nil, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)!
    let start = base + (size - bytes.count)
    bytes.withUnsafeBytes { if let source = $0.baseAddress { start.copyMemory(from: source, byteCount: bytes.count) } }
    mprotect(base + size, page, PROT_NONE)
    return ByteRegion(ByteStorage(base: start, count: bytes.count, isMapped: false) { munmap(base, size + page) })
}
