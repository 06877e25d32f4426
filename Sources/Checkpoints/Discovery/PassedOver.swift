/// Why a file is not a checkpoint of its own.
package enum PassedOver: CaseIterable, Sendable {
    case training, data, sameModel, foreign, again, excluded

    /// For messages, after a count of files.
    package var reason: String {
        switch self {
        case .training: "hold the state of training"
        case .data: "hold data"
        case .sameModel: "hold a model beside them in another form"
        case .foreign: "are of a format that is not supported"
        case .again: "are others under another name, or given twice"
        case .excluded: "do not match the patterns"
        }
    }
}
