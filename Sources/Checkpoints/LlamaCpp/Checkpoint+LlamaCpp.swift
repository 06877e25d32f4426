import Archives
import Text

extension Checkpoint {
    /// A GGUF file's model under the names, and with the settings and the tokenizer, that transformers would have for it. A file that cannot
    /// be run keeps its own names, and ``translationProblem`` says why; so does any other checkpoint.
    ///
    /// What llama.cpp's converter changed is undone as the tensors are read, a row at a time: the order of the rows of queries and keys, and
    /// norms that are stored plus one. A quantised tensor is decoded when it is first used.
    func translatedFromLlamaCpp() -> Checkpoint {
        guard stored.contains(where: { $0.name.hasPrefix("blk.") || $0.name == "token_embd.weight" }),
            let metadata = LlamaCppMetadata(self.metadata)
        else { return self }
        do throws(Problem) {
            return try translated(metadata)
        } catch {
            return untranslated(error)
        }
    }

    /// - Throws: ``Problem`` for an architecture that cannot be run, settings that are missing, and tensors that do not fit them.
    private func translated(_ metadata: LlamaCppMetadata) throws(Problem) -> Checkpoint {
        let architecture = try LlamaCppArchitecture.named(metadata)
        let byName = Dictionary(tensors.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let settings = try LlamaCppSettings(metadata, architecture, tensors: byName)
        var translated: [TensorRecord] = []
        var origins: [String: String] = [:]
        for tensor in tensors {
            let records = try Self.translated(tensor, metadata, architecture)
            for (place, record) in records.enumerated() {
                origins[record.name] = tensor.name + (records.count > 1 ? "[\(place)]" : "")
            }
            translated += records
        }
        // What cannot be read is a tensor of the model too.
        let unreadable = unreadable.map { tensor in
            UnreadableTensor(
                name: architecture.name(of: tensor.name) ?? tensor.name, dtype: tensor.dtype, shape: tensor.shape, problem: tensor.problem,
                path: nil)
        }
        return try Checkpoint(
            self, tensors: translated, unreadable: unreadable,
            configuration: configuration ?? ByteRegion(copying: Array(settings.json.utf8)),
            names: FileNames(
                tensors: origins, settings: configuration == nil ? settings.keys : [:], architecture: metadata.architecture,
                tokenizer: companions["tokenizer.json"] == nil ? LlamaCppTokenizerFile(metadata) : nil))
    }

    private static func translated(
        _ tensor: TensorRecord, _ metadata: LlamaCppMetadata, _ architecture: LlamaCppArchitecture
    ) throws(Problem) -> [TensorRecord] {
        if let experts = try experts(in: tensor, architecture) { return experts }
        // Divisors of positions are settings; what else has no name is shown as it is called.
        if ["rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight"].contains(tensor.name) { return [] }
        guard let name = architecture.name(of: tensor.name) else { return [tensor] }
        let part = tensor.name.split(separator: ".").dropLast().last.map(String.init) ?? ""
        let isMatrix = tensor.shape.count == 2
        for change in architecture.changes {
            switch change {
            case .neighbours where part == "attn_q":
                return [
                    try RearrangedRows.record(tensor, name: name, .neighbours(heads: try metadata.requiredCount("attention.head_count")))
                ]
            case .neighbours where part == "attn_k":
                let all = try metadata.requiredCount("attention.head_count")
                let heads = try metadata.count("attention.head_count_kv") ?? all
                return [try RearrangedRows.record(tensor, name: name, .neighbours(heads: heads))]
            case .byKind where part == "attn_qkv":
                return [try RearrangedRows.record(tensor, name: name, .byKind(heads: try metadata.requiredCount("attention.head_count")))]
            case .normsPlusOne where part.hasSuffix("_norm") && tensor.name.hasSuffix(".weight"):
                return [try TensorRecord(name: name, shape: tensor.shape, values: ShiftedValues(base: tensor, shift: -1))]
            case .transposed where isMatrix && tensor.name.hasPrefix("blk."):
                return [tensor.sliced(name, [], order: [1, 0]).renamed(name)]
            case .neighbours, .byKind, .normsPlusOne, .transposed: break
            }
        }
        return [tensor.renamed(name)]
    }

    /// The experts that a tensor [experts, out, in] holds, each under its own name; nil for any other tensor.
    private static func experts(in tensor: TensorRecord, _ architecture: LlamaCppArchitecture) throws(Problem) -> [TensorRecord]? {
        let fields = tensor.name.split(separator: ".", omittingEmptySubsequences: false)
        guard let experts = architecture.experts, fields.count == 4, fields[0] == "blk", fields[3] == "weight" else { return nil }
        let part: String
        switch fields[2] {
        case "ffn_gate_exps": part = experts.gate
        case "ffn_up_exps": part = experts.input
        case "ffn_down_exps": part = experts.output
        default: return nil
        }
        guard tensor.shape.count == 3 else {
            throw Problem("does not hold experts", subject: "tensor '\(tensor.name)'", expected: "3 dimensions", found: "\(tensor.shape)")
        }
        return (0..<tensor.shape[0]).map { expert in
            let name = "\(architecture.blocks.name).\(fields[1]).\(experts.module).\(expert).\(part).weight"
            return tensor.sliced(name, [.place(expert)]).renamed(name)
        }
    }
}
