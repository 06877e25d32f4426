import Archives
import Text

/// Files that Flax writes with `to_bytes` and `msgpack_serialize`: nested maps of arrays.
///
/// Names are the maps' keys joined by dots, without the collection `params`, which holds all trained weights. A `kernel` [..., in, out] is
/// transposed to [out, in, ...], the order of all other tensors.
enum Flax {
    /// Whether the file begins as a map of MessagePack whose first key is text.
    static func isRecognised(_ head: [UInt8]) -> Bool {
        func isText(_ tag: UInt8?) -> Bool { tag.map { (0xA1...0xBF).contains($0) || $0 == 0xD9 } ?? false }
        switch head.first {
        case .some(0x81...0x8F): return isText(head.dropFirst().first)
        case 0xDE: return isText(head.dropFirst(3).first)
        case 0xDF: return isText(head.dropFirst(5).first)
        default: return false
        }
    }

    /// Reads a file's weights.
    ///
    /// - Parameter path: the file, for messages.
    /// - Throws: ``Problem`` if the file is damaged or holds no arrays.
    static func read(_ region: ByteRegion, path: String) throws(Problem) -> WeightFile {
        let root: MessagePackValue
        do throws(Problem) {
            root = try MessagePackReader.read(region)
        } catch {
            throw error.at(path: path)
        }
        let (model, key) = Self.model(root)
        var collector = Collector(path: path)
        try collector.collect(model, name: "")
        guard !collector.tensors.isEmpty || !collector.unreadable.isEmpty else { throw Problem(path: path, problem: "holds no arrays") }
        return WeightFile(
            format: "Flax msgpack", models: [.init(key: key, tensors: collector.tensors, unreadable: collector.unreadable)],
            keepsOrder: false)
    }

    /// The weights among what a training state holds, without the optimiser's and the collection's own name.
    private static func model(_ root: MessagePackValue) -> (MessagePackValue, key: String) {
        guard var members = root.members else { return (root, "") }
        members.removeAll { TrainingKeys.isExcluded(key: $0.key) || $0.key == "step" }
        var params = members.first { $0.key == "params" }?.value
        guard params?.members != nil else { return (.map(members), "") }
        // A training state keeps the whole variables there, which have the collection inside.
        if let inner = params?.member("params"), inner.members != nil, params?.members?.allSatisfy({ $0.value.members != nil }) == true {
            members += params?.members?.filter { $0.key != "params" } ?? []
            params = inner
        }
        // Statistics and other collections keep their name before those of the modules.
        return (.map((params?.members ?? []) + members.filter { $0.key != "params" && $0.value.members != nil }), "")
    }

    private struct Collector {
        let path: String
        var tensors: [TensorRecord] = []
        var unreadable: [UnreadableTensor] = []
        private var nameBudget = 1 << 26

        init(path: String) { self.path = path }

        mutating func collect(_ value: MessagePackValue, name: String) throws(Problem) {
            nameBudget -= name.utf8.count + 16
            guard nameBudget > 0 else { throw Problem(path: path, problem: "has longer names than a model has") }
            switch value {
            case .map(let members):
                if isArray(value) { return try add(name) { name throws(Problem) in try Self.record(value, name: name) } }
                let bias = members.first { $0.key == "bias" }.flatMap { Self.shape($0.value) }
                for member in members {
                    let inner = name.isEmpty ? member.key : name + "." + member.key
                    guard member.key == "kernel", isArray(member.value) else {
                        try collect(member.value, name: inner)
                        continue
                    }
                    let kernel = KernelLayout(module: name.split(separator: ".").last ?? "", bias: bias)
                    try add(inner) { name throws(Problem) in try kernel.outputFirst(Self.record(member.value, name: name)) }
                }
            case .list(let values):
                for (place, value) in values.enumerated() { try collect(value, name: name.isEmpty ? String(place) : "\(name).\(place)") }
            case .extended where isArray(value): try add(name) { name throws(Problem) in try Self.record(value, name: name) }
            default: break
            }
        }

        /// Whether the value is an array, whole or in chunks, or a scalar of numpy.
        private func isArray(_ value: MessagePackValue) -> Bool {
            if case .extended(let type, _) = value { return type == 1 || type == 3 }
            return value.member("__msgpack_chunked_array__") != nil
        }

