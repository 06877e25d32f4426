import Archives
import Text

/// The family of the model in a checkpoint, and its weight matrices in the order of the layers.
package struct LayerCatalog: Sendable {
    /// How the family was found.
    package enum FamilySource: String, Sendable, Encodable {
        /// The `model_type` of the model's configuration.
        case configuration
        /// The names of the tensors.
        case names
        /// The shapes of the weight matrices, which follow each other or do not.
        case shapes
    }

    /// The kind of model.
    package let family: ModelFamily
    /// How the family was recognised.
    package let familySource: FamilySource
    /// Every weight matrix that can be named: in chain order for a plain chain, else in the file's order if that is the
    /// model's, else by name with numbers compared as numbers. Experts in one tensor, and gate and input in one, are layers each; a tensor
    /// of several names is one layer, under the first.
    package let layers: [Layer]
    /// The weight matrices in their order, those of tensors of several names under each.
    package let appearances: [Layer]
    /// The tensors that the checkpoint names and that cannot be read, and those of ``misfits``.
    package let unreadable: [UnreadableTensor]
    /// The tensors that are not layers because their shapes contradict each other.
    package let misfits: [UnreadableTensor]
    /// Those of ``unreadable`` that would be among the default layers.
    let unreadableDefaults: [UnreadableTensor]
    /// The names of every tensor of the checkpoint, in the order of ``layers`` as far as that goes.
    let names: [TensorName]
    /// Why a tensor is not a layer, or not a default one, by its name.
    private let reasons: [String: LeftOut]
    /// The same by each name alone, whatever other names a tensor has.
    private let roles: [String: LeftOut]
    /// The place of each layer by its name.
    private let places: [String: Int]
    /// The place of a layer by each of its further names.
    private let otherPlaces: [String: Int]
    private let mlpInputNames: Set<String>
    /// The default layers of the whole file, if some of its tensors are damaged and no name says what it holds.
    private let whole: WholeDefaults?
    /// What the file calls the tensors, if those have other names.
    private let fileNames: FileNames?
    /// The tensors that are one under several names.
    let ties: TiedTensors

    /// The catalog of a checkpoint's tensors, from their names and shapes and its configuration.
    ///
    /// - Parameter judgesByNames: whether what modules and a graph in the file say of tensors is left aside, so that the same tensors are judged
    ///   alike in every file.
    package init(_ checkpoint: Checkpoint, families: ModelFamilies = .standard, judgesByNames: Bool = false) {
        self.init(
            tensors: checkpoint.tensors, unreadable: checkpoint.unreadable, keepsOrder: checkpoint.keepsOrder,
            configuration: checkpoint.configuration, impliedModelType: checkpoint.impliedModelType, families: families,
            fileNames: checkpoint.fileNames, ties: checkpoint.ties,
            readings: judgesByNames ? nil : GraphReadings(checkpoint.module, graph: checkpoint.graph)?.sharing(checkpoint.ties),
            isIncomplete: !checkpoint.unreadable.isEmpty && checkpoint.incompleteness != nil)
    }

    /// The catalog of the given tensors.
    ///
    /// - Parameters:
    ///   - keepsOrder: whether the order of `tensors` is that in which the model defines them.
    ///   - configuration: the bytes of the model's `config.json`; one that is not a JSON object is ignored.
    ///   - impliedModelType: the kind of model if the configuration does not say it.
    ///   - families: those that are known.
    package init(
        tensors: [TensorRecord], unreadable: [UnreadableTensor] = [], keepsOrder: Bool, configuration: ByteRegion? = nil,
        impliedModelType: String? = nil, families: ModelFamilies = .standard, fileNames: FileNames? = nil
    ) {
        self.init(
            tensors: tensors, unreadable: unreadable, keepsOrder: keepsOrder, configuration: configuration,
            impliedModelType: impliedModelType, families: families, fileNames: fileNames, ties: TiedTensors([]), readings: nil,
            isIncomplete: false)
    }

    /// - Parameters:
    ///   - ties: the tensors that are one under several names.
    ///   - readings: how a graph reads the tensors; nil if there is none.
    ///   - isIncomplete: whether whole files are missing: what is there is judged as if it were all.
    private init(
        tensors: [TensorRecord], unreadable: [UnreadableTensor], keepsOrder: Bool, configuration: ByteRegion?,
        impliedModelType: String?, families: ModelFamilies, fileNames: FileNames?, ties: TiedTensors, readings: GraphReadings?,
        isIncomplete: Bool
    ) {
        self.ties = ties
        self.fileNames = fileNames
        let ordered = keepsOrder || tensors.isInNaturalOrder ? tensors : tensors.sorted { $0.name.precedesNaturally($1.name) }
        let names = ordered.map { TensorName($0.name) }
        // The name of a tensor that cannot be read still helps to recognise the family.
        let index = TensorIndex(
            names: names + unreadable.map { TensorName($0.name) }, shapes: ordered.map(\.shape) + unreadable.map { $0.shape ?? [] })
        let configured = (configuration.flatMap(Self.modelType) ?? impliedModelType).flatMap(families.family(modelType:))
        let known = configured ?? families.family(of: TensorNames(index))

        var found = FoundLayers(tensors: ordered, index: index, family: known ?? .unknown, families: families, readings: readings)
        if let known {
            family = known
            familySource = configured != nil ? .configuration : .names
        } else {
            // A chain with a missing link may follow shape by shape by chance.
            family = !unreadable.contains(where: \.mayBeMatrix) && found.makeChain(keepsOrder: keepsOrder) ? .chain : .unknown
            familySource = .shapes
        }
        found.leaveOutSingleNeurons()
        roles = found.reasons
        appearances = found.layers.filter { found.reasons[$0.tensorName]?.isMatrix ?? true }
        found.join(ties)
        let reasons = found.reasons
        func isMatrix(_ layer: Layer) -> Bool { reasons[layer.tensorName]?.isMatrix ?? true }
        // Masks and tables that one file has and another has not move nobody.
        var place = (matrix: 0, other: found.layers.count(where: isMatrix))
        layers = found.layers.map { layer in
            let own = isMatrix(layer) ? place.matrix : place.other
            if isMatrix(layer) { place.matrix += 1 } else { place.other += 1 }
            return layer.at(own)
        }
        places = Dictionary(layers.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
        var others: [String: Int] = [:]
        for (place, layer) in layers.enumerated() {
            for name in ties.names(layer.tensorName) where name != layer.tensorName {
                others[name + layer.name.dropFirst(layer.tensorName.count)] = place
            }
        }
        otherPlaces = others
        self.names = names
        self.reasons = reasons
        mlpInputNames = found.mlpInputs
        misfits = ordered.compactMap { tensor in
            found.misfits.problems[tensor.name].map { UnreadableTensor(name: tensor.name, shape: tensor.shape, problem: $0, path: nil) }
        }
        self.unreadable = unreadable + misfits
        whole =
            known != nil || isIncomplete
            ? nil
            : WholeDefaults(ordered, unreadable: unreadable, keepsOrder: keepsOrder) { tensors, rest in
                LayerCatalog(
                    tensors: tensors, unreadable: rest, keepsOrder: keepsOrder, configuration: configuration,
                    impliedModelType: impliedModelType, families: families, fileNames: fileNames, ties: ties, readings: readings,
                    isIncomplete: true)
            }
        if case .mlpInputs = family.defaultLayers {
            unreadableDefaults = self.unreadable.filter { $0.mayBeMatrix && families.mlpNames(of: TensorName($0.name), index) != nil }
        } else {
            unreadableDefaults = misfits + (whole?.unreadable ?? [])
        }
    }

    /// Every floating-point weight matrix without masks and tables: those that the pattern `all` selects.
    package var weightMatrices: [Layer] { layers.filter { reasons[$0.tensorName]?.isMatrix ?? true } }

    /// The routers of mixtures of experts: each out-neuron is an expert. Gates of a single expert are left out.
    package var routers: [Layer] { layers.filter { reasons[$0.tensorName] == .router && $0.outNeurons > 1 } }

    /// The layers that are selected if none are named.
    package var defaultLayers: [Layer] { defaultChoice.layers }

    /// The layers that are selected if none are named: the MLP input matrix of every block of a transformer; in a plain chain, every
    /// weight except the first and the last; if that leaves none, and in models of unknown structure, all weight matrices. Tables,
    /// routers, depthwise convolutions and matrices of one row or column are left out unless there is nothing else.
    package var defaultChoice: (layers: [Layer], leftOut: [(reason: LeftOut, count: Int)]) {
        let matrices = weightMatrices
        let chosen: [Layer]
        switch family.defaultLayers {
        case .mlpInputs: chosen = matrices.filter { mlpInputNames.contains($0.name) }
        case .innerLayers: chosen = Array(matrices.dropFirst().dropLast())
        case .all: chosen = matrices.filter { whole?.names?.contains($0.name) ?? true }
        }
        // Where damaged tensors hold default layers, the others are not all of the default.
        for candidates in whole?.names == nil ? [chosen, matrices] : [chosen] {
            let kept = candidates.filter { reasons[$0.tensorName] == nil }
            guard !kept.isEmpty else { continue }
            let counts = Dictionary(grouping: candidates.compactMap { reasons[$0.tensorName] }, by: { $0 }).mapValues(\.count)
            return (kept, LeftOut.allCases.compactMap { reason in counts[reason].map { (reason, $0) } })
        }
        return (whole?.names == nil ? matrices : [], [])
    }

    /// Why a tensor holds none of the selected layers; nil if it holds one.
    ///
    /// - Parameters:
    ///   - chosen: the names of the tensors that hold the selected layers.
    ///   - isDefault: whether they were selected because none were named.
    package func leftOut(_ tensor: TensorRecord, chosen: Set<String>, isDefault: Bool) -> LeftOut? {
        if chosen.contains(tensor.name) { return nil }
        if ties.isRepeated(tensor.name), layers.contains(where: { $0.tensorName == ties.first(tensor.name) }) { return .tied }
        if let reason = reasons[tensor.name] { return reason }
        guard isDefault else { return .notNamed }
        switch family.defaultLayers {
        case .mlpInputs: return .notMLPInput
        case .innerLayers: return .chainEnd
        case .all: return whole?.isChain == true ? .chainEnd : .notNamed
        }
    }

    /// What a tensor is judging by its own name, shape and readers, whatever other names it has; nil for a weight matrix.
    package func role(of tensor: String) -> LeftOut? { roles[tensor] }

    /// The layer of this name, any of several, or nil if there is none.
    package subscript(name: String) -> Layer? { (places[name] ?? otherPlaces[name]).map { layers[$0] } }

    /// All names of a layer, that by which it is called first.
    package func names(of layer: Layer) -> [String] {
        let own = layer.tensorName
        let others = ties.names(own).filter { $0 != own }
        return [layer.name] + others.map { $0 + layer.name.dropFirst(own.count) }
    }

    /// What the file calls a layer, if that is another name.
    func fileName(of layer: Layer) -> String? { fileNames?.name(of: layer) }

    /// The layer that the file calls `name`; nil if there is none, or files and models have the same names.
    package func layer(inFile name: String) -> Layer? {
        fileNames.flatMap { names in layers.first { names.name(of: $0) == name } }
    }

    /// Whether the model has learned the tensor's values: real numbers, no mask, table or running mean.
    package func isParameter(_ tensor: TensorRecord) -> Bool {
        guard tensor.dtype.isFloatingPoint else { return false }
        let name = TensorName(tensor.name)
        switch TensorRoles.buffer(name) {
        case nil: return true
        // A causal mask may be called bias; so is every bias, in one dimension or, by heads, in two.
        case .bias: return name.last != "bias" || tensor.shape.count < 2
        default: return false
        }
    }

    /// `model_type` of a `config.json`, or nil if it has none.
    private static func modelType(_ configuration: ByteRegion) -> String? {
        guard configuration.count <= 1 << 24 else { return nil }
        return configuration.withUnsafeBytes { JSONCursor.member("model_type", of: $0) }?.text
    }
}
