import Archives
import Text

extension Checkpoint {
    /// The model that an adapter was merged into.
    package struct Base: Sendable {
        package let path: String
        package let container: String
        /// The archive's member that holds the weights, and where the model is nested in its file; see ``Checkpoint``.
        package let member, key: String?
        /// The bytes that were given; see ``Checkpoint/sources``.
        package let sources: [ByteRegion]
    }

    /// The base model with this adapter's changes: its names, settings and tokenizer, with every changed weight computed on demand.
    ///
    /// - Throws: ``Problem`` if this is not an adapter, the other is one, or the two do not fit.
    package func merged(into base: Checkpoint) throws -> Checkpoint {
        guard let adapter, self.base == nil else {
            throw Problem(
                "applies only to adapters", path: path, setting: .base, expected: "an adapter", found: "a model")
        }
        guard base.adapter == nil else {
            throw Problem(
                "is an adapter itself", path: base.path, setting: .base, expected: "the model that the adapter changes", found: "an adapter"
            )
        }
        if let problem = adapter.problem { throw problem }
        let merging = try AdapterMerging(adapter, base: base, path: path)
        return Checkpoint(merged: self, with: base, tensors: merging.tensors, configuration: merging.configuration)
    }
}

/// The tensors of a base model under an adapter's changes.
private struct AdapterMerging {
    private(set) var tensors: [TensorRecord]
    /// The settings of the merged model: the base's, but for a tie that the adapter has undone.
    private(set) var configuration: ByteRegion?

    private let base: Checkpoint
    private let settings: AdapterConfiguration
    private let catalog: LayerCatalog
    /// The base's name of each name that the adapter uses.
    private let names: [String: String]
    /// The changed tensors by the base's names.
    private var merged: [String: TensorRecord] = [:]
    /// Those among them that a change was added to.
    private var changed: Set<String> = []
    /// The tensors that the base does not have, in the adapter's order.
    private var added: [TensorRecord] = []
    private var failures: [Problem] = []
    /// The table of embeddings, if the adapter stores another one in full.
    private var replacedTable: String?
    /// The tensors that get a change of low rank.
    private let changedNames: Set<String>
    /// The table under a change of an output matrix that the base does not have, as the adapter repeats it.
    private var repeatedTable: TensorRecord?

    init(_ adapter: Adapter, base: Checkpoint, path: String) throws {
        guard let settings = adapter.configuration else { throw Problem("has no settings", path: path) }
        self.base = base
        self.settings = settings
        catalog = LayerCatalog(base)
        changedNames = Set(adapter.changes.map(\.name))
        tensors = base.tensors
        configuration = base.configuration
        let wanted =
            adapter.changes.map(\.name) + adapter.changes.filter { $0.bias != nil }.map { $0.module + ".bias" } + adapter.whole.map(\.name)
        let unique = Array(Set(wanted)).sorted()
        let partners = NamePairing(unique, base.tensors.map(\.name)).partners
        names = Dictionary(
            uniqueKeysWithValues: zip(unique, partners).compactMap { name, place in
                (place.map { base.tensors[$0].name } ?? Self.storedName(name).flatMap { base[$0]?.name }).map { (name, $0) }
            })

        for record in adapter.whole { attempt(record.name) { try $0.replace(record) } }
        attempt(replacedTable ?? "") { try $0.untieReplacedTable() }
        let shared = sharedChange(adapter.changes)
        if let shared { attempt(shared.output.name) { try $0.separate(shared.output, of: shared.embedding) } }
        for change in adapter.changes {
            if change.name != shared?.output.name { attempt(change.name) { try $0.apply(change) } }
            if let bias = change.bias { attempt(change.module + ".bias") { try $0.apply(bias, of: change) } }
        }
        if let first = failures.first {
            var problem = first
            problem.path = path
            let count = adapter.changes.count + adapter.whole.count
            problem.what += " of the base model \(base.path)"
            if failures.count > 1 { problem.found = (problem.found ?? "none") + "; \(failures.count) of \(count) changes do not fit" }
            throw problem
        }
        finish()
    }

