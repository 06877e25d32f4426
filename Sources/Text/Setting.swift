/// A setting of a run, for problems that are about the setting itself. Libraries know no options: the command line has a name for
/// each of these.
package enum Setting: Sendable, Equatable, CaseIterable {
    case architecture
    case base
    case batchSize
    case context
    case epochs
    case faithfulness
    case frozenParameters
    case labels
    case layers
    case normalization
    case sites
    case task
    case trainedParameters
    // The sizes of a model for modular addition.
    case blockCount
    case headCount
    case neuronCount
    case width
}

extension Setting: CustomStringConvertible {
    /// The setting for a caller without a command line.
    package var description: String {
        switch self {
        case .architecture: "the architecture"
        case .base: "the base model"
        case .batchSize: "the samples of a batch"
        case .context: "the context length"
        case .epochs: "the number of epochs"
        case .faithfulness: "the wanted faithfulness"
        case .frozenParameters: "the parameters to freeze"
        case .labels: "the file of labels"
        case .layers: "the choice of layers"
        case .normalization: "the normalization"
        case .sites: "the choice of sites"
        case .task: "the task"
        case .trainedParameters: "the parameters to train"
        case .blockCount: "the number of blocks"
        case .headCount: "the number of heads"
        case .neuronCount: "the number of neurons"
        case .width: "the width"
        }
    }
}
