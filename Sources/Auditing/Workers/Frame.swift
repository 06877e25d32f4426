/// Messages on a pipe: the number of bytes as eight bytes, the lowest first, and the bytes.
struct FrameReader {
    private var bytes: [UInt8] = []
    private var position = 0

    private static let headLength = 8
    /// No message is as long; a longer one is not one of ours.
    static let maximumLength = 1 << 30

    mutating func append(_ piece: UnsafeRawBufferPointer) { bytes.append(contentsOf: piece) }

    /// The next complete message; nil if there is none yet.
    mutating func next() -> [UInt8]? {
        guard bytes.count - position >= Self.headLength else { return nil }
        let count = (0..<Self.headLength).reduce(0) { $0 | UInt64(bytes[position + $1]) << UInt64(8 * $1) }
        guard count <= UInt64(Self.maximumLength) else { return nil }
        let start = position + Self.headLength
        guard bytes.count - start >= Int(count) else { return nil }
        let message = Array(bytes[start..<start + Int(count)])
        position = start + Int(count)
        if position == bytes.count {
            bytes.removeAll(keepingCapacity: true)
            position = 0
        }
        return message
    }

    static func frame(_ message: [UInt8]) -> [UInt8] {
        precondition(message.count <= maximumLength, "a message of \(message.count) bytes")
        return (0..<headLength).map { UInt8(truncatingIfNeeded: message.count >> (8 * $0)) } + message
    }
}