    private mutating func attempt(_ name: String, _ body: (inout AdapterMerging) throws -> Void) {
        do {
            try body(&self)
        } catch {
            failures.append((error as? Problem ?? Problem("\(error)")).about("tensor '\(name)'"))
        }
    }

    /// The base's tensor for a name of the adapter's, with the changes made so far.
    private func current(_ name: String) -> TensorRecord? {
        guard let own = names[name] ?? tiedTable(name) else { return nil }
        return merged[own] ?? base[own]
    }

    /// The table of embeddings that is the output matrix too, where the base stores it once.
    private func tiedTable(_ name: String) -> String? {
        guard CheckpointDraft.isOutputMatrix(name), CheckpointDraft.tiesEmbeddings(base.configuration) else { return nil }
        let tables = base.tensors.filter(Self.isTable)
        return tables.count == 1 ? tables[0].name : nil
    }

    private static func isTable(_ record: TensorRecord) -> Bool {
        record.shape.count == 2 && ["embed_tokens", "wte", "embed_in", "word_embeddings"].contains(TensorName(record.name).moduleName)
    }

    /// Where the adapter stores the embedding in full and the base has one matrix for input and output, the output keeps the base's, as
    /// peft's own module does: it becomes a tensor of its own.
    private mutating func untieReplacedTable() throws(Problem) {
        guard let table = replacedTable, let stored = base[table], CheckpointDraft.tiesEmbeddings(base.configuration) else { return }
        if (base.tensors + added).contains(where: { CheckpointDraft.isOutputMatrix($0.name) }) {
            configuration = Self.untied(configuration)
            return
        }
        var architecture: String?
        if case .list(let names)? = base.configuration?.withUnsafeBytes({ JSONCursor.member("architectures", of: $0) }) {
            architecture = names.first?.text
        }
        // Encoders are tied only under a head of masked tokens, whose matrix has another place in each family.
        if table.contains("embeddings.word_embeddings") {
            guard let architecture, architecture.hasSuffix("ForMaskedLM") || architecture.hasSuffix("ForPreTraining") else { return }
            throw Problem(
                "is stored in full, and the base has one matrix for input and output", expected: "a causal language model",
                found: architecture)
        }
        added.append(stored.renamed(TensorName(table).moduleName == "embed_in" ? "embed_out.weight" : "lm_head.weight"))
        configuration = Self.untied(configuration)
    }

    private mutating func replace(_ record: TensorRecord) throws(Problem) {
        guard let own = names[record.name] else {
            // A layer of a task, or an output matrix that was one with the embedding.
            let isSaved = settings.savedModules.contains { module in
                ("." + record.name).contains("." + module + ".")
            }
            // peft's `ensure_weight_tying` stores both of two tied matrices.
            let isTied = CheckpointDraft.isOutputMatrix(record.name) && CheckpointDraft.tiesEmbeddings(base.configuration)
            if isTied, changedNames.contains(record.name), let table = tiedTable(record.name),
                base[table]?.hasSameNumbers(as: record) == true
            {
                repeatedTable = record
                return
            }
            guard isSaved || isTied && !changedNames.contains(record.name) else {
                throw Problem("is not a tensor", found: "none of this name")
            }
            if CheckpointDraft.isOutputMatrix(record.name) { configuration = Self.untied(configuration) }
            added.append(record)
            return
        }
        guard let stored = base[own] else { return }
        guard stored.shape == record.shape else {
            throw Problem("does not fit the tensor", expected: shapeWords(stored.shape), found: shapeWords(record.shape))
        }
        if CheckpointDraft.isOutputMatrix(record.name), CheckpointDraft.tiesEmbeddings(configuration) {
            configuration = Self.untied(configuration)
        }
        // Beside a change of low rank the adapter repeats the base's table.
        if Self.isTable(stored), !changedNames.contains(record.name) { replacedTable = own }
        merged[own] = record.renamed(own)
    }

