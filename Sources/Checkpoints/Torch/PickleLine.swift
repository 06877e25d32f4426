import Archives

/// The values that protocol 0 writes as a line of text.
enum PickleLine {
    case boolean(Bool)
    case integer(Int)
    /// The decimal digits of an integer beyond 64 bits.
    case wideInteger(ByteRegion)
    case float(Double)
    /// A string of Python 2.
    case bytes([UInt8])
    case text(String)

    /// The value of the line that follows `opcode`, or nil if it is malformed.
    static func decode(_ opcode: PickleOpcode, _ line: ByteRegion) -> PickleLine? {
        switch opcode {
        case .int, .long: integer(line)
        case .float: decimal(line)
        case .string: quoted(line)
        case .unicode: unicode(line)
        default: nil
        }
    }

    private static func integer(_ line: ByteRegion) -> PickleLine? {
        var digits = line
        if let last = line.bytes(max(line.count - 1, 0)..<line.count)?.first, last == UInt8(ascii: "L") {
            digits = line.slice(offset: 0, count: line.count - 1) ?? line
        }
        return digits.withUnsafeBytes { bytes -> PickleLine? in
            if bytes.count == 2, bytes[0] == UInt8(ascii: "0") {
                if bytes[1] == UInt8(ascii: "0") { return .boolean(false) }
                if bytes[1] == UInt8(ascii: "1") { return .boolean(true) }
            }
            if bytes.count <= 20, let value = Int(String(decoding: bytes, as: UTF8.self)) { return .integer(value) }
            let unsigned = bytes.first == UInt8(ascii: "-") ? bytes.dropFirst() : bytes[...]
            let isNumber = !unsigned.isEmpty && unsigned.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            return isNumber ? .wideInteger(digits) : nil
        }
    }

    private static func decimal(_ line: ByteRegion) -> PickleLine? {
        guard line.count <= 400 else { return nil }
        return line.withUnsafeBytes { Double(String(decoding: $0, as: UTF8.self)) }.map { .float($0) }
    }

    /// A Python string literal in either kind of quotes, with its escapes.
    private static func quoted(_ line: ByteRegion) -> PickleLine? {
        line.withUnsafeBytes { bytes -> PickleLine? in
            guard bytes.count >= 2, let quote = bytes.first, quote == bytes[bytes.count - 1],
                quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"")
            else { return nil }
            var result: [UInt8] = []
            result.reserveCapacity(bytes.count)
            var rest = bytes[1..<bytes.count - 1]
            while let byte = rest.popFirst() {
                guard byte == UInt8(ascii: "\\") else {
                    result.append(byte)
                    continue
                }
                guard let kind = rest.popFirst() else { return nil }
                switch kind {
                case UInt8(ascii: "n"): result.append(0x0A)
                case UInt8(ascii: "r"): result.append(0x0D)
                case UInt8(ascii: "t"): result.append(0x09)
                case UInt8(ascii: "a"): result.append(0x07)
                case UInt8(ascii: "b"): result.append(0x08)
                case UInt8(ascii: "f"): result.append(0x0C)
                case UInt8(ascii: "v"): result.append(0x0B)
                case UInt8(ascii: "x"):
                    guard let value = number(&rest, digits: 2, radix: 16), let byte = UInt8(exactly: value) else { return nil }
                    result.append(byte)
                case UInt8(ascii: "0")...UInt8(ascii: "7"):
                    var value = UInt32(kind - UInt8(ascii: "0"))
                    for _ in 0..<2 {
                        guard let digit = rest.first, (UInt8(ascii: "0")...UInt8(ascii: "7")).contains(digit) else { break }
                        value = value * 8 + UInt32(digit - UInt8(ascii: "0"))
                        rest.removeFirst()
                    }
                    result.append(UInt8(truncatingIfNeeded: value))
                case UInt8(ascii: "\\"), UInt8(ascii: "'"), UInt8(ascii: "\""): result.append(kind)
                default: result += [byte, kind]
                }
            }
            return .bytes(result)
        }
    }

    /// Latin-1 with \u and \U escapes.
    private static func unicode(_ line: ByteRegion) -> PickleLine? {
        line.withUnsafeBytes { bytes -> PickleLine? in
            var text = String.UnicodeScalarView()
            var rest = bytes[...]
            while let byte = rest.popFirst() {
                if byte == UInt8(ascii: "\\"), let kind = rest.first, kind == UInt8(ascii: "u") || kind == UInt8(ascii: "U") {
                    rest.removeFirst()
                    guard let value = number(&rest, digits: kind == UInt8(ascii: "u") ? 4 : 8, radix: 16) else { return nil }
                    text.append(Unicode.Scalar(value) ?? "\u{FFFD}")
                } else {
                    text.append(Unicode.Scalar(byte))
                }
            }
            return .text(String(text))
        }
    }

    private static func number(_ rest: inout Slice<UnsafeRawBufferPointer>, digits: Int, radix: UInt32) -> UInt32? {
        guard rest.count >= digits else { return nil }
        let text = String(decoding: rest.prefix(digits), as: UTF8.self)
        rest = rest.dropFirst(digits)
        guard text.allSatisfy(\.isHexDigit) else { return nil }
        return UInt32(text, radix: Int(radix))
    }
}
