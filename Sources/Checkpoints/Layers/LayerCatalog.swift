import Archives
import Text

/// What the tensors of one checkpoint are: the family of the model, and the weight matrices in the order of its layers.
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
    /// What showed the family.
    package let familySource: FamilySource
    /// Every tensor that can be read as a weight matrix: in chain order for a plain chain, else in the file's order where that is the
    /// model's, else by name with numbers compared as numbers.
    package let layers: [Layer]
    /// The tensors that the checkpoint names and that cannot be read.
    package let unreadable: [UnreadableTensor]
    /// Those of ``unreadable`` that would be among the layers taken by default.
    let unreadableDefaults: [UnreadableTensor]
    /// The names of every tensor of the checkpoint, in the order of ``layers`` as far as that goes.
    let names: [TensorName]
    /// The place of each layer by its tensor's name.
    private let places: [String: Int]
    /// The tensors that the pattern `all` leaves out: masks, tables and integers.
    private let bufferNames: Set<String>
    private let mlpInputNames: Set<String>

    /// What the tensors of a checkpoint are, by their names and shapes and its configuration.
    package init(_ checkpoint: Checkpoint, families: ModelFamilies = .standard) {
        self.init(
            tensors: checkpoint.tensors, unreadable: checkpoint.unreadable, keepsOrder: checkpoint.keepsOrder,
            configuration: checkpoint.configuration, families: families)
    }

    /// What the given tensors are.
    ///
    /// - Parameters:
    ///   - keepsOrder: whether the order of `tensors` is that in which the model defines them.
    ///   - configuration: the bytes of the model's `config.json`; one that is no JSON object counts as none.
    ///   - families: those that are known.
    package init(
        tensors: [TensorRecord], unreadable: [UnreadableTensor] = [], keepsOrder: Bool, configuration: ByteRegion? = nil,
        families: ModelFamilies = .standard
    ) {
        let ordered = keepsOrder || tensors.isInNaturalOrder ? tensors : tensors.sorted { $0.name.precedesNaturally($1.name) }
        let names = ordered.map { TensorName($0.name) }
        let shapes = ordered.map(\.shape)

        let configured = configuration.flatMap(Self.modelType).flatMap(families.family(modelType:))
        // A tensor that cannot be read tells the family by its name all the same.
        let named = families.family(
            of: TensorNames(names + unreadable.map { TensorName($0.name) }, shapes: shapes + unreadable.map { $0.shape ?? [] }))
        let known = configured ?? named
        let rules = OrientationRules(family: known ?? .unknown, names: names, shapes: shapes)

        var buffers: Set<String> = []
        var layers: [Layer] = []
        for (tensor, name) in zip(ordered, names) {
            if isBuffer(name) || !tensor.dtype.isFloatingPoint { buffers.insert(tensor.name) }
            if let layout = rules.layout(of: name, shape: tensor.shape) { layers.append(Layer(tensor: tensor, layout: layout)) }
        }

        if let known {
            family = known
            familySource = configured != nil ? .configuration : .names
        } else {
            let matrices = layers.filter { !buffers.contains($0.name) }
            let order = keepsOrder ? Array(matrices.indices) : ChainOrder.order(of: matrices.map(\.layout))
            let chain = order.map { matrices[$0] }
            // A chain with a missing link may follow shape by shape by chance.
            let isChain = !chain.isEmpty && !unreadable.contains(where: \.mayBeMatrix) && ChainOrder.isChain(chain.map(\.layout))
            family = isChain ? .chain : .unknown
            familySource = .shapes
            if isChain { layers = chain + layers.filter { buffers.contains($0.name) } }
        }
        // Masks and tables that one file has and another has not move nobody.
        var place = (matrix: 0, buffer: layers.count { !buffers.contains($0.name) })
        self.layers = layers.map { layer in
            let own = buffers.contains(layer.name) ? place.buffer : place.matrix
            if buffers.contains(layer.name) { place.buffer += 1 } else { place.matrix += 1 }
            return Layer(tensor: layer.tensor, layout: layer.layout, place: own)
        }
        places = Dictionary(layers.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
        self.names = names
        self.unreadable = unreadable
        if case .mlpInputs = family.defaultLayers {
            unreadableDefaults = unreadable.filter { $0.mayBeMatrix && families.isMLPInput(TensorName($0.name)) }
        } else {
            unreadableDefaults = []
        }
        bufferNames = buffers

        let readable = Set(layers.lazy.map(\.name)).subtracting(buffers)
        var inputs = Set(names.lazy.filter { readable.contains($0.full) && families.isMLPInput($0) }.map(\.full))
        if inputs.isEmpty {
            inputs = Set(names.lazy.filter { readable.contains($0.full) && families.isFusedMLPInput($0) }.map(\.full))
        }
        mlpInputNames = inputs
    }

    /// Every floating-point weight matrix without masks and tables: what the pattern `all` takes.
    package var weightMatrices: [Layer] { layers.filter { !bufferNames.contains($0.name) } }

    /// The layers that are taken where none are named: the MLP input matrix of every block of a transformer; of a plain chain every
    /// weight except the first and the last; where that leaves none, and for models of unknown structure, all weight matrices.
    package var defaultLayers: [Layer] {
        let matrices = weightMatrices
        let chosen: [Layer]
        switch family.defaultLayers {
        case .mlpInputs: chosen = matrices.filter { mlpInputNames.contains($0.name) }
        case .innerLayers: chosen = Array(matrices.dropFirst().dropLast())
        case .all: chosen = matrices
        }
        return chosen.isEmpty ? matrices : chosen
    }

    /// The layer that a tensor's own name names, or nil where there is none.
    package subscript(name: String) -> Layer? { places[name].map { layers[$0] } }

    /// Whether the model has learned the tensor's values: real numbers, no mask, table or running mean.
    package func isParameter(_ tensor: TensorRecord) -> Bool {
        guard tensor.dtype.isFloatingPoint else { return false }
        guard bufferNames.contains(tensor.name) else { return true }
        // A causal mask may be called bias; so is every bias, in one dimension or, by heads, in two.
        switch TensorName(tensor.name).last {
        case "bias": return tensor.shape.count < 2
        case "b_Q", "b_K", "b_V": return true
        default: return false
        }
    }

    /// `model_type` of a `config.json`, or nil where it has none.
    private static func modelType(_ configuration: ByteRegion) -> String? {
        guard configuration.count <= 1 << 24 else { return nil }
        return configuration.withUnsafeBytes { JSONCursor.member("model_type", of: $0) }?.text
    }
}
