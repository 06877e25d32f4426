import Archives
import Text

/// The same graph with other messages for its tensors.
extension ONNXFile {
    /// The message of a tensor, and whether its numbers have to be cast to the type that the graph reads.
    typealias Rewritten = (message: [UInt8], isCast: Bool)

    /// The model with another message for each tensor that a checkpoint has; constants of nodes become tensors of the graph. A tensor of another
    /// type keeps its name, and a Cast makes what the operators read.
    ///
    /// - Parameters:
    ///   - merged: the vectors that become tensors of their own.
    ///   - copies: the tensors that become others, turned round.
    static func rewritten(
        _ region: ByteRegion, dividing merged: MergedVectors? = nil, making copies: [ONNXCopies.Copy] = [],
        _ tensor: (ONNX.StoredTensor) throws(Problem) -> Rewritten
    ) throws(Problem) -> [UInt8] {
        var model = ProtobufWriter()
        var reader = ProtobufReader(region)
        while let (field, value) = try reader.next() {
            if field == 7, let graph = value.bytes {
                model.append(7, try rewritten(graph: graph, merged, copies, tensor))
            } else {
                model.append(field, value)
            }
        }
        return model.bytes
    }

    private static func rewritten(
        graph message: ByteRegion, _ merged: MergedVectors?, _ copies: [ONNXCopies.Copy],
        _ tensor: (ONNX.StoredTensor) throws(Problem) -> Rewritten
    ) throws(Problem) -> [UInt8] {
        var nodes = try ONNXGraph(message)
        if let merged { try nodes.divide(merged) }
        if !copies.isEmpty { try nodes.make(copies) }
        // Those of graphs inside nodes stay in them.
        let stored = try ONNX.stored(in: nodes).filter { !$0.isInner }
        let constants = Set(stored.map(\.value))
        var names = UniqueNames(separator: "#")
        for node in nodes.nodes { for output in node.outputs { _ = names.take(output) } }
        var graph = ProtobufWriter()
        var messages: [[UInt8]] = []
        var casts: [String: String] = [:]
        for entry in stored {
            let (message, isCast) = try tensor(entry)
            messages.append(message)
            guard isCast else { continue }
            let made = names.unused(entry.value + ".cast")
            casts[entry.value] = made
            graph.append(1, cast(entry, to: made))
        }
        for copy in copies { graph.append(1, node(making: copy, of: casts[copy.source] ?? copy.source)) }
        let made = Set(copies.map(\.value))
        var reader = ProtobufReader(message)
        while let (field, value) = try reader.next() {
            // What a node makes is no input.
            if field == 11, !made.isEmpty, let input = value.bytes, made.contains(try name(of: input)) { continue }
            if field == 5, let tensor = value.bytes, try !ONNXTensor(tensor).isText { continue }
            if field == 1, let node = value.bytes {
                let (operation, output) = try self.made(by: node)
                if operation == "Constant", constants.contains(output) { continue }
                if operation == "Identity", merged?.identities.contains(output) == true { continue }
                let inputs = merged?.inputs[output] ?? [:]
                if !casts.isEmpty || !inputs.isEmpty {
                    graph.append(1, try renamed(node, casts, inputs))
                    continue
                }
            }
            // What is said of tensors among the inputs, or of values, is of another type now.
            if field == 11 || field == 13, let input = value.bytes, casts[try name(of: input)] != nil { continue }
            if field == 12, let output = value.bytes, casts[try name(of: output)] != nil {
                throw Problem("is an output of the graph and cannot be of another type", subject: "tensor '\(try name(of: output))'")
            }
            graph.append(field, value)
        }
        for message in messages { graph.append(5, message) }
        return graph.bytes
    }

    private static func cast(_ entry: ONNX.StoredTensor, to output: String) -> [UInt8] {
        var type = ProtobufWriter()
        type.append(1, "to")
        type.append(3, UInt64(entry.tensor.type))
        type.append(20, 2 as UInt64)
        var node = ProtobufWriter()
        node.append(1, entry.value)
        node.append(2, output)
        node.append(4, "Cast")
        node.append(5, type.bytes)
        return node.bytes
    }

    private static func node(making copy: ONNXCopies.Copy, of source: String) -> [UInt8] {
        var node = ProtobufWriter()
        node.append(1, source)
        node.append(2, copy.value)
        node.append(4, copy.isTurned ? "Transpose" : "Identity")
        guard copy.isTurned else { return node.bytes }
        var order = ProtobufWriter()
        order.append(1, "perm")
        for place: UInt64 in [1, 0] { order.append(8, place) }
        order.append(20, 7 as UInt64)
        node.append(5, order.bytes)
        return node.bytes
    }

    /// A node that reads other values, by their names or their places.
    ///
    /// - Throws: ``Problem`` if it holds a graph of its own, whose readers are not renamed.
    private static func renamed(_ message: ByteRegion, _ names: [String: String], _ inputs: [Int: String]) throws(Problem) -> [UInt8] {
        var node = ProtobufWriter()
        var place = 0
        var reader = ProtobufReader(message)
        while let (field, value) = try reader.next() {
            if field == 5, !names.isEmpty, let attribute = value.bytes, try holdsGraph(attribute) {
                throw Problem("a graph with branches or loops is not written with numbers of another type")
            }
            guard field == 1, let name = value.text() else {
                node.append(field, value)
                continue
            }
            let own = inputs[place] ?? name
            node.append(1, names[own] ?? own)
            place += 1
        }
        return node.bytes
    }

    private static func holdsGraph(_ attribute: ByteRegion) throws(Problem) -> Bool {
        var reader = ProtobufReader(attribute)
        while let (field, _) = try reader.next() { if field == 6 || field == 11 { return true } }
        return false
    }

    private static func name(of value: ByteRegion) throws(Problem) -> String {
        var reader = ProtobufReader(value)
        while let (field, part) = try reader.next() { if field == 1 { return part.text() ?? "" } }
        return ""
    }

    /// A node's operator and its first output.
    private static func made(by message: ByteRegion) throws(Problem) -> (operation: String, output: String) {
        var reader = ProtobufReader(message)
        var (operation, output): (String, String?) = ("", nil)
        while let (field, value) = try reader.next() {
            if field == 2, output == nil { output = value.text() ?? "" }
            if field == 4 { operation = value.text() ?? "" }
        }
        return (operation, output ?? "")
    }
}
