import Archives
import Text

/// A value of a GGUF file's metadata, read where the header's reader has passed it.
enum GGUFValue {
    /// The value of the given type at a place; null if the bytes are not one.
    static func read(_ type: UInt32, _ region: ByteRegion, at position: Int) -> JSONValue {
        var reader = ByteReader(region, at: position)
        return value(type, &reader, depth: 0) ?? .null
    }

    private static func value(_ type: UInt32, _ reader: inout ByteReader, depth: Int) -> JSONValue? {
        switch type {
        case 0: reader.integer(UInt8.self).map { .integer(Int($0)) }
        case 1: reader.integer(Int8.self).map { .integer(Int($0)) }
        case 2: reader.integer(UInt16.self).map { .integer(Int($0)) }
        case 3: reader.integer(Int16.self).map { .integer(Int($0)) }
        case 4: reader.integer(UInt32.self).map { .integer(Int($0)) }
        case 5: reader.integer(Int32.self).map { .integer(Int($0)) }
        case 6: reader.integer(UInt32.self).map { number(Double(Float(bitPattern: $0)), "\(Float(bitPattern: $0))") }
        case 7: reader.integer(UInt8.self).map { .bool($0 != 0) }
        case 8: string(&reader).map { .string($0) }
        case 9: list(&reader, depth: depth)
        case 10: reader.integer(UInt64.self).map { value in Int(exactly: value).map { .integer($0) } ?? .string("\(value)") }
        case 11: reader.integer(Int64.self).map { .integer(Int($0)) }
        case 12: reader.integer(UInt64.self).map { number(Double(bitPattern: $0), "\(Double(bitPattern: $0))") }
        default: nil
        }
    }

    /// A number as its shortest decimals say it; JSON has no infinities.
    private static func number(_ value: Double, _ text: String) -> JSONValue {
        value.isFinite ? .number(Double(text) ?? value) : .string(text)
    }

    private static func string(_ reader: inout ByteReader) -> String? {
        guard let length = reader.integer(UInt64.self).flatMap(Int.init(exactly:)), let bytes = reader.take(length) else { return nil }
        return bytes.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }

    private static func list(_ reader: inout ByteReader, depth: Int) -> JSONValue? {
        guard depth < 5, let type = reader.integer(UInt32.self), let count = reader.integer(UInt64.self).flatMap(Int.init(exactly:)) else {
            return nil
        }
        var items: [JSONValue] = []
        for _ in 0..<count {
            guard let item = value(type, &reader, depth: depth + 1) else { return nil }
            items.append(item)
        }
        return .list(items)
    }
}
