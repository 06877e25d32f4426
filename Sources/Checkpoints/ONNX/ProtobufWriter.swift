import Archives

/// Writes a protocol buffers message field by field.
struct ProtobufWriter {
    private(set) var bytes: [UInt8] = []

    private mutating func varint(_ value: UInt64) {
        var value = value
        while value >= 0x80 {
            bytes.append(UInt8(value & 0x7F) | 0x80)
            value >>= 7
        }
        bytes.append(UInt8(value))
    }

    mutating func append(_ field: Int, _ value: UInt64) {
        varint(UInt64(field) << 3)
        varint(value)
    }

    mutating func append(_ field: Int, _ content: some Collection<UInt8>) {
        varint(UInt64(field) << 3 | 2)
        varint(UInt64(content.count))
        bytes += content
    }

    mutating func append(_ field: Int, _ text: String) { append(field, Array(text.utf8)) }

    mutating func append(_ field: Int, _ real: Float) {
        varint(UInt64(field) << 3 | 5)
        withUnsafeBytes(of: real.bitPattern.littleEndian) { bytes += $0 }
    }

    mutating func append(_ field: Int, _ value: ProtobufReader.Value) {
        switch value {
        case .varint(let number): append(field, number)
        case .fixed64(let bits):
            varint(UInt64(field) << 3 | 1)
            withUnsafeBytes(of: bits.littleEndian) { bytes += $0 }
        case .fixed32(let bits):
            varint(UInt64(field) << 3 | 5)
            withUnsafeBytes(of: bits.littleEndian) { bytes += $0 }
        case .bytes(let region):
            varint(UInt64(field) << 3 | 2)
            varint(UInt64(region.count))
            region.withUnsafeBytes { bytes += $0 }
        }
    }
}
