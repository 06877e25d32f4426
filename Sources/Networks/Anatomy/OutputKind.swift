/// What the numbers of a network's output are.
package enum OutputKind: Sendable {
    /// Scores of the next token at each position of a model of tokens, of classes for all others.
    case answers
    /// Scores of the classes of whole samples, [samples, classes], whatever the samples are.
    case classes
    /// Scores of the token at each position itself, [samples, length, vocabulary]: the model sees the tokens on both sides.
    case maskedTokens
    /// No scores: states that a head would read.
    case states
}
