import Archives
import Text

/// A checkpoint's own tokenizer: text to token ids and back, as defined by its `tokenizer.json`.
///
/// The ids are those of the `tokenizers` package's `encode(text).ids`, with truncation and padding off. Read are byte-level BPE
/// (GPT-2, GPT-NeoX, Llama 3, Qwen2), SentencePiece-style BPE with byte fallback (Llama 2, Mistral, Gemma), WordPiece (BERT), Unigram (T5, XLM-R,
/// ALBERT) and WordLevel; what else a file requires is an error that names it. One tokenizer may be used by several threads at once.
package struct Tokenizer: Sendable {
    /// Whether the special tokens that the tokenizer puts around a text are included.
    package enum SpecialTokens: Sendable {
        /// The text's own tokens and nothing else.
        case never
        /// According to the tokenizer's template: often a token that begins the text.
        case byTemplate
    }

    let path: String
    let model: TokenModel
    let patterns: PatternList
    let normalizer: Normalizer
    let preTokenizer: PreTokenizer
    let postProcessor: PostProcessor
    private let decoder: TokenDecoder
    let added: AddedVocabulary

    /// Reads a `tokenizer.json`.
    ///
    /// - Parameters:
    ///   - json: the file's bytes.
    ///   - path: how errors name the file.
    /// - Throws: ``Problem`` if the file is damaged or requires something that is not supported.
    package init(_ json: ByteRegion, path: String) throws {
        do {
            let file = try json.inMemory.withUnsafeBytes { try TokenizerFile($0.bindMemory(to: UInt8.self)) }
            var patterns = PatternList()
            self.path = path
            model = file.model
            normalizer = try Normalizer(file["normalizer"], patterns: &patterns)
            preTokenizer = try PreTokenizer(file["pre_tokenizer"], patterns: &patterns)
            postProcessor = try PostProcessor(file["post_processor"])
            decoder = try TokenDecoder(file["decoder"], patterns: &patterns)
            added = try AddedVocabulary(file["added_tokens"], model.vocabulary, normalizer, patterns)
            self.patterns = patterns
        } catch let problem as Problem {
            throw problem.at(path: path)
        }
    }

    /// The number of tokens, added ones included.
    package var vocabularySize: Int { model.vocabulary.count + added.countBesideModel }

    // MARK: - Text to tokens

    /// The token ids of `text`.
    ///
    /// - Throws: ``Problem`` if the vocabulary has no token for a part of the text, not even an unknown one although
    ///   one is named, or if a pattern of the tokenizer needs absurdly many steps on it.
    package func encode(_ text: String, addingSpecialTokens specialTokens: SpecialTokens) throws -> [Int32] {
        do {
            var text = text
            let tokens = try text.withUTF8 { try encode($0) }
            return specialTokens == .byTemplate ? postProcessor.apply(to: tokens) : tokens
        } catch let problem as Problem {
            throw problem.at(path: path)
        }
    }

    private func encode(_ text: UnsafeBufferPointer<UInt8>) throws -> [Int32] {
        var matcher = patterns.matcher()
        var run = EncodingRun(model, preTokenizer, patterns, matcher)
        for segment in try added.raw.segments(of: text) {
            if let token = segment.token {
                run.append(token)
                continue
            }
            let startsWholeText = segment.range.lowerBound == 0
            let part = UnsafeBufferPointer(rebasing: text[segment.range])
            if normalizer.steps.isEmpty {
                try encode(normalized: part, startsWholeText: startsWholeText, &run)
            } else {
                var normalized = Normalizer.Text(bytes: Array(part), startsWholeText: startsWholeText)
                try normalizer.apply(to: &normalized, patterns, &matcher)
                try normalized.bytes.withUnsafeBufferPointer {
                    try encode(normalized: $0, startsWholeText: normalized.startsWholeText, &run)
                }
            }
        }
        return run.tokens
    }

    private func encode(normalized text: UnsafeBufferPointer<UInt8>, startsWholeText: Bool, _ run: inout EncodingRun) throws {
        for segment in try added.normalized.segments(of: text) {
            if let token = segment.token {
                run.append(token)
            } else {
                let part = UnsafeBufferPointer(rebasing: text[segment.range])
                try run.append(part, startsWholeText: startsWholeText && segment.range.lowerBound == 0)
            }
        }
    }

    /// `ids` with the special tokens of the template around them.
    package func wrapped(_ ids: [Int32]) -> [Int32] { postProcessor.apply(to: ids) }

    /// The added tokens that mean no text.
    package var specialTokens: Set<Int32> { added.special }

    // MARK: - Tokens to text

    /// The text of `tokens`, special ones included; ids that are not tokens are skipped.
    package func decode(_ tokens: [Int32]) -> String {
        decoder.text(of: tokens.compactMap { added.form(of: $0) ?? model.vocabulary.token($0) }, .wholeText, patterns)
    }

    /// The text that `token` represents, including the space before a word; nil if the id is not a token.
    ///
    /// A token that is only part of a character gives U+FFFD.
    package func text(of token: Int32) -> String? {
        bytes(of: token).map { decoder.text(of: [$0], .oneToken, patterns) }
    }

    /// The token as the vocabulary writes it (`Ġthe`, `▁the`, `<0x0A>`); nil if the id is not a token.
    package func entry(of token: Int32) -> String? {
        bytes(of: token).map { String(decoding: $0, as: UTF8.self) }
    }

    /// The id of the token that the vocabulary, or the list of added tokens, writes as `entry`.
    package func token(id entry: String) -> Int32? {
        added.id(of: Array(entry.utf8)) ?? model.vocabulary.id(of: entry)
    }

    private func bytes(of token: Int32) -> [UInt8]? { added.content(of: token) ?? model.vocabulary.token(token) }
}
