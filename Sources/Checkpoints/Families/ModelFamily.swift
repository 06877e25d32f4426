/// A family of models as its checkpoints show it: one entry of ``ModelFamilies``.
///
/// How a family's network is built is said in `Networks`, by a `RunnableFamily` that carries this entry.
package struct ModelFamily: Sendable {
    /// The layers that are taken where none are named.
    package enum DefaultLayers: Sendable {
        /// The MLP input matrix of every block.
        case mlpInputs
        /// Every weight matrix except the first and the last.
        case innerLayers
        /// Every weight matrix.
        case all
    }

    /// What tells the family by its tensors' names; nil where only a `model_type` or the shapes do.
    package typealias Recognition = @Sendable (TensorNames) -> Bool
    /// How the family stores a tensor of a name and a shape; nil where the rules that hold for all families decide.
    package typealias Layout = @Sendable (_ name: TensorName, _ shape: [Int]) -> MatrixLayout?

    /// What results call the family; also a `model_type`, unless it is a family without configurations.
    package let name: String
    /// The models of the family, for help and manual.
    package let summary: String
    /// The values of `model_type` in `config.json`.
    package let modelTypes: [String]
    /// What the family's checkpoints put in front of the names of the model's body, each with its point.
    package let prefixes: [String]
    /// The names of the MLPs' matrices, of which the input is the default choice.
    package let mlpInputs: [MLPNames]
    /// The layers that are taken where none are named.
    package let defaultLayers: DefaultLayers
    let isRecognized: Recognition?
    let layout: Layout?

    /// - Parameters:
    ///   - modelTypes: nil for the name alone.
    ///   - layout: asked before the rules that hold for all families.
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

/// Families are told apart by their names.
extension ModelFamily: Hashable {
    package static func == (a: ModelFamily, b: ModelFamily) -> Bool { a.name == b.name }
    package func hash(into hasher: inout Hasher) { hasher.combine(name) }
}
