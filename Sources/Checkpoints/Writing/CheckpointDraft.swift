import Archives
import Tensors
import Text

/// The contents of a checkpoint to be written: its tensors in order, and the files that belong to it.
package struct CheckpointDraft: Sendable {
    /// One tensor to be written.
    package struct Tensor: Sendable {
        package let name: String
        package let dtype: DType
        /// As stored, slowest dimension first.
        package let shape: [Int]
        let content: Content

        enum Content: Sendable {
            case bytes(@Sendable () throws -> ByteRegion)
            case values(@Sendable () throws -> Tensors.Tensor)
        }

        /// Stored elements of `dtype` in row-major order, requested when the tensor is written.
        package init(name: String, dtype: DType, shape: [Int], bytes: @escaping @Sendable () throws -> ByteRegion) {
            self.init(name, dtype, shape, .bytes(bytes))
        }

        /// Numbers in row-major order, requested when the tensor is written and rounded to the nearest of `dtype`.
        ///
        /// - Parameter dtype: one of ``CheckpointDraft/roundedTypes``.
        package init(name: String, dtype: DType, shape: [Int], values: @escaping @Sendable () throws -> Tensors.Tensor) {
            precondition(CheckpointDraft.roundedTypes.contains(dtype), "numbers as \(dtype.rawValue)")
            self.init(name, dtype, shape, .values(values))
        }

        /// A tensor as a checkpoint has it; block types, which safetensors lacks, in single precision.
        package init(_ record: TensorRecord) {
            if Safetensors.typeName(record.dtype) == nil {
                self.init(record.name, .f32, record.shape, .values { record.sharedFloats(shape: record.shape) })
            } else {
                self.init(record.name, record.dtype, record.shape, .bytes { record.gathered() })
            }
        }

        /// A tensor as a checkpoint has it, rounded to `dtype` where that differs.
        package init(_ record: TensorRecord, dtype: DType) {
            if dtype == record.dtype {
                self.init(record)
            } else {
                precondition(CheckpointDraft.roundedTypes.contains(dtype), "numbers as \(dtype.rawValue)")
                self.init(record.name, dtype, record.shape, .values { try record.narrowedFloats(shape: record.shape) })
            }
        }

        private init(_ name: String, _ dtype: DType, _ shape: [Int], _ content: Content) {
            self.name = name
            self.dtype = dtype
            self.shape = shape
            self.content = content
        }

        /// A part of a tensor of a checkpoint; see ``TensorRecord/gathered(_:)``.
        package init(_ record: TensorRecord, selecting selection: [[Int]?]) {
            let shape = record.shape.enumerated().map { $0 < selection.count ? selection[$0]?.count ?? $1 : $1 }
            self.init(record.name, record.dtype, shape, .bytes { record.gathered(selection) })
        }
    }

    /// The types that numbers can be rounded to.
    package static let roundedTypes: [DType] = [.f32, .f16, .bf16, .f64]

    package var tensors: [Tensor]
    /// `config.json`, `modinspect.json` and the tokenizer's files by name.
    package var files: [String: ByteRegion]
    /// The names of each tensor that is written under several, that by which it is called first.
    private var ties: [[String]] = []

    package init(tensors: [Tensor], files: [String: ByteRegion] = [:]) {
        self.tensors = tensors
        self.files = files
    }

    /// The groups of names of ``tensors`` that are one tensor.
    var tied: [[String]] {
        guard !ties.isEmpty else { return [] }
        let names = Set(tensors.map(\.name))
        return ties.map { $0.filter(names.contains) }.filter { $0.count > 1 }
    }

    /// Puts another tensor in the place of one, under all of its names.
    ///
    /// - Parameters:
    ///   - name: one of them.
    ///   - tensor: makes it under a name.
    package mutating func replace(_ name: String, _ tensor: (String) -> Tensor) {
        let names = ties.first { $0.contains(name) } ?? [name]
        for (place, old) in tensors.enumerated() where names.contains(old.name) { tensors[place] = tensor(old.name) }
    }

    /// A checkpoint with some of its tensors replaced, and its files carried along.
    ///
    /// A tensor that shares its bytes with a replaced one is replaced too. An output matrix that shares the embedding's bytes is left out
    /// where the model's `config.json` ties the two, as transformers does; other shared tensors are written once for each name, and the file says that they are one.
    ///
    /// - Parameters:
    ///   - values: the new numbers by the tensors' names, of as many elements as the tensor.
    ///   - left: tensors that are left out.
    ///   - dtype: the type of all floating-point tensors, one of ``roundedTypes``; nil for the type that each has in the checkpoint, or f32
    ///     where numbers of that type cannot be made.
    package init(
        _ checkpoint: Checkpoint, replacing values: [String: Tensors.Tensor] = [:], omitting left: Set<String> = [], dtype: DType? = nil
    ) {
        var values = values
        var omitted = left
        let isTied = Self.tiesEmbeddings(checkpoint.configuration)
        ties = checkpoint.ties.groups
        for group in ties {
            if let value = group.lazy.compactMap({ values[$0] }).first {
                for name in group where values[name] == nil { values[name] = value }
            }
            let heads = group.filter(Self.isOutputMatrix)
            if isTied, heads.count < group.count { omitted.formUnion(heads) }
        }
        tensors = checkpoint.tensors.filter { !omitted.contains($0.name) }.map { record in
            let kept = Self.roundedTypes.contains(record.dtype) ? record.dtype : .f32
            if let value = values[record.name] {
                precondition(value.count == record.elementCount, "\(value.shape) for \(record.shape)")
                return Tensor(name: record.name, dtype: dtype ?? kept, shape: record.shape) { value }
            }
            guard let dtype, record.dtype.isFloatingPoint else { return Tensor(record) }
            return Tensor(record, dtype: dtype)
        }
        files = checkpoint.companions
        if let file = checkpoint.module?.graphFile { files[ONNXFile.graphName] = try? ONNXFile.withoutNumbers(file) }
        // The settings that describe how codes were stored do not apply to decoded numbers.
        let isDecoded = checkpoint.tensors.contains { $0.encoding != nil }
        if let configuration = checkpoint.configuration {
            files[checkpoint.configurationName] = isDecoded ? EncodingSettings.decoded(configuration) : configuration
        }
    }

    /// The checkpoint that would be read from the written draft: its tensors without their numbers, and its files.
    ///
    /// Everything that depends only on names, types, shapes and settings can be checked with it before anything is written.
    ///
    /// - Parameter path: the name for messages.
    /// - Throws: ``Problem`` if no file could hold the tensors.
    package func outline(path: String) throws -> Checkpoint {
        // Tensors that are one under several names share their bytes, no others do.
        let groups = Dictionary(tied.enumerated().flatMap { place, names in names.map { ($0, place) } }, uniquingKeysWith: { $1 })
        var shared: [Int: ByteRegion] = [:]
        let firsts = TiedTensors(tied)
        let records = try tensors.map { tensor in
            let group = groups[tensor.name]
            let zero = group.flatMap { shared[$0] } ?? ByteRegion(copying: [UInt8](repeating: 0, count: 16))
            if let group { shared[group] = zero }
            do throws(Problem) {
                let record = try TensorRecord(
                    name: tensor.name, dtype: tensor.dtype, shape: tensor.shape, strides: tensor.shape.map { _ in 0 }, offset: 0,
                    storage: zero)
                return firsts.isRepeated(tensor.name) ? record.secondNamed(tensor.name) : record
            } catch {
                throw error.at(path: path).about("tensor '\(tensor.name)'")
            }
        }
        let weights = WeightFile(format: "safetensors", models: [.init(key: "", tensors: records)], keepsOrder: false)
        return try Checkpoint(
            path: path, container: weights.format, member: nil, weights: weights, key: nil, weightPath: path, companions: files,
            sources: [])
    }

    /// Whether a language model's output matrix is called so.
    package static func isOutputMatrix(_ name: String) -> Bool {
        ["lm_head.weight", "embed_out.weight"].contains { name == $0 || name.hasSuffix("." + $0) }
    }

    /// Whether a model's settings tie its output matrix to its embedding, which is the default unless they set it to false.
    static func tiesEmbeddings(_ configuration: ByteRegion?) -> Bool {
        guard let configuration, configuration.count <= 1 << 22 else { return false }
        return configuration.withUnsafeBytes { JSONCursor.member("tie_word_embeddings", of: $0) }?.flag ?? true
    }
}
