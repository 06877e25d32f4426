import Archives
import Text

/// A value of MessagePack; text and bytes stay where they are in the file.
indirect enum MessagePackValue {
    case none
    case boolean(Bool)
    case integer(Int)
    case float(Double)
    case text(String)
    case bytes(ByteRegion)
    case list([MessagePackValue])
    case map([(key: String, value: MessagePackValue)])
    case extended(type: Int8, ByteRegion)
}

/// Reads MessagePack, whose maps have keys of text or numbers.
struct MessagePackReader {
    private var reader: ByteReader
    private var valueCount = 0

    private static let depthLimit = 64
    /// A model has thousands of values; each one occupies more memory than its byte in the file.
    private static let valueLimit = 1 << 21
    private static let textLimit = 4096

    /// Reads the one value that the bytes are.
    ///
    /// - Throws: ``Problem`` if they are damaged, nest too deeply, or continue after the value.
    static func read(_ region: ByteRegion) throws(Problem) -> MessagePackValue {
        var reader = MessagePackReader(reader: ByteReader(region))
        let value = try reader.value(depth: 0)
        guard reader.reader.remaining == 0 else { throw reader.failure("\(reader.reader.remaining) bytes after the value") }
        return value
    }

    private init(reader: ByteReader) { self.reader = reader }

    private func failure(_ what: String) -> Problem {
        Problem("is damaged as MessagePack", found: "\(what) at byte \(reader.position)")
    }

    private mutating func big<Integer: FixedWidthInteger & BitwiseCopyable>(_ type: Integer.Type) throws(Problem) -> Integer {
        guard let value: Integer = reader.integer() else { throw failure("a cut number") }
        return value.byteSwapped
    }

    private mutating func take(_ count: some BinaryInteger) throws(Problem) -> ByteRegion {
        guard let count = Int(exactly: count), let bytes = reader.take(count) else {
            throw failure("\(count) bytes of which \(reader.remaining) are left")
        }
        return bytes
    }

    private mutating func text(_ count: some BinaryInteger) throws(Problem) -> MessagePackValue {
        let bytes = try take(count)
        guard bytes.count <= Self.textLimit else { return .bytes(bytes) }
        return .text(bytes.withUnsafeBytes { String(decoding: $0, as: UTF8.self) })
    }

    private mutating func value(depth: Int) throws(Problem) -> MessagePackValue {
        guard depth < Self.depthLimit else { throw failure("more than \(Self.depthLimit) levels") }
        valueCount += 1
        guard valueCount <= Self.valueLimit else { throw failure("more than \(Self.valueLimit) values") }
        guard let tag: UInt8 = reader.integer() else { throw failure("the end") }
        switch tag {
        case 0x00...0x7F: return .integer(Int(tag))
        case 0x80...0x8F: return try map(UInt32(tag & 0x0F), depth)
        case 0x90...0x9F: return try list(UInt32(tag & 0x0F), depth)
        case 0xA0...0xBF: return try text(tag & 0x1F)
        case 0xC0: return .none
        case 0xC2: return .boolean(false)
        case 0xC3: return .boolean(true)
        case 0xC4: return .bytes(try take(try big(UInt8.self)))
        case 0xC5: return .bytes(try take(try big(UInt16.self)))
        case 0xC6: return .bytes(try take(try big(UInt32.self)))
        case 0xC7: return try extended(try big(UInt8.self))
        case 0xC8: return try extended(try big(UInt16.self))
        case 0xC9: return try extended(try big(UInt32.self))
        case 0xCA: return .float(Double(Float(bitPattern: try big(UInt32.self))))
        case 0xCB: return .float(Double(bitPattern: try big(UInt64.self)))
        case 0xCC: return .integer(Int(try big(UInt8.self)))
        case 0xCD: return .integer(Int(try big(UInt16.self)))
        case 0xCE: return .integer(Int(try big(UInt32.self)))
        case 0xCF:
            let number = try big(UInt64.self)
            return Int(exactly: number).map { .integer($0) } ?? .float(Double(number))
        case 0xD0: return .integer(Int(try big(Int8.self)))
        case 0xD1: return .integer(Int(try big(Int16.self)))
        case 0xD2: return .integer(Int(try big(Int32.self)))
        case 0xD3: return .integer(Int(try big(Int64.self)))
        case 0xD4...0xD8: return try extended(UInt32(1) << UInt32(tag - 0xD4))
        case 0xD9: return try text(try big(UInt8.self))
        case 0xDA: return try text(try big(UInt16.self))
        case 0xDB: return try text(try big(UInt32.self))
        case 0xDC: return try list(UInt32(try big(UInt16.self)), depth)
        case 0xDD: return try list(try big(UInt32.self), depth)
        case 0xDE: return try map(UInt32(try big(UInt16.self)), depth)
        case 0xDF: return try map(try big(UInt32.self), depth)
        case 0xE0...0xFF: return .integer(Int(Int8(bitPattern: tag)))
        default: throw failure("the unused tag \(tag)")
        }
    }

    private mutating func extended(_ count: some BinaryInteger) throws(Problem) -> MessagePackValue {
        guard let type: Int8 = reader.integer() else { throw failure("the end") }
        return .extended(type: type, try take(count))
    }

    private mutating func list(_ count: UInt32, _ depth: Int) throws(Problem) -> MessagePackValue {
        var values: [MessagePackValue] = []
        for _ in 0..<count { values.append(try value(depth: depth + 1)) }
        return .list(values)
    }

    private mutating func map(_ count: UInt32, _ depth: Int) throws(Problem) -> MessagePackValue {
        var members: [(key: String, value: MessagePackValue)] = []
        for _ in 0..<count {
            let key: String
            switch try value(depth: depth + 1) {
            case .text(let text): key = text
            case .integer(let number): key = String(number)
            default: throw failure("a key that is not a string")
            }
            members.append((key, try value(depth: depth + 1)))
        }
        return .map(members)
    }
}

extension MessagePackValue {
    var members: [(key: String, value: MessagePackValue)]? {
        if case .map(let members) = self { return members }
        return nil
    }

    func member(_ key: String) -> MessagePackValue? { members?.last { $0.key == key }?.value }

    var integer: Int? {
        if case .integer(let number) = self { return number }
        return nil
    }
}
