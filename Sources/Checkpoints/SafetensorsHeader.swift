import Archives
import FoundationEssentials

/// Reads a safetensors header as every writer writes it: a plain object of objects, without escapes in its names.
///
/// A header of a hundred megabytes takes a general JSON decoder ten times as long and as much memory. What is not of this form,
/// damaged headers too, is left to that decoder and its messages.
struct SafetensorsHeader {
    /// One tensor as the header describes it.
    struct Tensor {
        let name: String
        let dtype: String
        let shape: [Int]
        let offsets: [Int]
    }

    /// A header's tensors, in its order, and its free text.
    struct Content {
        var tensors: [Tensor]
        var metadata: [String: String]
    }

    private var tensors: [Tensor] = []
    private var metadata: [String: String] = [:]

    private let bytes: UnsafeRawBufferPointer
    private var position = 0
    /// The type named last: neighbours share it.
    private var lastType = ""

    /// - Returns: nil where the header has any other form.
    static func content(_ header: ByteRegion) -> Content? {
        header.withUnsafeBytes { bytes in
            var parser = SafetensorsHeader(bytes)
            return parser.readHeader() ? Content(tensors: parser.tensors, metadata: parser.metadata) : nil
        }
    }

    private init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    private mutating func readHeader() -> Bool {
        readObject { parser, name in
            if name.elementsEqual("__metadata__".utf8) {
                return parser.readMetadata()
            }
            guard let name = String(validating: name, as: UTF8.self), let tensor = parser.readTensor(name) else { return false }
            parser.tensors.append(tensor)
            return true
        } && isAtEnd()
    }

    /// Text may have escapes, where a whole file is carried.
    private mutating func readMetadata() -> Bool {
        readObject { parser, key in
            parser.skipSpace()
            let start = parser.position
            guard let key = String(validating: key, as: UTF8.self) else { return false }
            if let text = parser.readString() {
                parser.metadata[key] = String(decoding: text, as: UTF8.self)
                return true
            }
            parser.position = start + 1
            var isEscaped = false
            while parser.position < parser.bytes.count, isEscaped || parser.bytes[parser.position] != UInt8(ascii: "\"") {
                isEscaped = !isEscaped && parser.bytes[parser.position] == UInt8(ascii: "\\")
                parser.position += 1
            }
            guard parser.position < parser.bytes.count else { return false }
            parser.position += 1
            let text = Data(parser.bytes[start..<parser.position])
            guard let text = try? JSONDecoder().decode(String.self, from: text) else { return false }
            parser.metadata[key] = text
            return true
        }
    }

    private mutating func readTensor(_ name: String) -> Tensor? {
        var dtype: String?
        var shape: [Int]?
        var offsets: [Int]?
        let isRead = readObject { parser, key in
            if key.elementsEqual("dtype".utf8), dtype == nil {
                guard let text = parser.readString() else { return false }
                if !text.elementsEqual(parser.lastType.utf8) { parser.lastType = String(decoding: text, as: UTF8.self) }
                dtype = parser.lastType
                return true
            }
            if key.elementsEqual("shape".utf8), shape == nil {
                shape = parser.readIntegers()
                return shape != nil
            }
            if key.elementsEqual("data_offsets".utf8), offsets == nil {
                offsets = parser.readIntegers()
                return offsets != nil
            }
            return false
        }
        guard isRead, let dtype, let shape, let offsets else { return nil }
        return Tensor(name: name, dtype: dtype, shape: shape, offsets: offsets)
    }

    // MARK: - JSON

    private mutating func skipSpace() {
        while position < bytes.count, [0x20, 0x0A, 0x0D, 0x09].contains(bytes[position]) { position += 1 }
    }

    private mutating func isAtEnd() -> Bool {
        skipSpace()
        return position == bytes.count
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        skipSpace()
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    /// An object; `member` is called behind each key and reads its value.
    private mutating func readObject(_ member: (inout SafetensorsHeader, Slice<UnsafeRawBufferPointer>) -> Bool) -> Bool {
        guard take(UInt8(ascii: "{")) else { return false }
        if take(UInt8(ascii: "}")) { return true }
        repeat {
            guard let key = readString(), take(UInt8(ascii: ":")), member(&self, key) else { return false }
        } while take(UInt8(ascii: ","))
        return take(UInt8(ascii: "}"))
    }

    /// The bytes of a string without escapes.
    private mutating func readString() -> Slice<UnsafeRawBufferPointer>? {
        guard take(UInt8(ascii: "\"")) else { return nil }
        let start = position
        while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
            guard bytes[position] >= 0x20, bytes[position] != UInt8(ascii: "\\") else { return nil }
            position += 1
        }
        guard position < bytes.count else { return nil }
        defer { position += 1 }
        return bytes[start..<position]
    }

    /// A list of whole numbers of 0 or more.
    private mutating func readIntegers() -> [Int]? {
        guard take(UInt8(ascii: "[")) else { return nil }
        if take(UInt8(ascii: "]")) { return [] }
        var numbers: [Int] = []
        repeat {
            skipSpace()
            let start = position
            var number = 0
            while position < bytes.count, bytes[position] >= 0x30, bytes[position] <= 0x39 {
                // Eighteen digits fit in 63 bits; JSON has no leading zeros.
                guard position - start < 18, number > 0 || position == start else { return nil }
                number = number * 10 + Int(bytes[position] - 0x30)
                position += 1
            }
            guard position > start else { return nil }
            numbers.append(number)
        } while take(UInt8(ascii: ","))
        return take(UInt8(ascii: "]")) ? numbers : nil
    }
}
