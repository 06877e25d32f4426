import Archives
import Text

/// A saved model: its named tensors and the files that came with it. A tensor is not read before it is requested.
package struct Checkpoint: Sendable {
    /// The path that was opened, as the user wrote it.
    package let path: String
    /// The container of the weights, such as `tar.gz, safetensors` or `directory, 2 safetensors shards`.
    package let container: String
    /// The archive's member, or the directory's file, that holds the weights.
    package let member: String?
    /// Where the model is nested in its file, `a.b`; nil at the top level.
    package let key: String?
    /// The model's tensors, some of which are computed from several stored ones. In the model's order if
    /// ``keepsOrder``, otherwise in natural order of their names. Names are unique.
    package let tensors: [TensorRecord]
    /// The tensors that the file stores, in the order of ``tensors``.
    package let stored: [TensorRecord]
    /// The tensors that the file names and that cannot be read; none of them has the name of one of ``tensors``.
    package let unreadable: [UnreadableTensor]
    /// Whether weights are stored as codes and were decoded.
    package let isDecoded: Bool
    /// How weights are assumed to be stored if no file describes it, in words.
    package let assumptions: [String]
    /// Whether the order of the tensors is the order in which the model defines them.
    package let keepsOrder: Bool
    /// The bytes of the model's settings, in the file ``configurationName``.
    package private(set) var configuration: ByteRegion?
    /// What the user gave in place of the model's own settings; nil if nothing.
    package private(set) var givenSettings: GivenSettings?
    /// `config.json`, or the file that models of some kind have in its place.
    package let configurationName: String
    private var filesBeside: [String: ByteRegion]
    /// The bytes of the file in which sentence-transformers says how a sentence's embedding is made; nil if there is none.
    package let pooling: ByteRegion?
    /// The globals that a loader would have to import or call, beyond those that tensors and plain data need.
    package let foreignGlobals: [String]
    /// The metadata of the weight file, in its order.
    package let metadata: [MetadataEntry]
    /// The progress of the training run that wrote the checkpoint; nil if no file records it.
    package let training: TrainingProgress?
    /// The changes that this checkpoint makes to another one; nil for a complete model.
    package let adapter: Adapter?
    /// The model that the adapter was merged into; nil if it was not merged.
    package let base: Base?
    /// The bytes that were given: a whole archive, or the weight files of a directory in natural order of their names.
    package let sources: [ByteRegion]

    /// The modules with their classes, if the file stores whole modules.
    package private(set) var module: SavedModule?

    /// The bytes of a file with the graph of operations, in the form of ONNX; nil if none came with the weights.
    package var graph: ByteRegion? { module?.graphFile ?? companions[ONNXFile.graphName] }

    /// The tensors that training leaves as they are, as a file says that has a graph or modules: PyTorch's `requires_grad=False`. State dicts
    /// say it of everything, and mean nothing.
    package var keptTensors: Set<String> {
        if let module, !module.kept.isEmpty { return module.kept }
        guard let graph, let model = try? ONNXModel(graph) else { return [] }
        return Set(model.stored.values.lazy.filter(\.isKept).map(\.tensor))
    }

    /// The tensors that are one under several names.
    package let ties: TiedTensors

    private let places: [String: Int]

    /// What the file calls the model's tensors, if it is a GGUF file whose model is read under transformers' names.
    package private(set) var fileNames: FileNames?
    /// Why a GGUF file's model is read under the file's own names and does not run.
    package private(set) var translationProblem: Problem?

    /// The other files that belong to the model, such as its tokenizer's, by name.
    package var companions: [String: ByteRegion] {
        guard let tokenizer = fileNames?.tokenizer, let file = try? tokenizer.file() else { return filesBeside }
        return filesBeside.merging(["tokenizer.json": file]) { own, _ in own }
    }

    /// The model's `tokenizer.json`; nil if it has none.
    ///
    /// - Throws: ``Problem`` for a tokenizer in the metadata that cannot be read.
    package func tokenizerFile() throws(Problem) -> ByteRegion? {
        if let file = filesBeside["tokenizer.json"] { return file }
        return try fileNames?.tokenizer?.file()
    }

    /// The tensor called `name`.
    package subscript(name: String) -> TensorRecord? { places[name].map { tensors[$0] } }

    /// Why the tensor called `name` cannot be read; nil if it can or there is none.
    package func problem(ofTensor name: String) -> Problem? { unreadable.first { $0.name == name }?.problem }

    /// Selects a model if a path holds more than one.
    package struct Options: Sendable {
        /// The path of a file or a folder inside the archive or directory.
        package var member: String?
        /// Where the model is nested in its file, `a.b`.
        package var key: String?

        package init(member: String? = nil, key: String? = nil) {
            self.member = member
            self.key = key
        }
    }

    /// Whether a file that begins with `head`, ``ByteRegion/headLength`` bytes or all that there are, can be a checkpoint.
    package static func isRecognised(_ head: [UInt8]) -> Bool { CheckpointOpener.isKnown(head) }

    /// Opens what is at `path`, or standard input if that is `-`. The kind is found from the content.
    ///
    /// - Throws: ``Problem`` if it cannot be read, is damaged, or holds no model or several.
    package static func open(_ path: String, options: Options = .init()) throws -> Checkpoint {
        try CheckpointOpener(path: path, options: options).open().translatedFromLlamaCpp()
    }

    /// Opens a checkpoint whose bytes were read already.
    ///
    /// - Parameters:
    ///   - content: the bytes of the file.
    ///   - path: where they are from; the shards of an index are in the same folder.
    /// - Throws: ``Problem`` as above.
    package static func open(_ content: ByteRegion, path: String, options: Options = .init()) throws -> Checkpoint {
        try CheckpointOpener(path: path, options: options).open(content).translatedFromLlamaCpp()
    }

    /// Opens every model of the file at `path`, where it holds several and no key picks one; of an archive of several files ``Options/member``
    /// picks one all the same.
    ///
    /// - Throws: ``Problem`` as above, and for a file of more models than anybody wants to see.
    package static func openEach(_ path: String, options: Options = .init()) throws -> [Checkpoint] {
        let found = try CheckpointOpener(path: path, options: options).find()
        let models = found.weights.models
        let keys: [String?] = options.key == nil && (2...mostModels).contains(models.count) ? models.map { $0.key } : [options.key]
        return try keys.map { try found.checkpoint(key: $0).translatedFromLlamaCpp() }
    }

    private static let mostModels = 64

    init(
        path: String, container: String, member: String?, weights: WeightFile, key: String?, weightPath: String,
        companions: [String: ByteRegion], sources: [ByteRegion]
    ) throws {
        let model = try weights.model(key: key, path: weightPath)
        guard !model.tensors.isEmpty || !model.unreadable.isEmpty else { throw Problem(path: weightPath, problem: "holds no tensors") }
        // Before anything looks a stored tensor up by its name.
        var storedNames = DistinctNames()
        for name in model.tensors.lazy.map(\.name) + model.unreadable.map(\.name) {
            if let conflict = storedNames.conflict(adding: name) { throw Problem(path: weightPath, tensor: name, problem: conflict) }
        }
        self.path = path
        self.container = container
        self.member = member
        self.key = model.key.isEmpty ? nil : model.key
        // A file next to the weights was put there by somebody: it takes precedence over the one inside the weight file.
        let companions = weights.companions.merging(companions) { _, beside in beside }
        stored = model.tensors
        module = model.module
        adapter = try Adapter(
            model.tensors, unreadable: model.unreadable, configuration: companions[AdapterConfiguration.fileName],
            fileName: MemberPath.baseName(member ?? path),
            path: weightPath)
        base = nil
        let tensors: [TensorRecord]
        if let adapter {
            tensors = try adapter.tensors()
            unreadable = model.unreadable
            isDecoded = false
            assumptions = weights.assumptions
        } else {
            let encoded: EncodedTensors
            do throws(Problem) {
                encoded = try EncodedTensors(
                    model.tensors, settings: EncodingSettings(companions), missing: model.unreadable,
                    isShard: ModelFiles.isShard(MemberPath.baseName(member ?? path)))
            } catch {
                throw error.at(path: weightPath)
            }
            // A decoded weight has a new name, which may belong elsewhere in the order.
            let isOrdered = weights.keepsOrder || encoded.replaced.isEmpty
            tensors = isOrdered ? encoded.tensors : encoded.tensors.sorted { $0.name.precedesNaturally($1.name) }
            isDecoded = encoded.hasDecoded
            let missing = MissingExperts.note(model.tensors, unreadable: model.unreadable)
            assumptions = weights.assumptions + encoded.assumptions + [missing].compactMap { $0 }
            unreadable = model.unreadable.filter { !encoded.replaced.contains($0.name) } + encoded.unreadable(path: weightPath)
        }
        self.tensors = tensors
        // What a graph of ONNX names twice it has twice, even if both are the same bytes of another file.
        ties = TiedTensors(weights.format == ONNX.format ? tensors.declaredTies : tensors.tied)
        keepsOrder = weights.keepsOrder
        let ownSettings = companions[Companions.configuration] == nil ? companions[Companions.sparseCircuitSettings] : nil
        configuration = ownSettings ?? companions[Companions.configuration]
        configurationName = ownSettings == nil ? Companions.configuration : Companions.sparseCircuitSettings
        pooling = companions[Companions.pooling]
        filesBeside = companions.filter { !Companions.isRead($0.key) }
        training =
            weights.training ?? companions[TrainingProgress.fileName].flatMap { TrainingProgress(trainerState: $0) }
            ?? TrainingProgress(weights.metadata)
        foreignGlobals = weights.foreignGlobals
        metadata = weights.metadata
        self.sources = sources
        var places: [String: Int] = [:]
        for (place, tensor) in tensors.enumerated() where places.updateValue(place, forKey: tensor.name) != nil {
            throw Problem(path: weightPath, tensor: tensor.name, problem: "appears twice")
        }
        var unreadableNames: Set<String> = []
        for tensor in unreadable where places[tensor.name] != nil || !unreadableNames.insert(tensor.name).inserted {
            throw Problem(path: weightPath, tensor: tensor.name, problem: "appears twice")
        }
        self.places = places
    }

    /// An adapter with the model that it was merged with.
    init(merged adapter: Checkpoint, with base: Checkpoint, tensors: [TensorRecord], configuration: ByteRegion?) {
        path = adapter.path
        container = adapter.container
        member = adapter.member
        key = adapter.key
        self.tensors = tensors
        ties = TiedTensors(tensors.tied)
        stored = base.stored + adapter.stored
        unreadable = base.unreadable
        isDecoded = base.isDecoded
        assumptions = base.assumptions
        module = base.module
        metadata = adapter.metadata
        training = adapter.training
        keepsOrder = base.keepsOrder
        self.configuration = configuration
        configurationName = base.configurationName
        // The tokenizer is the base's; what the base lacks the adapter may have.
        filesBeside = base.filesBeside.isEmpty && base.fileNames == nil ? adapter.filesBeside : base.filesBeside
        pooling = base.pooling
        fileNames = base.fileNames
        translationProblem = base.translationProblem
        foreignGlobals = base.foreignGlobals + adapter.foreignGlobals.filter { !base.foreignGlobals.contains($0) }
        self.adapter = adapter.adapter
        self.base = Base(path: base.path, container: base.container, member: base.member, key: base.key, sources: base.sources)
        sources = adapter.sources
        places = Dictionary(tensors.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// The same model under other names than its file's, with other settings.
    ///
    /// - Throws: ``Problem`` if two tensors share a name.
    init(
        _ original: Checkpoint, tensors: [TensorRecord], unreadable: [UnreadableTensor], configuration: ByteRegion?, names: FileNames
    ) throws(Problem) {
        path = original.path
        container = original.container
        member = original.member
        key = original.key
        self.tensors = tensors
        ties = TiedTensors(tensors.tied)
        stored = original.stored
        self.unreadable = unreadable
        isDecoded = original.isDecoded
        assumptions = original.assumptions
        module = original.module
        metadata = original.metadata
        training = original.training
        keepsOrder = original.keepsOrder
        self.configuration = configuration
        configurationName = original.configurationName
        filesBeside = original.filesBeside
        pooling = original.pooling
        fileNames = names
        foreignGlobals = original.foreignGlobals
        adapter = original.adapter
        base = original.base
        sources = original.sources
        var places: [String: Int] = [:]
        for (place, tensor) in tensors.enumerated() where places.updateValue(place, forKey: tensor.name) != nil {
            throw Problem("appears twice", path: original.path, subject: "tensor '\(tensor.name)'")
        }
        self.places = places
    }

    /// The same model, which does not run under the names of its file.
    func untranslated(_ problem: Problem) -> Checkpoint {
        var checkpoint = self
        checkpoint.translationProblem = problem
        return checkpoint
    }

    /// The kind of model that the file of the settings is the only sign of; nil if they say themselves which it is.
    package var impliedModelType: String? { configurationName == Companions.sparseCircuitSettings ? ModelFamily.sparseCircuit : nil }

    /// The same model with other settings.
    package func with(configuration: ByteRegion, given: GivenSettings? = nil) -> Checkpoint {
        var checkpoint = self
        checkpoint.configuration = configuration
        checkpoint.givenSettings = given
        return checkpoint
    }

    /// Whether the file leaves it to its code what shape samples have: another shape makes another graph of it.
    package var hasCodeForAnyShape: Bool { module?.graphForSamples != nil }

    /// The same model with the graph of its code for samples of a shape; as it is if there is no such code.
    ///
    /// - Throws: ``Problem`` that says why the code does not run on them.
    package func readingCode(for samples: SampleShape) throws(Problem) -> Checkpoint {
        guard let read = module?.graphForSamples else { return self }
        return with(graph: try read(samples))
    }

    /// The same model with another graph in the place of its own.
    package func with(graph: ByteRegion) -> Checkpoint {
        var checkpoint = self
        if checkpoint.module != nil {
            checkpoint.module?.graphFile = graph
            checkpoint.module?.graphProblem = nil
        } else {
            checkpoint.filesBeside[ONNXFile.graphName] = graph
        }
        return checkpoint
    }

    /// Why the weights cannot be used; nil if they can.
    package var refusal: Problem? { base == nil ? adapter?.refusal?.at(path: path) : nil }

    /// Why the checkpoint does not run by itself: an adapter needs the model that it changes.
    package var runRefusal: Problem? {
        guard base == nil, let adapter else { return nil }
        return refusal
            ?? Problem(
                "is an adapter, which runs with the model that it changes", path: path, hint: .giveBase(adapter.configuration?.baseModel))
    }
}
