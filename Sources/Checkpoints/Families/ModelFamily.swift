/// What is known about the checkpoints of a family of models: one entry of ``ModelFamilies``.
///
/// A family's network is built in `Networks`, by a `RunnableFamily` that refers to this entry.
package struct ModelFamily: Sendable {
    /// The layers that are selected if none are named.
    package enum DefaultLayers: Sendable {
        /// The MLP input matrix of every block.
        case mlpInputs
        /// Every weight matrix except the first and the last.
        case innerLayers
        /// Every weight matrix.
        case all
    }

    /// Recognises the family by its tensors' names; nil if only a `model_type` or the shapes identify it.
    package typealias Recognition = @Sendable (TensorNames) -> Bool
    /// How the family stores a tensor of this name and shape; nil if the general rules apply.
    package typealias Layout = @Sendable (_ name: TensorName, _ shape: [Int]) -> MatrixLayout?

    /// The name of the family in results; also a `model_type`, unless the family has no configurations.
    package let name: String
    /// The models of the family, for help and manual.
    package let summary: String
    /// The values of `model_type` in `config.json`.
    package let modelTypes: [String]
    /// The prefixes of the names of the model's body in the family's checkpoints, each with its dot.
    package let prefixes: [String]
    /// The names of the MLPs' matrices; the inputs are the default layers.
    package let mlpInputs: [MLPNames]
    /// The layers that are selected if none are named.
    package let defaultLayers: DefaultLayers
    let isRecognized: Recognition?
    let layout: Layout?

    /// - Parameters:
    ///   - modelTypes: nil for the name alone.
    ///   - layout: takes precedence over the general rules.
    package init(
        _ name: String, summary: String, modelTypes: [String]? = nil, prefixes: [String] = [], mlpInputs: [MLPNames] = [],
        defaultLayers: DefaultLayers = .mlpInputs, layout: Layout? = nil, isRecognized: Recognition? = nil
    ) {
        self.name = name
        self.summary = summary
        self.modelTypes = modelTypes ?? [name]
        self.prefixes = prefixes
        self.mlpInputs = mlpInputs
        self.defaultLayers = defaultLayers
        self.layout = layout
        self.isRecognized = isRecognized
    }

    /// Whether the default choice of layers is the MLP input matrix of every block.
    package var hasBlocks: Bool {
        switch defaultLayers {
        case .mlpInputs: true
        case .innerLayers, .all: false
        }
    }
}

/// Two families are equal if their names are.
extension ModelFamily: Hashable {
    package static func == (a: ModelFamily, b: ModelFamily) -> Bool { a.name == b.name }
    package func hash(into hasher: inout Hasher) { hasher.combine(name) }
}