        /// The shape of an array that is not cut into chunks.
        private static func shape(_ value: MessagePackValue) -> [Int]? {
            guard case .extended(_, let bytes) = value else { return nil }
            return (try? FlaxArray(bytes))?.shape
        }

        private static func record(_ value: MessagePackValue, name: String) throws(Problem) -> TensorRecord {
            guard case .extended(_, let bytes) = value else { return try FlaxArray.chunked(value, name: name) }
            return try FlaxArray(bytes).record(name: name)
        }

        private mutating func add(_ name: String, _ record: (String) throws(Problem) -> TensorRecord) throws(Problem) {
            let name = name.isEmpty ? "array" : name
            do throws(Problem) {
                tensors.append(try record(name))
            } catch {
                unreadable.append(UnreadableTensor(name: name, problem: error, path: path))
            }
        }
    }
}

/// An array as Flax packs it: its shape, the name of its type, and its elements in row-major order.
private struct FlaxArray {
    let shape: [Int]
    let type: String
    let bytes: ByteRegion

    private static let rankLimit = 64
    private static let chunkLimit = 1 << 16

    init(_ content: ByteRegion) throws(Problem) {
        guard case .list(let parts) = try MessagePackReader.read(content), parts.count == 3, case .list(let sizes) = parts[0],
            sizes.count <= Self.rankLimit
        else { throw Problem("is packed in an unknown way", expected: "a shape, a type and bytes") }
        var shape: [Int] = []
        for size in sizes {
            guard let length = size.integer, length >= 0 else { throw Problem("has a dimension that is not a number of at least 0") }
            shape.append(length)
        }
        self.shape = shape
        switch parts[1] {
        case .text(let name): type = name
        case .bytes(let region) where region.count <= 64: type = region.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        default: throw Problem("has a type without a name")
        }
        switch parts[2] {
        case .bytes(let region): bytes = region
        case .text(let text): bytes = ByteRegion(copying: Array(text.utf8))
        default: throw Problem("has no elements")
        }
    }

    func record(name: String) throws(Problem) -> TensorRecord {
        guard let dtype = Self.dtypes[type] else { throw Problem("elements of type \(type.quotedInMessage) are not supported") }
        return try TensorRecord(name: name, dtype: dtype, shape: shape, bytes: bytes)
    }

    /// An array that is cut into lines of elements because its bytes are more than MessagePack counts.
    static func chunked(_ value: MessagePackValue, name: String) throws(Problem) -> TensorRecord {
        guard let sizes = value.member("shape")?.members, let chunks = value.member("chunks")?.members, sizes.count <= rankLimit,
            chunks.count <= chunkLimit
        else { throw Problem("is cut into chunks in an unknown way") }
        var shape: [Int] = []
        for place in 0..<sizes.count {
            guard let size = value.member("shape")?.member(String(place))?.integer, size >= 0 else { throw Problem("lacks a dimension") }
            shape.append(size)
        }
        let parts = Dictionary(chunks.map { ($0.key, $0.value) }) { _, last in last }
        var runs: [JoinedValues.Run] = []
        for place in 0..<chunks.count {
            guard case .extended(1, let bytes)? = parts[String(place)] else { throw Problem("lacks chunk \(place) of \(chunks.count)") }
            let record = try FlaxArray(bytes).record(name: name)
            runs.append(.init(record: record, elements: 0..<record.elementCount))
        }
        return try .joined(name: name, shape: shape, runs: runs, summary: "\(runs.count) chunks")
    }

    private static let dtypes: [String: DType] = [
        "float64": .f64, "float32": .f32, "float16": .f16, "bfloat16": .bf16, "int64": .i64, "int32": .i32, "int16": .i16, "int8": .i8,
        "uint64": .u64, "uint32": .u32, "uint16": .u16, "uint8": .u8, "bool": .bool, "float8_e4m3fn": .f8e4m3fn,
        "float8_e5m2": .f8e5m2, "float8_e4m3fnuz": .f8e4m3fnuz, "float8_e5m2fnuz": .f8e5m2fnuz,
    ]
}
