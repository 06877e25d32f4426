import Archives
import Text

/// ONNX models: a protocol buffers message whose graph holds the weights, or names files in the same folder that hold them.
///
/// A matrix is transposed to [out, in] as required by the operation that reads it: the graph decides what the shapes alone do not.
enum ONNX {
    static let format = "ONNX"

    /// Whether the file begins as an ONNX model: with the version of its format, then one of the fields that follow.
    static func isRecognised(_ head: [UInt8]) -> Bool {
        guard head.count >= 4, head[0] == 0x08, (3...64).contains(head[1]) else { return false }
        return [0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42, 0x72].contains(head[2])
    }

    /// Reads a model's weights.
    ///
    /// - Parameters:
    ///   - neighbours: finds the files in the model's folder.
    ///   - path: the file, for messages.
    /// - Throws: ``Problem`` if the message is damaged or holds no graph.
    static func read(_ region: ByteRegion, neighbours: Neighbours, path: String) throws(Problem) -> WeightFile {
        do throws(Problem) {
            guard let message = try graph(region) else { throw Problem("holds no graph", expected: "an ONNX model") }
            var graph = try ONNXGraph(message)
            let learned = try LearnedValues(message, producer: try producer(region))
            let merged = try MergedVectors(graph, learned: learned, neighbours: neighbours)
            try graph.divide(merged)
            var stored = try stored(in: graph)
            let copies = ONNXCopies(stored, learned: learned, neighbours: neighbours)
            if !copies.made.isEmpty {
                try graph.make(copies.made)
                stored = try self.stored(in: graph)
            }
            let file = try weights(of: graph, stored, copies, neighbours, path)
            // Classical models keep their numbers in the settings of operators.
            if file.models.allSatisfy({ $0.tensors.isEmpty && $0.unreadable.isEmpty }),
                let node = graph.nodes.first(where: { $0.domain == "ai.onnx.ml" })
            {
                let name = node.name.isEmpty ? node.outputs.first ?? "" : node.name
                throw Problem(
                    "holds no tensors, only settings of operators of ai.onnx.ml, which are not read as weights",
                    found: "node '\(name)' (\(node.operation))")
            }
            var module = SavedModule(opaque: SavedModule.graph)
            module.graphFile =
                merged.copies.isEmpty && copies.made.isEmpty
                ? region : try ONNXFile.withoutNumbers(region, dividing: merged, making: copies.made)
            (module.dividedVectors, module.guessedVectors) = (merged.names(ifSaid: true), merged.names(ifSaid: false))
            module.equalMatrices = (copies.seconds + copies.made).filter { !$0.isDeclared }.map { ($0.value, $0.source) }
            module.computedTensors = copies.computed
            module.mergedMatrices = MergedMatrices(graph, stored, learned: learned).names
            module.undecidedMatrices = copies.undecided.map { ($0.value, $0.source) }
            module.readings = GraphReadings(graph, stored, learned)
            return file.with(module)
        } catch {
            throw error.at(path: path)
        }
    }

    /// The files in the model's folder that hold its tensors.
    static func neighbours(of region: ByteRegion) throws(Problem) -> Set<String> {
        guard let message = try graph(region) else { return [] }
        var names: Set<String> = []
        for initializer in try ONNXGraph(message).initializers {
            if let location = try ONNXTensor(initializer).location { names.insert(location) }
        }
        return names
    }

    /// The message of a model's graph; nil if it has none.
    static func graph(_ region: ByteRegion) throws(Problem) -> ByteRegion? {
        var reader = ProtobufReader(region)
        var graph: ByteRegion?
        while let (field, value) = try reader.next() {
            if field == 7 { graph = value.bytes }
        }
        return graph
    }

    /// The program that wrote a model; empty if the model does not say.
    private static func producer(_ region: ByteRegion) throws(Problem) -> String {
        var reader = ProtobufReader(region)
        while let (field, value) = try reader.next() { if field == 2 { return value.text() ?? "" } }
        return ""
    }

    /// A tensor of a graph as the checkpoint has it.
    struct StoredTensor {
        /// The name of the value in the graph.
        let value: String
        /// The tensor's name in the checkpoint.
        let name: String
        let tensor: ONNXTensor
        let use: ONNXUses.Use?
        /// Whether it belongs to a graph inside a node.
        let isInner: Bool
        /// The name of the module whose weight or bias it is, with that of the part, where an exporter made its own name up and says the module.
        let moduleName: String?
        /// Whether a node of the graph holds it.
        let isConstant: Bool
    }

    /// The tensors of a graph that belong to a checkpoint, in the order of the file. Texts, such as the names of classes, remain the graph's.
    static func stored(in graph: ONNXGraph) throws(Problem) -> [StoredTensor] {
        var stored: [(name: String, tensor: ONNXTensor, isConstant: Bool)] = []
        // The places of tensors that mean something in a graph inside a node alone.
        var inner: Set<Int> = []
        for (place, message) in graph.initializers.enumerated() {
            let tensor = try ONNXTensor(message)
            guard !tensor.isText else { continue }
            if graph.innerInitializers.contains(place) { inner.insert(stored.count) }
            stored.append((tensor.name, tensor, false))
        }
        for node in graph.nodes where node.operation == "Constant" {
            guard let message = node.tensors["value"], let output = node.outputs.first else { continue }
            let tensor = try ONNXTensor(message)
            guard !tensor.isText else { continue }
            if node.isInner { inner.insert(stored.count) }
            stored.append((output, tensor, true))
        }
        let own = Set(stored.map(\.name))
        let uses = ONNXUses(graph, stored: own)
        let better = uses.names.merging(KerasNames(graph, stored: own).names) { $1 }
        let names = finalNames(stored.map(\.name), inner, better)
        var tensors: [StoredTensor] = []
        for (place, entry) in stored.enumerated() {
            let use = uses.uses[entry.name]
            // Other constants are axes, shapes and scales of the computation.
            if entry.isConstant, !isOfModel(entry.tensor, use) { continue }
            tensors.append(
                StoredTensor(
                    value: entry.name, name: names[place], tensor: entry.tensor, use: use, isInner: inner.contains(place),
                    moduleName: better[entry.name], isConstant: entry.isConstant))
        }
        return tensors
    }

