import Archives
import Text

/// Writes a graph of operators as an ONNX model without the numbers of its tensors, operator by operator.
///
/// The model is kept beside the weights, as that of an ONNX file is, and gets their numbers where it is written as ONNX.
package struct ONNXGraphWriter {
    /// A setting of an operator.
    package enum Attribute: Sendable {
        case integer(Int)
        case integers([Int])
        case real(Float)
        case reals([Float])
        case text(String)
        /// A tensor of one number of double precision, without a dimension.
        case double(Double)
    }

    /// The version of the operators: the first in which layer norm, GELU and Mish are operators.
    private static let version: UInt64 = 20
    /// The version of the format that goes with it.
    private static let format: UInt64 = 9

    /// What the models that it writes say wrote them.
    static let producer = "modinspect"

    private var graph = ProtobufWriter()
    private var names = UniqueNames(separator: "#")

    private var types: [String: ElementType] = [:]

    /// The documentation of operators that have none of their own.
    var note: String?

    package init() { graph.append(2, "graph") }

    /// A name that no value has yet.
    package mutating func unused(_ name: String) -> String { names.unused(name) }

    /// The type of a value's elements.
    package func type(of value: String) -> ElementType { types[value] ?? .float }

    /// Adds an operator.
    ///
    /// - Parameters:
    ///   - output: the name of its output, which must be ``unused(_:)``; one is made of the operator's if nil.
    ///   - note: the operator's documentation.
    /// - Returns: the name of its output.
    @discardableResult
    package mutating func add(
        _ operation: String, _ inputs: [String], _ attributes: [(String, Attribute)] = [], output: String? = nil, note: String? = nil
    ) -> String {
        let output = output ?? unused(operation)
        types[output] = resultType(operation, inputs, attributes)
        var node = ProtobufWriter()
        for input in inputs { node.append(1, input) }
        node.append(2, output)
        node.append(4, operation)
        if let note = note ?? self.note { node.append(6, note) }
        for (name, value) in attributes {
            var attribute = ProtobufWriter()
            attribute.append(1, name)
            switch value {
            case .real(let number):
                attribute.append(2, number)
                attribute.append(20, 1 as UInt64)
            case .reals(let numbers):
                for number in numbers { attribute.append(7, number) }
                attribute.append(20, 6 as UInt64)
            case .integer(let number):
                attribute.append(3, UInt64(bitPattern: Int64(number)))
                attribute.append(20, 2 as UInt64)
            case .double(let number):
                var tensor = ProtobufWriter()
                tensor.append(2, UInt64(ElementType.double.rawValue))
                tensor.append(9, withUnsafeBytes(of: number.bitPattern.littleEndian) { Array($0) })
                attribute.append(5, tensor.bytes)
                attribute.append(20, 4 as UInt64)
            case .text(let text):
                attribute.append(4, text)
                attribute.append(20, 3 as UInt64)
            case .integers(let numbers):
                for number in numbers { attribute.append(8, UInt64(bitPattern: Int64(number))) }
                attribute.append(20, 7 as UInt64)
            }
            node.append(5, attribute.bytes)
        }
        graph.append(1, node.bytes)
        return output
    }

    /// Whole numbers that the graph fixes: a list, or a single one without a dimension.
    package mutating func constant(_ numbers: [Int]) -> String { add("Constant", [], [("value_ints", .integers(numbers))]) }
    package mutating func constant(_ number: Int) -> String { add("Constant", [], [("value_int", .integer(number))]) }
    package mutating func constant(_ number: Float) -> String { add("Constant", [], [("value_float", .real(number))]) }

    package mutating func constant(_ numbers: [Float]) -> String { add("Constant", [], [("value_floats", .reals(numbers))]) }

    /// A matrix of fixed numbers, row after row.
    package mutating func constant(_ numbers: [Float], columns: Int) -> String {
        add("Reshape", [constant(numbers), constant([-1, columns])])
    }

    /// The same value, through which no gradient passes. ONNX has no operator for that: the operator's documentation says it.
    package mutating func detached(_ value: String, output: String? = nil) -> String {
        add("Identity", [value], output: output, note: ONNXModel.Node.detachedNote)
    }

    /// Entries of a table by their numbers.
    ///
    /// - Parameter padding: an entry to which no gradient passes, as PyTorch's `padding_idx`; the operator's documentation says it, as ONNX has
    ///   no setting for that.
    package mutating func entries(_ table: String, _ numbers: String, padding: Int?, output: String? = nil) -> String {
        add("Gather", [table, numbers], output: output, note: padding.map { ONNXModel.Node.paddingNote + "\($0)" })
    }

    /// A matrix of the checkpoint as the factor of a product that reads it as it is stored. Read directly it would be taken for the [in, out] of a
    /// linear layer, which a checkpoint has the other way round.
    package mutating func factor(_ tensor: String) -> String { add("Reshape", [tensor, constant([0, 0])]) }

    /// Each row without its mean, divided by its standard deviation: a layer norm without weights, over the last `count` dimensions.
    package mutating func normalized(_ value: String, over count: Int = 1, epsilon: Float, output: String) -> String {
        let last = constant(Array(-count..<0))
        let mean = add("ReduceMean", [value, last], [("keepdims", .integer(1))])
        let difference = add("Sub", [value, mean])
        let variance = add("ReduceMean", [add("Mul", [difference, difference]), last], [("keepdims", .integer(1))])
        return add("Div", [difference, add("Sqrt", [add("Add", [variance, constant(epsilon)])])], output: output)
    }

    /// Declares a tensor of the checkpoint, which has the same name.
    ///
    /// - Parameters:
    ///   - isFixed: whether the model has it without having learned it.
    ///   - isKept: whether training leaves it as it is although it is a parameter.
    /// - Throws: ``Problem`` for a type that ONNX does not have, and for a name that another value has.
    package mutating func declare(tensor record: TensorRecord, isFixed: Bool = false, isKept: Bool = false) throws(Problem) {
        let subject = "tensor '\(record.name)'"
        guard let type = ONNXTensor.number(of: record.dtype) else {
            throw Problem("is of a type that ONNX does not have", subject: subject, found: record.dtype.rawValue)
        }
        guard names.take(record.name) else { throw Problem("has the name of another value of the graph", subject: subject) }
        types[record.name] = ElementType(rawValue: Int(type))
        var message = ProtobufWriter()
        for length in record.shape { message.append(1, UInt64(length)) }
        message.append(2, UInt64(type))
        message.append(8, record.name)
        // Without a place the elements are nowhere: only the checkpoint has them.
        message.append(14, 1 as UInt64)
        if isFixed || isKept { message.append(12, isFixed ? ONNXTensor.fixedNote : ONNXTensor.keptNote) }
        graph.append(5, message.bytes)
    }

    /// Declares the input of the graph.
    ///
    /// - Parameters:
    ///   - shape: nil for lengths that are open, the number of samples among them.
    ///   - lengths: what is known of sequences whose length is open.
    package mutating func declare(
        input name: String, type: ElementType, shape: [Int?], lengths: SequenceLengths = SequenceLengths()
    ) {
        _ = names.take(name)
        types[name] = type
        graph.append(11, value(name, shape: shape, note: lengths.note))
    }

    /// Declares an output of the graph.
    ///
    /// - Parameter title: what the model calls it; nil if it has no name.
    package mutating func declare(output name: String, shape: [Int?], title: String? = nil) {
        graph.append(12, value(name, shape: shape, note: title.map { ModelOutput.note + $0 }))
    }

    private func value(_ name: String, shape: [Int?], note: String? = nil) -> [UInt8] {
        var lengths = ProtobufWriter()
        for (place, length) in shape.enumerated() {
            var dimension = ProtobufWriter()
            if let length { dimension.append(1, UInt64(length)) } else { dimension.append(2, place == 0 ? "samples" : "length\(place)") }
            lengths.append(1, dimension.bytes)
        }
        var tensor = ProtobufWriter()
        tensor.append(1, UInt64(type(of: name).rawValue))
        tensor.append(2, lengths.bytes)
        var type = ProtobufWriter()
        type.append(1, tensor.bytes)
        var value = ProtobufWriter()
        value.append(1, name)
        value.append(2, type.bytes)
        if let note { value.append(3, note) }
        return value.bytes
    }

    /// The model.
    package var model: ByteRegion {
        var operators = ProtobufWriter()
        operators.append(1, "")
        operators.append(2, Self.version)
        var model = ProtobufWriter()
        model.append(1, Self.format)
        model.append(2, Self.producer)
        model.append(7, graph.bytes)
        model.append(8, operators.bytes)
        return ByteRegion(copying: model.bytes)
    }
}
