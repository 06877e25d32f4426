import Archives
import Text

/// What an ONNX file says about which of its tensors the model has learned: notes of graphs that were made here, and what PyTorch's exporter
/// of programs (`dynamo=True`) writes about the parameters and buffers of a program and what it computed of them.
struct LearnedValues {
    /// Whether everything without a note is learned.
    let isOwn: Bool
    /// By the names of values.
    private var kinds: [String: Bool] = [:]
    /// The tensors of the program that a tensor was computed of, by its name.
    private var origins: [String: [String]] = [:]
    /// Whether the program's tensors are parameters, by their names.
    private var program: [String: Bool] = [:]
    /// The names of the program's tensors by those of its arguments: `p_fc_weight`.
    private var arguments: [String: String] = [:]

    private static let entryLimit = 1 << 18

    /// - Parameters:
    ///   - graph: the message of the graph.
    ///   - producer: the program that wrote the model.
    /// - Throws: ``Problem`` if the message is damaged.
    init(_ graph: ByteRegion, producer: String) throws(Problem) {
        isOwn = producer == ONNXGraphWriter.producer
        var reader = ProtobufReader(graph)
        while let (field, value) = try reader.next() {
            guard let bytes = value.bytes else { continue }
            if field == 13 { try readValue(bytes) }
            if field == 16, let (key, text) = try Self.entry(bytes), key == "pkg.torch.export.ExportedProgram.graph_signature" {
                readSignature(text)
            }
        }
        for (name, isParameter) in kinds { program[name] = program[name] ?? isParameter }
    }

    /// Whether the model has learned a value's numbers; nil if the file does not say.
    subscript(value: String) -> Bool? {
        if isOwn { return true }
        if let kind = kinds[value] ?? program[value] { return kind }
        // Without a list of the parameters, what something was computed of says nothing.
        guard !program.isEmpty, let origins = origins[value] else { return nil }
        return origins.contains { program[$0] == true }
    }

    /// The parameters that the exporter computed a tensor of, such as a square, so that the file has them in that form alone or beside; none where
    /// the tensor is a parameter itself, or one in another order.
    func parameters(computedInto value: String) -> [String] {
        guard !isOwn, program[value] == nil, let origins = origins[value] else { return [] }
        let isComputed = ([value] + origins).contains { program[$0] == nil && !Self.rearrangements.contains(Self.operation($0)) }
        return isComputed ? origins.filter { program[$0] == true }.sorted() : []
    }

    /// The operations that only put numbers into another order, and what the exporter calls values that are no operation's of the program.
    private static let rearrangements: Set<Substring> = [
        "val", "t", "transpose", "permute", "view", "_unsafe_view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "slice",
        "select",
        "split", "split_with_sizes", "chunk", "unbind", "getitem", "clone", "contiguous", "alias", "movedim", "numpy_T", "mT",
    ]

    /// The operation that a value is called after: `permute` of `permute_3`.
    private static func operation(_ value: String) -> Substring {
        guard let end = value.lastIndex(of: "_"), value[value.index(after: end)...].utf8.allSatisfy({ (48...57).contains($0) }) else {
            return value[...]
        }
        return value[..<end]
    }

    /// The parameters that a tensor was computed of, and in how many steps: none, for one that is a parameter itself.
    ///
    /// - Returns: nil if the file does not say.
    func parameters(of value: String) -> (parameters: [String], steps: Int)? {
        if let kind = kinds[value] ?? program[value] { return kind ? ([value], 0) : ([], 0) }
        guard !program.isEmpty, let origins = origins[value] else { return nil }
        return (origins.filter { program[$0] == true }, origins.count)
    }

    /// The tensors that an operation of the program reads, by the text of its call: `%p_fc_weight`.
    func targets(in call: String) -> [String] {
        guard !arguments.isEmpty else { return [] }
        return call.split(separator: "%").dropFirst().compactMap { part in
            arguments[String(part.prefix { $0 == "_" || $0.isLetter || $0.isNumber })]
        }
    }

    private mutating func readValue(_ message: ByteRegion) throws(Problem) {
        guard kinds.count + origins.count < Self.entryLimit else { return }
        var name = ""
        var entries: [(key: String, value: String)] = []
        var reader = ProtobufReader(message)
        while let (field, value) = try reader.next() {
            if field == 1 { name = value.text() ?? "" }
            if field == 4, let bytes = value.bytes, entries.count < 64, let entry = try Self.entry(bytes) { entries.append(entry) }
        }
        for (key, value) in entries {
            switch key {
            case "pkg.torch.export.graph_signature.InputSpec.kind": kinds[name] = value == "PARAMETER"
            case "pkg.onnxscript.optimizer.folded_from": origins[name] = Self.quoted(value)
            default: break
            }
        }
    }

    /// The tensors of a signature as PyTorch prints it: `p_fc_weight: PARAMETER target='fc.weight'` on lines of their own, or
    /// `InputSpec(kind=<InputKind.PARAMETER: 2>, ..., target='fc.weight', ...)` in one.
    private mutating func readSignature(_ text: String) {
        let specifications = text.replacing("InputSpec(", with: "\n").replacing("OutputSpec(", with: "\n")
        for line in specifications.split(separator: "\n") {
            guard let target = line.firstRange(of: "target='") else { continue }
            let name = line[target.upperBound...].prefix { $0 != "'" }
            let kinds = ["PARAMETER": true, "BUFFER": false, "CONSTANT_TENSOR": false]
            for (kind, isParameter) in kinds where line.contains(": \(kind) ") || line.contains("InputKind.\(kind):") {
                program[String(name)] = isParameter
                if let argument = Self.argument(line) { arguments[argument] = String(name) }
            }
        }
    }

    /// The argument that a line of a signature begins with, or names: `p_fc_weight: PARAMETER` or `TensorArgument(name='p_fc_weight')`.
    private static func argument(_ line: Substring) -> String? {
        if let start = line.firstRange(of: "Argument(name='") { return String(line[start.upperBound...].prefix { $0 != "'" }) }
        guard let end = line.firstIndex(of: ":"), line.firstIndex(of: "(") ?? line.endIndex > end else { return nil }
        return String(line[..<end].drop { $0 == " " })
    }

    /// The texts of a list as Python prints it: `['a', 'b']`.
    private static func quoted(_ list: String) -> [String] {
        list.split(separator: "'", omittingEmptySubsequences: false).enumerated().compactMap { $0 % 2 == 1 ? String($1) : nil }
    }

    /// A key and its text, which may be long: it lists all tensors of a model.
    private static func entry(_ message: ByteRegion) throws(Problem) -> (key: String, value: String)? {
        var (key, text): (String?, String?)
        var reader = ProtobufReader(message)
        while let (field, value) = try reader.next() {
            if field == 1 { key = value.text() }
            if field == 2 { text = value.text(limit: 1 << 24) }
        }
        guard let key, let text else { return nil }
        return (key, text)
    }
}
