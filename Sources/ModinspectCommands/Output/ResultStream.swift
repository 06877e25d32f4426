/// The output stream of a result: text and numbers are collected in a buffer and written in large pieces.
final class ResultStream {
    /// nil for one that keeps everything.
    private let destination: Destination?
    /// All that was written, of a stream that keeps it.
    private var kept: [UInt8] = []
    private let buffer: UnsafeMutableRawBufferPointer
    private var count = 0

    init(_ destination: Destination) {
        self.destination = destination
        buffer = .allocate(byteCount: 1 << 16, alignment: 16)
    }

    /// A stream that keeps what is written to it.
    init() {
        destination = nil
        buffer = .allocate(byteCount: 1 << 16, alignment: 16)
    }

    deinit { buffer.deallocate() }

    func write(_ text: String) throws {
        var text = text
        try text.withUTF8 { try write(UnsafeRawBufferPointer($0)) }
    }

    func write(_ bytes: [UInt8]) throws {
        try bytes.withUnsafeBytes { try write($0) }
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws {
        if bytes.count > buffer.count - count { try flush() }
        if bytes.count > buffer.count {
            try pass(bytes)
        } else if let source = bytes.baseAddress {
            UnsafeMutableRawBufferPointer(rebasing: buffer[count...]).baseAddress?.copyMemory(from: source, byteCount: bytes.count)
            count += bytes.count
        }
    }

    /// Hands what is gathered to the system.
    func flush() throws {
        guard count > 0 else { return }
        let gathered = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<count])
        count = 0
        try pass(gathered)
    }

    private func pass(_ bytes: UnsafeRawBufferPointer) throws {
        if let destination { try destination.write(bytes) } else { kept += bytes }
    }

    /// What was written to a stream that keeps it.
    var collected: [UInt8] { kept + UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<count]) }

    /// Writes what is left and puts a file in its place. Without this a file never appears.
    func finish() throws {
        try flush()
        try destination?.finish()
    }
}
