import Archives
import Text

/// A tensor as an ONNX file has it: its type and shape, and where its elements are.
struct ONNXTensor {
    private(set) var name = ""
    private(set) var shape: [Int] = []
    private(set) var type = 0
    /// The elements as little-endian bytes.
    private var raw: ByteRegion?
    /// Runs of the field for the type: packed numbers, or single ones.
    private var typed: [Int: [ProtobufReader.Value]] = [:]
    private var external: [String: String] = [:]
    private var isExternal = false
    /// Whether the model has it without having learned it; see ``fixedNote``.
    private(set) var isFixed = false
    /// Whether the file says of a parameter that training leaves it as it is; see ``keptNote``.
    private(set) var isKept = false

    /// What is written into the documentation of a tensor that no training changes. ONNX has no place for that.
    static let fixedNote = "modinspect: not learned"
    /// What is written into that of a parameter which training is to leave as it is, as PyTorch's `requires_grad=False`.
    static let keptNote = "modinspect: not trained"

    /// What is written into the tensor's documentation.
    var note: String? { isFixed ? Self.fixedNote : isKept ? Self.keptNote : nil }

    private static let rankLimit = 64

    /// - Throws: ``Problem`` if the message is not a tensor.
    init(_ message: ByteRegion) throws(Problem) {
        var reader = ProtobufReader(message)
        var dimensions: [Int64] = []
        while let (field, value) = try reader.next() {
            switch field {
            case 1: try value.append(to: &dimensions, limit: Self.rankLimit)
            case 2: type = value.integer.flatMap { Int(exactly: $0) } ?? 0
            case 3: throw Problem("is stored in segments, which is not supported")
            case 4, 5, 7, 10, 11: typed[field, default: []].append(value)
            case 8: name = value.text() ?? ""
            case 9: raw = value.bytes
            case 12: (isFixed, isKept) = (value.text() == Self.fixedNote, value.text() == Self.keptNote)
            case 13: try addExternal(value)
            case 14: isExternal = value.integer == 1
            default: break
            }
        }
        for dimension in dimensions {
            guard let length = Int(exactly: dimension), length >= 0 else {
                throw Problem("has a negative dimension", found: "\(dimensions)")
            }
            shape.append(length)
        }
    }

    private mutating func addExternal(_ value: ProtobufReader.Value) throws(Problem) {
        guard let entry = value.bytes, external.count < 16 else { return }
        var reader = ProtobufReader(entry)
        var key: String?
        var text: String?
        while let (field, value) = try reader.next() {
            if field == 1 { key = value.text() }
            if field == 2 { text = value.text() }
        }
        if let key, let text { external[key] = text }
    }

    /// The name of the elements' type as ONNX writes it.
    var typeName: String { Self.typeNames.indices.contains(type) ? Self.typeNames[type] : "type \(type)" }

    /// Whether the elements may be weights: floating-point numbers with a dimension.
    var isOfWeights: Bool { !shape.isEmpty && isFloatingPoint }

    var isFloatingPoint: Bool { Self.dtypes[type]?.isFloatingPoint == true }

    /// Whether the elements are texts.
    var isText: Bool { type == 8 }

    /// The texts of a tensor message; nil where one of them is too long, or where there are more than `limit`.
    ///
    /// - Throws: ``Problem`` if the message is damaged.
    static func texts(of message: ByteRegion, limit: Int = 1 << 12) throws(Problem) -> [String]? {
        var texts: [String] = []
        var reader = ProtobufReader(message)
        while let (field, value) = try reader.next() {
            guard field == 6 else { continue }
            guard texts.count < limit, let text = value.text() else { return nil }
            texts.append(text)
        }
        return texts
    }

    /// The message of the same tensor under another name.
    ///
    /// - Throws: ``Problem`` if the message is damaged.
    static func renamed(_ message: ByteRegion, _ name: String) throws(Problem) -> ByteRegion {
        var renamed = ProtobufWriter()
        var reader = ProtobufReader(message)
        while let (field, value) = try reader.next() { if field != 8 { renamed.append(field, value) } }
        renamed.append(8, name)
        return ByteRegion(copying: renamed.bytes)
    }

    /// The file in the model's folder that holds the elements; nil if they are in the model.
    var location: String? { isExternal ? external["location"] ?? "" : nil }

    /// The tensor with its elements.
    ///
    /// - Parameter neighbours: finds the files in the model's folder.
    /// - Throws: ``Problem`` if the elements are not there, are of a type that is not read, or do not fill the shape.
    func record(name: String, neighbours: Neighbours) throws(Problem) -> TensorRecord {
        guard let dtype = Self.dtypes[type] else { throw Problem("elements of type \(typeName) are not supported") }
        let size = try TensorRecord.byteCount(dtype: dtype, shape: shape)
        return try TensorRecord(name: name, dtype: dtype, shape: shape, bytes: try bytes(dtype, size, neighbours))
    }

