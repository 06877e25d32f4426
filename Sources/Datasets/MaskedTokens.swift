import Tensors
import Text

/// Sequences in which some tokens are replaced by a mask token, whose places ask for the tokens that were there.
///
/// In each sequence the share ``share`` of its tokens, at least one, is replaced; tokens that mean no text (those at the ends, padding) are
/// not among them. Which ones is decided by the seed and the sample's place in the file. All become the mask token: the original training of
/// BERT replaces a fifth of them by other tokens or leaves them, which would make the answers of an evaluation depend on more chance.
struct MaskedTokens {
    let mask: Int32
    /// The tokens that mean no text.
    let special: Set<Int32>
    let seed: UInt64

    static let share = 0.15

    /// `dataset` with masked tokens.
    ///
    /// - Throws: ``Problem`` if no sample has a token to mask.
    func masking(_ dataset: Dataset) throws(Problem) -> Dataset {
        guard case .tokens(let tokens) = dataset.inputs else { return dataset }
        var sequences: [[Int32]] = []
        var answers: [[Dataset.MaskedAnswer]] = []
        for sample in 0..<tokens.count {
            var ids = Array(tokens.tokens(of: sample))
            var places = ids.indices.filter { ids[$0] != mask && !special.contains(ids[$0]) }
            var generator = SeededGenerator(seed: seed, purpose: "masked tokens", index: sample)
            let count = places.isEmpty ? 0 : max(1, Int((Double(places.count) * Self.share).rounded()))
            // The first places of a random order.
            for place in 0..<count { places.swapAt(place, place + generator.integer(below: places.count - place)) }
            let chosen = places.prefix(count).sorted()
            answers.append(chosen.map { Dataset.MaskedAnswer(position: $0, token: ids[$0]) })
            for place in chosen { ids[place] = mask }
            sequences.append(ids)
        }
        guard answers.contains(where: { !$0.isEmpty }) else {
            throw Problem(path: dataset.name, problem: "has no token that could be masked", expected: "text in some sample")
        }
        return Dataset(name: dataset.name, inputs: .tokens(TokenSequences(sequences)), targets: .masked(answers))
    }
}
