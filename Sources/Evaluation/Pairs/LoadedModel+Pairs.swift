import Datasets
import Networks
import Text

/// Where pairs of a clean and a corrupted sample come from.
package enum PairSource: Sendable {
    case given(BehaviourPairs)
    /// The first `limit` pairs of a file of prompt pairs.
    case file(String, limit: Int?)
    /// Samples with a class each, from which pairs are drawn under the seed.
    case byClass(DatasetSource, seed: UInt64)
}

extension LoadedModel {
    /// The pairs of a source, texts read with this checkpoint's tokenizer.
    ///
    /// - Throws: ``Problem`` for data that are not pairs, prompts of unequal length and answers that are not one token;
    ///   ``Problem`` if no pairs can be drawn.
    package func behaviourPairs(_ source: PairSource) throws -> BehaviourPairs {
        switch source {
        case .given(let pairs): return pairs
        case .byClass(let source, let seed): return try BehaviourPairs(byClass: dataset(source), seed: seed)
        case .file(let path, let limit):
            if path.hasPrefix("modadd:") {
                throw Problem(path: path, problem: "no prompt pairs", hint: .drawPairsByClass)
            }
            let prompts = try PromptPairs.open(path)
            let tokenizer = prompts.holdsText ? tokenizer : nil
            let tokens = try prompts.tokenized(
                prompt: tokenizer.map { tokenizer in { try tokenizer.encodePrompt($0) } },
                answer: tokenizer.map { tokenizer in { try tokenizer.encode($0) } },
                spelling: tokenizer.map { tokenizer in { try tokenizer.text(of: $0) } })
            let all = BehaviourPairs(tokens)
            return limit.map(all.prefix) ?? all
        }
    }
}
