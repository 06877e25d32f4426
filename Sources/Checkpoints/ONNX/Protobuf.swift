import Archives
import Text

/// Reads the fields of a protocol buffers message one after another, without a description of its type.
struct ProtobufReader {
    /// The value of a field, according to its wire type.
    enum Value {
        case varint(UInt64)
        case fixed64(UInt64)
        /// Text, bytes, a message, or packed numbers.
        case bytes(ByteRegion)
        case fixed32(UInt32)
    }

    private var reader: ByteReader

    init(_ region: ByteRegion) { reader = ByteReader(region) }

    /// The next field's number and value; nil at the message's end.
    ///
    /// - Throws: ``Problem`` if a field leaves the message or has no known wire type.
    mutating func next() throws(Problem) -> (field: Int, value: Value)? {
        guard reader.remaining > 0 else { return nil }
        let start = reader.position
        let tag = try varint()
        guard let field = Int(exactly: tag >> 3), field > 0, field < 1 << 29 else { throw failure("a field without a number", start) }
        switch tag & 7 {
        case 0: return (field, .varint(try varint()))
        case 1:
            guard let value: UInt64 = reader.integer() else { throw failure("a cut number", start) }
            return (field, .fixed64(value))
        case 2:
            let length = try varint()
            guard let count = Int(exactly: length), let bytes = reader.take(count) else {
                throw failure("a field of \(length) bytes of which \(reader.remaining) are left", start)
            }
            return (field, .bytes(bytes))
        case 5:
            guard let value: UInt32 = reader.integer() else { throw failure("a cut number", start) }
            return (field, .fixed32(value))
        default: throw failure("a field of wire type \(tag & 7)", start)
        }
    }

    /// The next number of packed ones; nil at their end.
    mutating func nextVarint() throws(Problem) -> UInt64? {
        guard reader.remaining > 0 else { return nil }
        return try varint()
    }

    /// Seven bits in each byte, low ones first; the high bit means that more follow.
    private mutating func varint() throws(Problem) -> UInt64 {
        let start = reader.position
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), through: 63, by: 7) {
            guard let byte: UInt8 = reader.integer() else { throw failure("a cut number", start) }
            guard shift < 63 || byte <= 1 else { break }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        throw failure("a number of more than 64 bits", start)
    }

    private func failure(_ what: String, _ place: Int) -> Problem {
        Problem("the message is damaged", found: "\(what) at its byte \(place)")
    }
}

extension ProtobufReader.Value {
    /// The bytes of a field that has a length.
    var bytes: ByteRegion? {
        if case .bytes(let region) = self { return region }
        return nil
    }

    /// The text of a field, if it has at most `limit` bytes.
    func text(limit: Int = 4096) -> String? {
        guard let region = bytes, region.count <= limit else { return nil }
        return region.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }

    /// The number of a field that is one varint.
    var integer: Int64? {
        if case .varint(let value) = self { return Int64(bitPattern: value) }
        return nil
    }

    /// Appends the integers of a repeated field, packed or one by one.
    ///
    /// - Throws: ``Problem`` for other fields and for more integers than `limit`.
    func append(to integers: inout [Int64], limit: Int) throws(Problem) {
        switch self {
        case .varint(let value): integers.append(Int64(bitPattern: value))
        case .bytes(let region):
            var reader = ProtobufReader(region)
            while let value = try reader.nextVarint() {
                guard integers.count < limit else { throw Problem("has too many numbers", expected: "at most \(limit)") }
                integers.append(Int64(bitPattern: value))
            }
        default: throw Problem("has numbers that are not integers")
        }
        guard integers.count <= limit else { throw Problem("has too many numbers", expected: "at most \(limit)") }
    }
}
