import Archives
import Text

/// The JSON header of a safetensors file: an object of objects, which may be a hundred megabytes long.
enum SafetensorsHeader {
    /// One tensor as the header describes it.
    struct Tensor {
        let name: String
        let dtype: String
        let shape: [Int]
        let offsets: [Int]
    }

    /// A header's tensors, in its order, and its free text.
    struct Content {
        var tensors: [Tensor] = []
        var metadata: [String: String] = [:]
    }

    /// - Throws: ``Problem`` if the bytes are not a header, with the tensor's name if one is at fault.
    static func content(_ header: ByteRegion) throws(Problem) -> Content {
        do {
            return try header.withUnsafeBytes { bytes in
                try JSONCursor.reading(bytes) { cursor in
                    var reader = Reader()
                    try reader.read(&cursor)
                    return reader.content
                }
            }
        } catch {
            throw Problem(error).invalidating("the header")
        }
    }

    private struct Reader {
        var content = Content()
        /// The type named last: neighbours share it.
        private var lastType = ""
        private var text: [UInt8] = []

        mutating func read(_ cursor: inout JSONCursor) throws {
            try cursor.readMembers { cursor, name in
                if name.elementsEqual("__metadata__".utf8) {
                    // Writers that have none may say so.
                    if cursor.peek() == UInt8(ascii: "n") { try cursor.skip() } else { content.metadata = try cursor.readTextMembers() }
                } else {
                    content.tensors.append(try tensor(&cursor, name: try JSONCursor.text(name)))
                }
            }
        }

        private mutating func tensor(_ cursor: inout JSONCursor, name: String) throws -> Tensor {
            var dtype: String?
            var shape: [Int]?
            var offsets: [Int]?
            func once(_ isFirst: Bool, _ member: String) throws {
                guard isFirst else { throw Problem("'\(member)' appears twice", subject: "tensor '\(name)'") }
            }
            try cursor.readMembers { cursor, key in
                if key.elementsEqual("dtype".utf8) {
                    try once(dtype == nil, "dtype")
                    try cursor.readString(into: &text)
                    if !text.elementsEqual(lastType.utf8) { lastType = try JSONCursor.text(text) }
                    dtype = lastType
                } else if key.elementsEqual("shape".utf8) {
                    try once(shape == nil, "shape")
                    shape = try cursor.readUnsignedIntegers()
                } else if key.elementsEqual("data_offsets".utf8) {
                    try once(offsets == nil, "data_offsets")
                    offsets = try cursor.readUnsignedIntegers()
                } else {
                    // The reference implementation passes over what it does not know.
                    try cursor.skip()
                }
            }
            func found<Value>(_ value: Value?, _ member: String) throws -> Value {
                guard let value else { throw Problem("no '\(member)'", subject: "tensor '\(name)'") }
                return value
            }
            return Tensor(
                name: name, dtype: try found(dtype, "dtype"), shape: try found(shape, "shape"),
                offsets: try found(offsets, "data_offsets"))
        }
    }
}