    /// Whether a constant of a node is a tensor of the model, not an axis, a shape or a number of the computation.
    private static func isOfModel(_ tensor: ONNXTensor, _ use: ONNXUses.Use?) -> Bool {
        switch use {
        case nil: false
        case .parameter?: tensor.isOfWeights
        case .element?: tensor.isOfWeights && tensor.shape.contains { $0 > 1 }
        default: true
        }
    }

    /// Whether the checkpoint has the first two dimensions of a tensor the other way round than the file.
    static func isTransposed(_ shape: [Int], _ use: ONNXUses.Use?) -> Bool {
        switch use {
        case .matrix(isTransposed: true)?: shape.count == 2
        case .transposedConvolution(groups: 1)?: shape.count >= 2
        default: false
        }
    }

    private static func weights(
        of graph: ONNXGraph, _ stored: [StoredTensor], _ copies: ONNXCopies, _ neighbours: Neighbours, _ path: String
    ) throws(Problem) -> WeightFile {
        var tensors: [TensorRecord] = []
        var unreadable: [UnreadableTensor] = []
        for entry in stored {
            do throws(Problem) {
                if case .quantised(let operation)? = entry.use {
                    throw Problem("is quantised for \(operation), which is not decoded")
                }
                tensors.append(try entry.tensor.record(name: entry.name, neighbours: neighbours).read(as: entry.use))
            } catch {
                unreadable.append(
                    UnreadableTensor(
                        name: entry.name, dtype: entry.tensor.typeName, shape: entry.tensor.shape, problem: error, path: path))
            }
        }
        copies.apply(to: &tensors, stored)
        for (place, message) in graph.sparse.enumerated() { unreadable.append(try sparse(message, place, path)) }
        return WeightFile(
            format: format, models: [.init(key: "", tensors: tensors, unreadable: unreadable)],
            keepsOrder: isOrdered(graph, stored.map(\.value)))
    }

    /// A tensor of which only some elements are stored, its values being its first field.
    private static func sparse(_ message: ByteRegion, _ place: Int, _ path: String) throws(Problem) -> UnreadableTensor {
        var values: ONNXTensor?
        var reader = ProtobufReader(message)
        while let (field, value) = try reader.next() {
            if field == 1, let bytes = value.bytes { values = try ONNXTensor(bytes) }
        }
        let name = values?.name ?? ""
        return UnreadableTensor(
            name: name.isEmpty ? "sparse.\(place)" : name, dtype: values?.typeName, problem: Problem("a sparse tensor is not supported"),
            path: path)
    }

    /// The tensors' names, replaced by better ones if no other tensor has them. Graphs inside nodes may have tensors of the same names, which are
    /// told apart by numbers.
    private static func finalNames(_ own: [String], _ inner: Set<Int>, _ better: [String: String]) -> [String] {
        var taken = Set(own)
        var seen = Set(own.enumerated().lazy.filter { !inner.contains($0.offset) }.map(\.element))
        var names = UniqueNames(separator: "#")
        for name in taken { _ = names.take(name) }
        return own.enumerated().map { place, name in
            if inner.contains(place), !seen.insert(name).inserted { return names.unused(name) }
            if let better = better[name], taken.insert(better).inserted { return better }
            return name.isEmpty ? "initializer.\(place)" : name
        }
    }

    /// Whether the tensors are in the order in which the graph reads them.
    private static func isOrdered(_ graph: ONNXGraph, _ stored: [String]) -> Bool {
        var first: [String: Int] = [:]
        for (place, node) in graph.nodes.enumerated() {
            for input in node.inputs where first[input] == nil { first[input] = place }
        }
        let order = stored.compactMap { first[$0] }
        return zip(order, order.dropFirst()).allSatisfy { $0 <= $1 }
    }
}

extension TensorRecord {
    /// The same elements as the operation that reads them means them, out-neurons first.
    fileprivate func read(as use: ONNXUses.Use?) throws(Problem) -> TensorRecord {
        func view(_ shape: [Int], _ strides: [Int]) throws(Problem) -> TensorRecord {
            guard strides.allSatisfy({ $0 >= 0 }), dtype.elementsPerBlock == 1 else { return self }
            return try TensorRecord(name: name, dtype: dtype, shape: shape, strides: strides, offset: 0, storage: bytes)
        }
        switch use {
        case .matrix(isTransposed: true)? where shape.count == 2: return try view([shape[1], shape[0]], [1, shape[1]])
        case .transposedConvolution(groups: 1)? where shape.count >= 2:
            var strides = [Int](repeating: 1, count: shape.count)
            for place in (0..<shape.count - 1).reversed() { strides[place] = strides[place + 1] * shape[place + 1] }
            return try view([shape[1], shape[0]] + shape[2...], [strides[1], strides[0]] + strides[2...])
        case .recurrent? where shape.count == 3:
            return try TensorRecord(name: name, dtype: dtype, shape: [shape[0] * shape[1], shape[2]], bytes: bytes)
        default: return self
        }
    }
}