    private func bytes(_ dtype: DType, _ size: Int, _ neighbours: Neighbours) throws(Problem) -> ByteRegion {
        if let location {
            let file = try neighbours.file(location)
            let offset = try number("offset") ?? 0
            let length = try number("length") ?? max(file.count - offset, 0)
            guard length == size else {
                throw Problem("has the wrong number of bytes in '\(location)'", expected: "\(size)", found: "\(length)")
            }
            guard let bytes = file.slice(offset: offset, count: length) else {
                throw Problem(
                    "leaves '\(location)'", expected: "\(length) bytes from \(offset)", found: "a file of \(file.count) bytes")
            }
            return bytes
        }
        if let raw {
            guard raw.count == size else { throw Problem("wrong number of bytes", expected: "\(size)", found: "\(raw.count)") }
            return raw
        }
        let count = size / dtype.bytesPerBlock
        switch type {
        case 1: return try fixed(4, width: 4, size)
        case 11: return try fixed(10, width: 8, size)
        case 7: return try integers(7, dtype, count)
        case 12, 13: return try integers(11, dtype, count)
        default: return try integers(5, dtype, count)
        }
    }

    private func number(_ key: String) throws(Problem) -> Int? {
        guard let text = external[key] else { return nil }
        guard let number = Int(text), number >= 0 else {
            throw Problem("the \(key) of its elements is not a number of at least 0", found: "'\(text)'")
        }
        return number
    }

    /// The elements of a field of floating-point numbers, which are packed as their bytes.
    private func fixed(_ field: Int, width: Int, _ size: Int) throws(Problem) -> ByteRegion {
        let values = typed[field] ?? []
        if values.count == 1, let bytes = values[0].bytes {
            guard bytes.count == size else { throw Self.wrongCount(size / width, bytes.count / width) }
            return bytes
        }
        var copy: [UInt8] = []
        for value in values {
            switch value {
            case .bytes(let region): copy += region.bytes(0..<region.count) ?? []
            case .fixed32(let bits) where width == 4: withUnsafeBytes(of: bits.littleEndian) { copy += $0 }
            case .fixed64(let bits) where width == 8: withUnsafeBytes(of: bits.littleEndian) { copy += $0 }
            default: throw Problem("has elements that do not match its type")
            }
        }
        guard copy.count == size else { throw Self.wrongCount(size / width, copy.count / width) }
        return ByteRegion(copying: copy)
    }

    /// The elements of a field of integers, of which each keeps the low bytes that its type has; 16-bit floats are their bits.
    private func integers(_ field: Int, _ dtype: DType, _ count: Int) throws(Problem) -> ByteRegion {
        let values = typed[field] ?? []
        let held = values.reduce(0) { $0 + ($1.bytes?.count ?? 1) }
        // Every number has at least one byte in the file, so that the file's size bounds the allocation.
        guard count <= held else { throw Self.wrongCount(count, held) }
        var copy: [UInt8] = []
        copy.reserveCapacity(count * dtype.bytesPerBlock)
        for value in values {
            var numbers: [Int64] = []
            try value.append(to: &numbers, limit: count)
            for number in numbers { withUnsafeBytes(of: number.littleEndian) { copy += $0.prefix(dtype.bytesPerBlock) } }
        }
        guard copy.count == count * dtype.bytesPerBlock else { throw Self.wrongCount(count, copy.count / dtype.bytesPerBlock) }
        return ByteRegion(copying: copy)
    }

    private static func wrongCount(_ expected: Int, _ found: Int) -> Problem {
        Problem("wrong number of elements", expected: "\(expected)", found: "\(found)")
    }

    private static let dtypes: [Int: DType] = [
        1: .f32, 2: .u8, 3: .i8, 4: .u16, 5: .i16, 6: .i32, 7: .i64, 9: .bool, 10: .f16, 11: .f64, 12: .u32, 13: .u64, 16: .bf16,
        17: .f8e4m3fn, 18: .f8e4m3fnuz, 19: .f8e5m2, 20: .f8e5m2fnuz,
    ]

    /// The format's number of a type of elements; nil if it has none.
    static func number(of dtype: DType) -> Int? { dtypes.first { $0.value == dtype }?.key }

    private static let typeNames = [
        "UNDEFINED", "FLOAT", "UINT8", "INT8", "UINT16", "INT16", "INT32", "INT64", "STRING", "BOOL", "FLOAT16", "DOUBLE", "UINT32",
        "UINT64", "COMPLEX64", "COMPLEX128", "BFLOAT16", "FLOAT8E4M3FN", "FLOAT8E4M3FNUZ", "FLOAT8E5M2", "FLOAT8E5M2FNUZ", "UINT4",
        "INT4", "FLOAT4E2M1", "FLOAT8E8M0", "UINT2", "INT2",
    ]
}