    /// The changes of an embedding and of an output matrix that are one tensor in the base.
    private func sharedChange(_ changes: [AdapterChange]) -> (output: AdapterChange, embedding: AdapterChange)? {
        guard let output = changes.first(where: { CheckpointDraft.isOutputMatrix($0.name) && names[$0.name] == nil }),
            let table = tiedTable(output.name), let embedding = changes.first(where: { names[$0.name] == table })
        else { return nil }
        return (output, embedding)
    }

    /// Gives the output matrix what it is under its own change, the embedding having another. One change of both is the embedding's: so
    /// peft's `ensure_weight_tying` has it.
    ///
    /// The result is the adapted model as peft runs it. Its `merge_and_unload` adds both changes to the one matrix.
    private mutating func separate(_ output: AdapterChange, of embedding: AdapterChange) throws(Problem) {
        guard let own = names[embedding.name], let table = base[own], !output.isSame(asEmbedding: embedding) else { return }
        let isTransposed = try isTransposed(output, table)
        added.append(
            try record(
                (repeatedTable ?? table).renamed(output.name), products: output.products(isTransposed: isTransposed),
                magnitudes: output.magnitudes, axis: isTransposed ? .columns : .rows, output))
        configuration = Self.untied(configuration)
    }

    private mutating func apply(_ bias: TensorRecord, of change: AdapterChange) throws(Problem) {
        guard let stored = current(change.module + ".bias") else { throw Problem("is not a tensor", found: "a change of it, 'lora_bias'") }
        guard stored.elementCount == bias.elementCount else {
            throw Problem("does not fit the tensor", expected: shapeWords(stored.shape), found: shapeWords(bias.shape))
        }
        let values = MergedBias(base: stored, change: bias, scale: change.scale, summary: "LoRA, a bias")
        merged[stored.name] = try TensorRecord(
            name: stored.name, dtype: MergedValues.dtype(of: stored), shape: stored.shape, values: values)
    }

    private mutating func apply(_ change: AdapterChange) throws(Problem) {
        guard let stored = current(change.name) else {
            if let problem = base.problem(ofTensor: change.name) { throw problem }
            if try applyToSingleExperts(change) { return }
            throw Problem("is not a tensor", found: "a change \(shapeWords(change.shape)) of it")
        }
        guard stored.dtype.isFloatingPoint else { throw Problem("is not a tensor of numbers", found: stored.dtype.rawValue) }
        let isTransposed = try isTransposed(change, stored)
        // The table of embeddings keeps a length for each column, a layer stored [in, out] as well.
        merged[stored.name] = try record(
            stored, products: change.products(isTransposed: isTransposed), magnitudes: change.magnitudes,
            axis: isTransposed ? .columns : .rows, change)
        changed.insert(stored.name)
    }

    private func record(
        _ stored: TensorRecord, products: [LowRankProduct], magnitudes: TensorRecord? = nil, axis: MergedValues.Axis = .rows,
        _ change: AdapterChange
    ) throws(Problem) -> TensorRecord {
        let summary = [stored.encoding, change.summary].compactMap { $0 }.joined(separator: " + ")
        return try TensorRecord(
            name: stored.name, dtype: MergedValues.dtype(of: stored), shape: stored.shape,
            values: MergedValues(stored, products: products, magnitudes: magnitudes, axis: axis, summary: summary))
    }

