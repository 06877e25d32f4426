import Archives
import Text

/// The graph of an ONNX model as it is run: operators with their settings, and the names under which a checkpoint has its tensors.
package struct ONNXModel: Sendable {
    /// A setting of a node.
    package enum Attribute: Sendable {
        case real(Double)
        case integer(Int)
        case text(String)
        case tensor(Constant)
        case reals([Double])
        case integers([Int])
        case texts([String])
        /// A graph, a type, or a sparse tensor.
        case other
    }

    /// A tensor inside a node.
    package struct Constant: Sendable {
        fileprivate let tensor: ONNXTensor

        package var shape: [Int] { tensor.shape }
        package var type: ElementType { ElementType(rawValue: tensor.type) ?? .undefined }

        /// The numbers in row-major order.
        ///
        /// - Throws: ``Problem`` if they are in another file or of a type that is not read.
        package func values() throws(Problem) -> [Double] {
            guard tensor.location == nil else { throw Problem("is a constant in another file") }
            return try tensor.record(name: "constant", neighbours: .none).doubles()
        }
    }

    /// The types of elements by their numbers in the format.
    package enum ElementType: Int, Sendable {
        case undefined, float, uint8, int8, uint16, int16, int32, int64, string, bool, float16, double, uint32, uint64
        case complex64, complex128, bfloat16

        /// Whether elements are whole numbers or truth values.
        package var isWhole: Bool {
            switch self {
            case .uint8, .int8, .uint16, .int16, .int32, .int64, .bool, .uint32, .uint64: true
            default: false
            }
        }
    }

    /// One operator.
    package struct Node: Sendable {
        package fileprivate(set) var name = ""
        package fileprivate(set) var operation = ""
        /// The set of operators that it belongs to; empty for the standard one.
        package fileprivate(set) var domain = ""
        /// The names of values; empty for one that is left out.
        package fileprivate(set) var inputs: [String] = []
        package fileprivate(set) var outputs: [String] = []
        package fileprivate(set) var attributes: [String: Attribute] = [:]
        /// Whether no gradient passes through it, which only graphs say that were made here.
        package fileprivate(set) var isDetached = false
        /// The entry of a table to which no gradient passes through this operator, as PyTorch's `padding_idx`.
        package fileprivate(set) var padding: Int?

        /// What its documentation says, where that is of use, and its further members.
        fileprivate(set) var note: String?
        fileprivate(set) var members: [ByteRegion] = []

        /// What the documentation of such an operator says.
        static let detachedNote = "modinspect: no gradient passes"
        /// What that of an operator that looks entries up says before the number of such an entry.
        static let paddingNote = "modinspect: no gradient passes to entry "

        /// What messages call it.
        package var subject: String {
            let label = name.isEmpty ? outputs.first ?? "" : name
            return "node '\(label)' (\(operation))"
        }
    }

    /// An input or output of the graph.
    package struct Value: Sendable {
        package fileprivate(set) var name = ""
        package fileprivate(set) var type = ElementType.undefined
        /// nil for a length that the file leaves open; nil altogether if it says nothing.
        package fileprivate(set) var shape: [Int?]?
        /// Whether it is a single tensor.
        package fileprivate(set) var isTensor = false
        /// What the model calls an output, where the file has another name for it.
        package fileprivate(set) var title: String?
        /// What is known of the length of sequences that the shape leaves open.
        package fileprivate(set) var lengths = SequenceLengths()
        /// Whether the shape was said by somebody who had samples, where the model's file left it open.
        package fileprivate(set) var isShapeGiven = false

        fileprivate init() {}

        /// A value of which nothing is known but its name.
        package init(name: String) { self.name = name }
    }

    /// A tensor of the checkpoint as the graph has it.
    package struct Stored: Sendable {
        /// The name in the checkpoint.
        package let tensor: String
        /// The shape in the file.
        package let shape: [Int]
        package let type: ElementType
        /// Whether the checkpoint has the first two dimensions the other way round.
        package let isTransposed: Bool
        /// Whether the model has learned it; nil if the file does not say.
        package private(set) var isLearned: Bool?
        /// Whether the file says of a parameter that training leaves it as it is.
        package let isKept: Bool

        package init(
            tensor: String, shape: [Int], type: ElementType, isTransposed: Bool, isLearned: Bool? = nil, isKept: Bool = false
        ) {
            self.tensor = tensor
            self.shape = shape
            self.type = type
            self.isTransposed = isTransposed
            self.isLearned = isLearned
            self.isKept = isKept
        }

        /// The slope of an activation with a parameter, which a model learns whatever it is called.
        fileprivate mutating func isSlope() { isLearned = isLearned ?? true }
    }

    /// Whether tf2onnx made the graph of one of TensorFlow.
    package private(set) var isOfTensorFlow = false
    /// The version of each set of operators, by its domain.
    package private(set) var versions: [String: Int] = [:]
    /// In the file's order, which need be no order of a run.
    package private(set) var nodes: [Node] = []
    package private(set) var inputs: [Value] = []
    package private(set) var outputs: [Value] = []
    /// By the names of values.
    package private(set) var stored: [String: Stored] = [:]
    /// The names of classes that ArrayFeatureExtractor chooses from, by the names of values.
    package private(set) var texts: [String: [String]] = [:]

    /// The same graph with the output that is the model's answer before the others.
    package func answering(with output: Value) -> ONNXModel {
        var model = self
        model.outputs.removeAll { $0.name == output.name }
        model.outputs.insert(output, at: 0)
        return model
    }

    private static let nodeLimit = 1 << 20
    private static let listLimit = 1 << 16
    /// The strings and numbers of all nodes together.
    private var budget = 1 << 23

    /// Reads the graph of a model's bytes; the tensors' numbers are not touched.
    ///
    /// - Throws: ``Problem`` if the message is damaged or holds no graph.
    package init(_ region: ByteRegion) throws(Problem) {
        var reader = ProtobufReader(region)
        var graph: ByteRegion?
        var producer = ""
        while let (field, value) = try reader.next() {
            switch field {
            case 2: producer = value.text() ?? ""
            case 7: graph = value.bytes
            case 8: if let bytes = value.bytes { try readVersion(bytes) }
            case 25: throw Problem("functions of its own are not run, only operators of ONNX")
            default: break
            }
        }
        guard let graph else { throw Problem("holds no graph", expected: "an ONNX model") }
        isOfTensorFlow = producer == "tf2onnx"
        let tensors = try ONNXGraph(graph)
        let learned = try LearnedValues(graph, producer: producer)
        for entry in try ONNX.stored(in: tensors) {
            stored[entry.value] = Stored(
                tensor: entry.name, shape: entry.tensor.shape, type: ElementType(rawValue: entry.tensor.type) ?? .undefined,
                isTransposed: ONNX.isTransposed(entry.tensor.shape, entry.use),
                isLearned: entry.tensor.isFixed ? false : learned[entry.value], isKept: entry.tensor.isKept)
        }
        try read(graph)
        for node in nodes where node.operation == "PRelu" && node.inputs.count > 1 { stored[node.inputs[1]]?.isSlope() }
        guard nodes.contains(where: { $0.operation == "ArrayFeatureExtractor" }) else { return }
        for message in tensors.initializers {
            let tensor = try ONNXTensor(message)
            if tensor.isText, let texts = try ONNXTensor.texts(of: message) { self.texts[tensor.name] = texts }
        }
    }

    private mutating func readVersion(_ message: ByteRegion) throws(Problem) {
        var reader = ProtobufReader(message)
        var (domain, version) = ("", 0)
        while let (field, value) = try reader.next() {
            if field == 1 { domain = value.text() ?? "" }
            if field == 2 { version = value.integer.flatMap { Int(exactly: $0) } ?? 0 }
        }
        guard versions.count < 256 else { throw Problem("names too many sets of operators", expected: "at most 256") }
        versions[domain == "ai.onnx" ? "" : domain] = version
    }

    private mutating func read(_ graph: ByteRegion) throws(Problem) {
        var reader = ProtobufReader(graph)
        while let (field, value) = try reader.next() {
            guard let bytes = value.bytes else { continue }
            switch field {
            case 1:
                guard nodes.count < Self.nodeLimit else { throw Problem("the graph has more than \(Self.nodeLimit) nodes") }
                nodes.append(try node(bytes))
            case 11: inputs.append(try Self.value(bytes, inputs.count))
            case 12: outputs.append(try Self.value(bytes, outputs.count))
            default: break
            }
        }
    }

    private mutating func take(_ count: Int) throws(Problem) {
        budget -= count
        guard budget > 0 else { throw Problem("the graph's nodes have too many inputs, outputs and settings") }
    }

    private mutating func node(_ message: ByteRegion) throws(Problem) -> Node {
        var node = Node()
        var repeated: String?
        var reader = ProtobufReader(message)
        while let (field, value) = try reader.next() {
            switch field {
            case 1: node.inputs.append(value.text() ?? "")
            case 2: node.outputs.append(value.text() ?? "")
            case 3: node.name = value.text() ?? ""
            case 4: node.operation = value.text() ?? ""
            case 5:
                if let bytes = value.bytes {
                    let (name, attribute) = try attribute(bytes, of: node)
                    if node.attributes.updateValue(attribute, forKey: name) != nil { repeated = name }
                }
            case 6:
                node.note = value.text().flatMap { $0.hasPrefix(Node.layerNote) ? $0 : nil }
                node.isDetached = node.note == nil && value.text() == Node.detachedNote
                node.padding = value.text().flatMap { text in
                    text.hasPrefix(Node.paddingNote) ? Int(text.dropFirst(Node.paddingNote.count)).flatMap { $0 < 0 ? nil : $0 } : nil
                }
            case 7:
                let domain = value.text() ?? ""
                node.domain = domain == "ai.onnx" ? "" : domain
            case 9: if let bytes = value.bytes { node.members.append(bytes) }
            default: break
            }
            try take(1)
        }
        if let repeated { throw Problem("has a setting twice", subject: node.subject, found: "'\(repeated)'") }
        return node
    }

    private mutating func attribute(_ message: ByteRegion, of node: Node) throws(Problem) -> (String, Attribute) {
        var name = ""
        var found: Attribute = .other
        var (reals, integers, texts): ([Double], [Int64], [String]) = ([], [], [])
        var type = 0
        var reader = ProtobufReader(message)
        while let (field, value) = try reader.next() {
            switch field {
            case 1: name = value.text() ?? ""
            case 2: if case .fixed32(let bits) = value { found = .real(Double(Float(bitPattern: bits))) }
            case 3: if let integer = value.integer { found = .integer(Int(integer)) }
            case 4: found = .text(value.text() ?? "")
            case 5: if let bytes = value.bytes { found = .tensor(Constant(tensor: try ONNXTensor(bytes))) }
            case 7: try value.append(to: &reals, limit: Self.listLimit)
            case 8: try value.append(to: &integers, limit: Self.listLimit)
            case 9: texts.append(value.text() ?? "")
            case 20: type = value.integer.flatMap { Int(exactly: $0) } ?? 0
            default: break
            }
        }
        try take(reals.count + integers.count + texts.count)
        // An empty list has its type alone.
        switch type {
        case 6: found = .reals(reals)
        case 7: found = .integers(integers.map { Int($0) })
        case 8: found = .texts(texts)
        default:
            if !reals.isEmpty { found = .reals(reals) }
            if !integers.isEmpty { found = .integers(integers.map { Int($0) }) }
            if !texts.isEmpty { found = .texts(texts) }
        }
        return (name, found)
    }

    private static func value(_ message: ByteRegion, _ count: Int) throws(Problem) -> Value {
        guard count < listLimit else { throw Problem("the graph has too many inputs or outputs", expected: "at most \(listLimit)") }
        var value = Value()
        var reader = ProtobufReader(message)
        while let (field, part) = try reader.next() {
            if field == 1 { value.name = part.text() ?? "" }
            if field == 3, let note = part.text() {
                value.lengths = SequenceLengths(note: note)
                value.isShapeGiven = note == ONNXFile.givenShapeNote
                if note.hasPrefix(ModelOutput.note) { value.title = String(note.dropFirst(ModelOutput.note.count)) }
            }
            guard field == 2, let type = part.bytes else { continue }
            var types = ProtobufReader(type)
            while let (kind, content) = try types.next() {
                guard kind == 1, let tensor = content.bytes else { continue }
                value.isTensor = true
                var fields = ProtobufReader(tensor)
                while let (field, part) = try fields.next() {
                    if field == 1 { value.type = part.integer.flatMap { ElementType(rawValue: Int($0)) } ?? .undefined }
                    if field == 2, let shape = part.bytes { value.shape = try lengths(shape) }
                }
            }
        }
        return value
    }

    private static func lengths(_ message: ByteRegion) throws(Problem) -> [Int?] {
        var shape: [Int?] = []
        var reader = ProtobufReader(message)
        while let (field, value) = try reader.next() {
            guard field == 1, let dimension = value.bytes else { continue }
            guard shape.count < 64 else { throw Problem("an input or output has too many dimensions", expected: "at most 64") }
            var length: Int?
            var parts = ProtobufReader(dimension)
            while let (field, part) = try parts.next() {
                if field == 1, let number = part.integer, number > 0 { length = Int(number) }
            }
            shape.append(length)
        }
        return shape
    }
}

extension ProtobufReader.Value {
    /// Appends the single-precision numbers of a repeated field, packed or one by one.
    fileprivate func append(to reals: inout [Double], limit: Int) throws(Problem) {
        switch self {
        case .fixed32(let bits): reals.append(Double(Float(bitPattern: bits)))
        case .bytes(let region):
            guard region.count % 4 == 0, region.count / 4 <= limit else {
                throw Problem("has a list that is not of single-precision numbers", found: "\(region.count) bytes")
            }
            for place in stride(from: 0, to: region.count, by: 4) {
                if let bits: UInt32 = region.integer(at: place, as: UInt32.self) { reals.append(Double(Float(bitPattern: bits))) }
            }
        default: throw Problem("has a list that is not of single-precision numbers")
        }
        guard reals.count <= limit else { throw Problem("has too many numbers", expected: "at most \(limit)") }
    }
}
