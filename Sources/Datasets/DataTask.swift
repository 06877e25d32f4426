/// What a model is asked to do with its data, where the data alone does not say.
package enum DataTask: String, Sendable, CaseIterable {
    case classify
    case nextToken = "next-token"
    case masked
    case regression
    case reconstruction

    /// What the value means, in a sentence, for help and manual.
    package var documentation: String {
        switch self {
        case .classify: "The label of a sample is the output that should be the largest."
        case .nextToken: "Every position's answer is the token after it; labels are not read."
        case .masked: "Tokens are replaced by the tokenizer's mask token, and are the answers."
        case .regression: "The labels are numbers, compared with the outputs by the mean squared error."
        case .reconstruction: "The input itself is compared with the outputs by the mean squared error; labels are not read."
        }
    }

    /// Whether answers are right or wrong; otherwise they are only near or far.
    package var hasRightAnswers: Bool { self != .regression && self != .reconstruction }
}

extension Dataset {
    /// What the samples ask for; nil if they ask for nothing.
    package var task: DataTask? {
        switch targets {
        case .labels: .classify
        // An answer after the last position is a token or a class; both are counted in the same way.
        case .answers: .classify
        case .nextToken: .nextToken
        case .masked: .masked
        case .numbers: .regression
        case .inputs: .reconstruction
        case .none: nil
        }
    }
}
