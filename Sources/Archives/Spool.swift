import Glibc
import Text

/// The memory shared by all members spooled from one source.
final class SpoolMemory {
    var remaining: Int

    init(limit: Int = 64 << 20) { remaining = limit }
}

/// Collects bytes whose count is not trusted: in memory while the shared allowance lasts, in a nameless temporary file
/// (in `$TMPDIR`, or `/tmp`) beyond it. Memory grows with what has arrived, not with what was declared.
final class Spool {
    private(set) var count = 0
    private let memory: SpoolMemory
    private var buffer: UnsafeMutableRawPointer?
    private var capacity = 0
    private var descriptor: Int32 = -1

    init(memory: SpoolMemory) { self.memory = memory }

    deinit {
        free(buffer)
        if descriptor >= 0 { close(descriptor) }
    }

    func append(_ bytes: UnsafeRawBufferPointer) throws(Problem) {
        guard let source = bytes.baseAddress, !bytes.isEmpty else { return }
        if descriptor < 0 {
            if bytes.count <= memory.remaining {
                try reserve(count + bytes.count)
                buffer?.advanced(by: count).copyMemory(from: source, byteCount: bytes.count)
                memory.remaining -= bytes.count
                count += bytes.count
                return
            }
            try moveToFile()
        }
        try write(bytes)
        count += bytes.count
    }

    /// Appends `number` zeros, the content of a hole.
    func appendZeros(_ number: Int) throws(Problem) {
        let zeros = [UInt8](repeating: 0, count: min(number, 1 << 16))
        var left = number
        while left > 0 {
            let piece = min(left, zeros.count)
            let result = zeros.withUnsafeBytes { source in
                Result { () throws(Problem) in try self.append(UnsafeRawBufferPointer(rebasing: source[..<piece])) }
            }
            try result.get()
            left -= piece
        }
    }

    /// What was collected. Nothing may be appended afterwards.
    func finish() throws(Problem) -> ByteRegion {
        if descriptor >= 0 { return try ByteRegion.mapping(descriptor: descriptor, count: count, name: "a temporary file") }
        guard let base = buffer, count > 0 else { return ByteRegion(copying: []) }
        let storage = ByteStorage(base: UnsafeRawPointer(base), count: count, isMapped: false) { free(base) }
        buffer = nil
        return ByteRegion(storage)
    }

    private func reserve(_ needed: Int) throws(Problem) {
        guard needed > capacity else { return }
        let larger = max(needed, min(capacity * 2, needed + (16 << 20)), 4096)
        guard let grown = realloc(buffer, larger) else { throw Problem("out of memory", found: "\(larger) bytes") }
        buffer = grown
        capacity = larger
    }

    private func moveToFile() throws(Problem) {
        descriptor = try Self.temporaryFile()
        guard let base = buffer else { return }
        try write(UnsafeRawBufferPointer(start: base, count: count))
        memory.remaining += count
        free(base)
        buffer = nil
        capacity = 0
    }

    private func write(_ bytes: UnsafeRawBufferPointer) throws(Problem) {
        var rest = bytes
        while let base = rest.baseAddress, !rest.isEmpty {
            let written = retryingInterrupts { Glibc.write(descriptor, base, rest.count) }
            guard written > 0 else {
                throw Problem(
                    "cannot write a temporary file: " + systemMessage(errno), hint: "TMPDIR names the folder for it")
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[written...])
        }
    }

    private static func temporaryFile() throws(Problem) -> Int32 {
        let named = getenv("TMPDIR").map { String(cString: $0) } ?? ""
        let folder = named.isEmpty ? "/tmp" : named
        var template = Array((folder + "/modinspect-XXXXXX").utf8CString)
        let descriptor = mkstemp(&template)
        guard descriptor >= 0 else {
            throw Problem(
                "cannot make a temporary file in \(folder): " + systemMessage(errno), hint: "TMPDIR names the folder for it")
        }
        // Without a name the file goes with the process, however that ends.
        unlink(template)
        return descriptor
    }
}
