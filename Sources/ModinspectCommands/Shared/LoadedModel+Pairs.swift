import Datasets
import Evaluation
import Interventions
import Text

extension LoadedModel {
    /// The pairs that the options name, texts read with this checkpoint's tokenizer.
    ///
    /// - Throws: ``Problem`` for data that are no pairs, prompts of unequal length and answers that are not one token;
    ///   ``Problem`` where no pairs can be drawn.
    func behaviourPairs(_ options: DataOptions, from pairs: PairOptions, seed: UInt64) throws -> BehaviourPairs {
        try behaviourPairs(options.data, options.source.samples, from: pairs, seed: seed)
    }

    /// The pairs of a path.
    func behaviourPairs(_ path: String, _ options: SampleOptions, from pairs: PairOptions, seed: UInt64) throws -> BehaviourPairs {
        switch pairs.source {
        case .byClass: return try BehaviourPairs(byClass: dataset(path, options, seed: seed), seed: seed)
        case .file:
            let given = [
                ("--labels", options.labels != nil), ("--normalize", options.normalize != nil), ("--context", options.context != nil),
            ]
            if let option = given.first(where: \.1) {
                throw Problem(path: path, problem: "\(option.0) does not apply to prompt pairs")
            }
            if path.hasPrefix("modadd:") {
                throw Problem(
                    path: path, problem: "no prompt pairs", hint: "--pairs by-class draws pairs from samples with a class each")
            }
            let prompts = try PromptPairs.open(path)
            let tokenizer = prompts.holdsText ? tokenizer : nil
            let tokens = try prompts.tokenized(
                prompt: tokenizer.map { tokenizer in { try tokenizer.encodePrompt($0) } },
                answer: tokenizer.map { tokenizer in { try tokenizer.encode($0) } },
                spelling: tokenizer.map { tokenizer in { try tokenizer.text(of: $0) } })
            let all = BehaviourPairs(tokens)
            return options.limit.map(all.prefix) ?? all
        }
    }
}
