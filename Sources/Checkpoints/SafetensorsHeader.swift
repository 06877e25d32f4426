import Archives
import Text

/// Reads a safetensors header as every writer writes it: a plain object of objects.
///
/// A header of a hundred megabytes takes a decoder that makes a tree ten times as long and as much memory. What is not of this form,
/// damaged headers too, is left to that decoder and its messages.
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

    /// The header has another form.
    private struct OtherForm: Error {}

    /// - Returns: nil where the header has any other form.
    static func content(_ header: ByteRegion) -> Content? {
        header.withUnsafeBytes { bytes in
            var reader = Reader()
            var cursor = JSONCursor(bytes.bindMemory(to: UInt8.self))
            guard (try? reader.read(&cursor)) != nil else { return nil }
            return reader.content
        }
    }

    private struct Reader {
        var content = Content()
        /// The type named last: neighbours share it.
        private var lastType = ""
        private var text: [UInt8] = []

        mutating func read(_ cursor: inout JSONCursor) throws {
            try cursor.readMembers { cursor, name in
                if name.elementsEqual("__metadata__".utf8) { return try readMetadata(&cursor) }
                content.tensors.append(try tensor(&cursor, name: try Self.string(name)))
            }
            try cursor.readEnd()
        }

        private static func string(_ bytes: [UInt8]) throws -> String {
            guard let text = String(validating: bytes, as: UTF8.self) else { throw OtherForm() }
            return text
        }

        private mutating func readMetadata(_ cursor: inout JSONCursor) throws {
            try cursor.readMembers { cursor, key in
                try cursor.readString(into: &text)
                content.metadata[try Self.string(key)] = try Self.string(text)
            }
        }

        private mutating func tensor(_ cursor: inout JSONCursor, name: String) throws -> Tensor {
            var dtype: String?
            var shape: [Int]?
            var offsets: [Int]?
            try cursor.readMembers { cursor, key in
                if key.elementsEqual("dtype".utf8), dtype == nil {
                    try cursor.readString(into: &text)
                    if !text.elementsEqual(lastType.utf8) { lastType = try Self.string(text) }
                    dtype = lastType
                } else if key.elementsEqual("shape".utf8), shape == nil {
                    shape = try cursor.readCounts()
                } else if key.elementsEqual("data_offsets".utf8), offsets == nil {
                    offsets = try cursor.readCounts()
                } else {
                    throw OtherForm()
                }
            }
            guard let dtype, let shape, let offsets else { throw OtherForm() }
            return Tensor(name: name, dtype: dtype, shape: shape, offsets: offsets)
        }
    }
}