    /// Whether the base stores the changed weight with its inputs first.
    private func isTransposed(_ change: AdapterChange, _ stored: TensorRecord) throws(Problem) -> Bool {
        let shape = change.shape
        let turned = change.a.shape.count == 2 ? Array(shape.dropLast(2) + [shape[shape.count - 1], shape[shape.count - 2]]) : nil
        let fits = (straight: stored.shape == shape, turned: stored.shape == turned)
        if case .embedding = change.target {
            guard fits.turned else {
                throw Problem(
                    "does not fit the tensor", expected: shapeWords(stored.shape), found: "a change \(shapeWords(turned ?? shape))")
            }
            return true
        }
        switch fits {
        case (true, false): return false
        case (false, true): return true
        case (true, true):
            if case .experts = change.target { return false }
            // The shape of a square matrix does not decide: GPT-2's layers are known by their names, others by the adapter's settings.
            if AdapterChange.isConv1D(stored.name), let layer = catalog[stored.name] {
                if case .transposed = layer.layout { return true }
                return false
            }
            return settings.isFanInFirst
        case (false, false):
            throw Problem("does not fit the tensor", expected: shapeWords(stored.shape), found: "a change \(shapeWords(shape))")
        }
    }

    /// The name under which transformers stores what its Mixtral calls `mlp` since version 5; nil for any other name.
    private static func storedName(_ name: String) -> String? {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard let place = parts.lastIndex(of: "mlp") else { return nil }
        return (parts[..<place] + ["block_sparse_moe"] + parts[(place + 1)...]).joined(separator: ".")
    }

    /// The names of single experts' matrices by the name of the parameter that holds them together: the parts of its rows, in their order.
    private static let expertParts: [String: [[String]]] = [
        "gate_up_proj": [["gate_proj", "up_proj"], ["w1", "w3"]], "down_proj": [["down_proj"], ["w2"]],
    ]

    /// Changes experts that the base stores one by one where the adapter has them in one parameter.
    ///
    /// - Returns: false if the base has none.
    private mutating func applyToSingleExperts(_ change: AdapterChange) throws(Problem) -> Bool {
        guard case .experts(let count) = change.target, let point = change.name.lastIndex(of: "."),
            let names = Self.expertParts[String(change.name[change.name.index(after: point)...])]
        else { return false }
        for (module, parts) in names.flatMap({ parts in
            [change.module, Self.storedName(change.module) ?? change.module].map { ($0, parts) }
        }) {
            guard base["\(module).0.\(parts[0]).weight"] != nil else { continue }
            for expert in 0..<count {
                var row = 0
                for part in parts {
                    let name = "\(module).\(expert).\(part).weight"
                    let height = change.outputs / parts.count
                    guard let stored = base[name] else { throw Problem("is not a tensor", subject: "tensor '\(name)'") }
                    guard stored.shape == [height, change.inputs], height * parts.count == change.outputs else {
                        throw Problem(
                            "does not fit the tensor", subject: "tensor '\(name)'", expected: shapeWords(stored.shape),
                            found: "a change \(shapeWords([height, change.inputs]))")
                    }
                    merged[name] = try record(stored, products: [change.product(expert: expert, outputs: row..<row + height)], change)
                    row += height
                }
            }
            if base["\(module).\(count).\(parts[0]).weight"] != nil {
                throw Problem("does not fit the experts", expected: "more than \(count) of them", found: "\(count)")
            }
            return true
        }
        return false
    }

    /// Puts the changed tensors in the places of the base's. Tensors that are the same bytes stay the same.
    private mutating func finish() {
        for group in base.tensors.tied {
            // A layer that the adapter stores in full is no longer tied; see also ``untieReplacedTable()``.
            guard let source = group.first(where: changed.contains), let value = merged[source] else { continue }
            for name in group where merged[name] == nil { merged[name] = value.renamed(name) }
        }
        tensors = base.tensors.map { merged[$0.name] ?? $0 } + added
        if !base.keepsOrder { tensors.sort { $0.name.precedesNaturally($1.name) } }
    }

    /// The settings with the output matrix no longer tied to the embedding.
    private static func untied(_ configuration: ByteRegion?) -> ByteRegion? {
        guard let configuration else { return nil }
        guard let members = JSONMembers(configuration.withUnsafeBytes { Array($0) }) else { return configuration }
        return ByteRegion(copying: members.setting("tie_word_embeddings", to: "false"))
    }
}
