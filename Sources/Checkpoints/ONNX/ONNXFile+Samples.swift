import Archives
import Text

/// The same graph for samples of a shape that its file leaves open.
extension ONNXFile {
    /// What the documentation of an input says whose shape somebody has said.
    static let givenShapeNote = "modinspect: samples of this shape were given"

    /// The same model without its numbers, whose input reads samples of a shape.
    ///
    /// - Parameters:
    ///   - lengths: those of a sample, nil for those that stay open.
    ///   - name: the input's.
    /// - Throws: ``Problem`` if the message is damaged.
    package static func fixing(samples lengths: [Int?], ofInput name: String, in region: ByteRegion) throws(Problem) -> ByteRegion {
        let model = try mapped(try withoutNumbers(region), field: 7) { graph throws(Problem) in
            try mapped(graph, field: 11) { input throws(Problem) in
                guard try self.name(ofInput: input) == name else { return input.withUnsafeBytes { [UInt8]($0) } }
                let typed = try mapped(input, field: 2) { type throws(Problem) in
                    try mapped(type, field: 1) { tensor throws(Problem) in try shaped(tensor, lengths) }
                }
                var noted = ProtobufWriter()
                var reader = ProtobufReader(ByteRegion(copying: typed))
                while let (field, value) = try reader.next() { if field != 3 { noted.append(field, value) } }
                noted.append(3, givenShapeNote)
                return noted.bytes
            }
        }
        return ByteRegion(copying: model)
    }

    /// A message with the parts of one field changed.
    private static func mapped(
        _ message: ByteRegion, field: Int, _ change: (ByteRegion) throws(Problem) -> [UInt8]
    ) throws(Problem) -> [UInt8] {
        var writer = ProtobufWriter()
        var reader = ProtobufReader(message)
        while let (own, value) = try reader.next() {
            if own == field, let bytes = value.bytes { writer.append(field, try change(bytes)) } else { writer.append(own, value) }
        }
        return writer.bytes
    }

    private static func name(ofInput message: ByteRegion) throws(Problem) -> String {
        var reader = ProtobufReader(message)
        while let (field, value) = try reader.next() { if field == 1 { return value.text() ?? "" } }
        return ""
    }

    /// A tensor's type with a shape: the first dimension as it was, or open.
    private static func shaped(_ tensor: ByteRegion, _ lengths: [Int?]) throws(Problem) -> [UInt8] {
        var samples: ByteRegion?
        var writer = ProtobufWriter()
        var reader = ProtobufReader(tensor)
        while let (field, value) = try reader.next() {
            guard field == 2, let shape = value.bytes else {
                writer.append(field, value)
                continue
            }
            var dimensions = ProtobufReader(shape)
            while let (field, value) = try dimensions.next() { if field == 1, samples == nil { samples = value.bytes } }
        }
        var shape = ProtobufWriter()
        shape.append(1, samples?.withUnsafeBytes { [UInt8]($0) } ?? dimension(nil, "samples"))
        for (place, length) in lengths.enumerated() { shape.append(1, dimension(length, "length\(place + 1)")) }
        writer.append(2, shape.bytes)
        return writer.bytes
    }

    private static func dimension(_ length: Int?, _ name: String) -> [UInt8] {
        var dimension = ProtobufWriter()
        if let length { dimension.append(1, UInt64(length)) } else { dimension.append(2, name) }
        return dimension.bytes
    }
}
