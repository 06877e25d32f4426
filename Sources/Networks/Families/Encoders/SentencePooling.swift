import Archives
import Text

/// How the states of a text become the embedding of a sentence, as sentence-transformers writes it into `1_Pooling/config.json`.
enum SentencePooling {
    /// The mean of the states; so too without a file.
    case mean
    /// The state of the first token.
    case first
    /// What is not computed here: there is no embedding of sentences.
    case other

    /// - Throws: ``Problem`` for a file that is no such configuration.
    init(_ file: ByteRegion?) throws(Problem) {
        guard let file else {
            self = .mean
            return
        }
        do throws(Problem) {
            let settings = try Configuration(file)
            let flags = [
                "cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens", "lasttoken",
            ]
            var modes: [String] = []
            for flag in flags where try settings.flag("pooling_mode_" + flag) ?? false { modes.append(flag) }
            if modes.isEmpty, let mode = try settings.text("pooling_mode") { modes = [mode] }
            switch modes {
            case ["mean_tokens"], ["mean"]: self = .mean
            case ["cls_token"], ["cls"]: self = .first
            default: self = .other
            }
        } catch {
            var problem = error
            problem.subject = "1_Pooling/" + (error.subject ?? "config.json")
            throw problem
        }
    }
}
