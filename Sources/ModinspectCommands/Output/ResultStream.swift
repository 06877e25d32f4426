/// The result on its way out: text and numbers gathered in a buffer and written in large pieces.
final class ResultStream {
    private let destination: Destination
    private let buffer: UnsafeMutableRawBufferPointer
    private var count = 0

    init(_ destination: Destination) {
        self.destination = destination
        buffer = .allocate(byteCount: 1 << 16, alignment: 16)
    }

    deinit { buffer.deallocate() }

    func write(_ text: String) throws(OutputError) {
        var text = text
        try write(utf8: &text)
    }

    private func write(utf8 text: inout String) throws(OutputError) {
        var failure: OutputError?
        text.withUTF8 { bytes in
            do { try write(UnsafeRawBufferPointer(bytes)) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    func write(_ bytes: [UInt8]) throws(OutputError) {
        var failure: OutputError?
        bytes.withUnsafeBytes { bytes in
            do { try write(bytes) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws(OutputError) {
        if bytes.count > buffer.count - count { try flush() }
        if bytes.count > buffer.count {
            try destination.write(bytes)
        } else if let source = bytes.baseAddress {
            UnsafeMutableRawBufferPointer(rebasing: buffer[count...]).baseAddress?.copyMemory(from: source, byteCount: bytes.count)
            count += bytes.count
        }
    }

    /// Hands what is gathered to the system.
    func flush() throws(OutputError) {
        guard count > 0 else { return }
        let gathered = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<count])
        count = 0
        try destination.write(gathered)
    }

    /// Writes what is left and puts a file in its place. Without this a file never appears.
    func finish() throws(OutputError) {
        try flush()
        try destination.finish()
    }
}
