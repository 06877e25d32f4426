import Archives
import Text

/// ONNX models as they are kept and written: the graph of a file with other numbers, or with none.
package enum ONNXFile {
    /// The name under which the graph is kept beside weights in another format.
    package static let graphName = "modinspect.graph"

    /// What a protocol buffers message can hold.
    private static let limit = Int(Int32.max)

    /// The same model without the numbers of the tensors that a checkpoint has, to be kept beside them.
    ///
    /// - Parameters:
    ///   - merged: the vectors that become tensors of their own.
    ///   - copies: the tensors that become others, turned round.
    /// - Throws: ``Problem`` if the message is damaged.
    static func withoutNumbers(
        _ region: ByteRegion, dividing merged: MergedVectors? = nil, making copies: [ONNXCopies.Copy] = []
    ) throws(Problem) -> ByteRegion {
        ByteRegion(
            copying: try rewritten(region, dividing: merged, making: copies) { entry throws(Problem) in
                var message = ProtobufWriter()
                for length in entry.tensor.shape { message.append(1, UInt64(length)) }
                message.append(2, UInt64(entry.tensor.type))
                message.append(8, entry.value)
                // Without a place the elements are nowhere: only the checkpoint has them.
                message.append(14, 1 as UInt64)
                if let note = entry.tensor.note { message.append(12, note) }
                return (message.bytes, false)
            })
    }

    /// The same model for sequences of one length, which its input leaves open.
    ///
    /// - Throws: ``Problem`` if the message is damaged.
    package static func fixing(length: Int, in region: ByteRegion) throws(Problem) -> ByteRegion {
        var model = ProtobufWriter()
        var reader = ProtobufReader(region)
        while let (field, value) = try reader.next() {
            guard field == 7, let message = value.bytes else {
                model.append(field, value)
                continue
            }
            var graph = ProtobufWriter()
            var parts = ProtobufReader(message)
            while let (field, value) = try parts.next() {
                if field == 11, let bytes = value.bytes { graph.append(11, try fixed(bytes, length)) } else { graph.append(field, value) }
            }
            model.append(7, graph.bytes)
        }
        return ByteRegion(copying: model.bytes)
    }

    /// An input whose second of two dimensions has a length, if it has none.
    private static func fixed(_ input: ByteRegion, _ length: Int) throws(Problem) -> [UInt8] {
        /// A message with the parts of one field changed.
        func mapped(
            _ message: ByteRegion, _ field: Int, _ change: (ByteRegion, Int) throws(Problem) -> [UInt8]
        ) throws(Problem) -> [UInt8] {
            var writer = ProtobufWriter()
            var reader = ProtobufReader(message)
            var place = 0
            while let (own, value) = try reader.next() {
                if own == field, let bytes = value.bytes {
                    writer.append(field, try change(bytes, place))
                    place += 1
                } else {
                    writer.append(own, value)
                }
            }
            return writer.bytes
        }
        return try mapped(input, 2) { type, _ throws(Problem) in
            try mapped(type, 1) { tensor, _ throws(Problem) in
                try mapped(tensor, 2) { shape, _ throws(Problem) in
                    var count = 0
                    var reader = ProtobufReader(shape)
                    while let (field, _) = try reader.next() { count += field == 1 ? 1 : 0 }
                    return try mapped(shape, 1) { dimension, place throws(Problem) in
                        var parts = ProtobufReader(dimension)
                        var isOpen = true
                        while let (field, _) = try parts.next() { isOpen = isOpen && field != 1 }
                        guard count == 2, place == 1, isOpen else { return dimension.withUnsafeBytes { [UInt8]($0) } }
                        var writer = ProtobufWriter()
                        writer.append(1, UInt64(length))
                        return writer.bytes
                    }
                }
            }
        }
    }

    /// The model of a draft that keeps a graph, with the draft's numbers.
    ///
    /// - Throws: ``Problem`` if the draft keeps no graph, or its tensors are not those of the graph.
    static func bytes(of draft: CheckpointDraft, path: String) throws -> [UInt8] {
        guard let graph = draft.files[graphName] else {
            throw Problem(
                path: path, problem: "is written for models that come with a graph", expected: "an ONNX file, or what was made of one",
                found: "a checkpoint without one")
        }
        let tensors = Dictionary(draft.tensors.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        var failure: (any Error)?
        let version = try version(graph)
        let bytes = try rewritten(graph) { entry throws(Problem) in
            let subject = "tensor '\(entry.name)'"
            guard let tensor = tensors[entry.name] else { throw Problem("is missing", subject: subject, expected: "the graph's tensors") }
            guard let type = ONNXTensor.number(of: tensor.dtype), type == entry.tensor.type || casts(tensor.dtype, entry.tensor) else {
                throw Problem(
                    "is of another type than in the graph", subject: subject, expected: entry.tensor.typeName, found: tensor.dtype.rawValue)
            }
            if type != entry.tensor.type, tensor.dtype == .bf16, version < 13 {
                throw Problem(
                    "cannot be of bfloat16 in a graph of these operators", subject: subject, expected: "opset 13 or later",
                    found: "opset \(version)")
            }
            let shape = entry.tensor.shape
            let isTransposed = ONNX.isTransposed(shape, entry.use)
            let wanted = isTransposed ? [shape[1], shape[0]] + shape[2...] : shape
            guard tensor.shape.reduce(1, *) == shape.reduce(1, *), !isTransposed || tensor.shape == wanted else {
                throw Problem(
                    "is of another shape than in the graph", subject: subject,
                    expected: wanted.map(String.init).joined(separator: "x"), found: tensor.shape.map(String.init).joined(separator: "x"))
            }
            do {
                var elements = try elements(of: tensor, path: path)
                if isTransposed { elements = swapped(elements, rows: shape[1], columns: shape[0]) }
                return (message(entry, elements, type: type), type != entry.tensor.type)
            } catch {
                failure = error
                throw Problem("cannot be read", subject: subject)
            }
        }
        if let failure { throw failure }
        guard bytes.count <= limit else {
            throw Problem(
                path: path, problem: "is too large for one ONNX file", expected: "at most \(limit) bytes", found: "\(bytes.count)")
        }
        return bytes
    }

    /// The stored elements of a tensor: what a file of it alone has after its header.
    private static func elements(of tensor: CheckpointDraft.Tensor, path: String) throws -> [UInt8] {
        var bytes: [UInt8] = []
        try SafetensorsWriter([tensor], metadata: [:], path: path).write { bytes += $0 }
        let header = bytes.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)) }
        return Array(bytes.dropFirst(8 + Int(header)))
    }

    /// Whether numbers of a type are written in the place of a tensor, to be cast to the type in which the graph computes.
    private static func casts(_ dtype: DType, _ tensor: ONNXTensor) -> Bool {
        [.f16, .bf16, .f32, .f64].contains(dtype) && tensor.isFloatingPoint
    }

    /// The version of ONNX's operators that a model names.
    private static func version(_ region: ByteRegion) throws(Problem) -> Int {
        var reader = ProtobufReader(region)
        while let (field, value) = try reader.next() {
            guard field == 8, let bytes = value.bytes else { continue }
            var parts = ProtobufReader(bytes)
            var (domain, version) = ("", 0)
            while let (field, value) = try parts.next() {
                if field == 1 { domain = value.text() ?? "" }
                if field == 2 { version = value.integer.flatMap { Int(exactly: $0) } ?? 0 }
            }
            if domain.isEmpty || domain == "ai.onnx" { return version }
        }
        return 0
    }

    private static func message(_ entry: ONNX.StoredTensor, _ elements: [UInt8], type: Int) -> [UInt8] {
        var message = ProtobufWriter()
        for length in entry.tensor.shape { message.append(1, UInt64(length)) }
        message.append(2, UInt64(type))
        message.append(8, entry.value)
        message.append(9, elements)
        if let note = entry.tensor.note { message.append(12, note) }
        return message.bytes
    }

    /// The rows of a matrix of blocks as its columns.
    private static func swapped(_ bytes: [UInt8], rows: Int, columns: Int) -> [UInt8] {
        guard rows * columns > 0 else { return bytes }
        let block = bytes.count / (rows * columns)
        return [UInt8](unsafeUninitializedCapacity: bytes.count) { target, count in
            bytes.withUnsafeBufferPointer { source in
                for row in 0..<rows {
                    for column in 0..<columns {
                        for byte in 0..<block {
                            target[(column * rows + row) * block + byte] = source[(row * columns + column) * block + byte]
                        }
                    }
                }
            }
            count = bytes.count
        }
    }
}
