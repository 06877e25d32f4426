import Text

/// The `tokenizer.json` that a GGUF file's metadata amount to.
///
/// Two kinds are read: byte-level pairs (`gpt2`), whose words are split by a pattern that the file names, and SentencePiece's pairs (`llama`),
/// whose merges follow from the scores of the tokens. Source: llama.cpp's `llama-vocab.cpp`.
struct LlamaCppTokenizer {
    /// The text of the file; nil if the metadata hold no tokenizer.
    let json: String?

    /// What a token is, in `tokenizer.ggml.token_type`.
    private enum Kind {
        static let normal = 1.0
        static let unknown = 2.0
        static let control = 3.0
        static let userDefined = 4.0
        static let byte = 6.0
    }

    init(_ metadata: LlamaCppMetadata) throws(Problem) {
        guard let model = try metadata.text("tokenizer.ggml.model") else {
            json = nil
            return
        }
        guard model == "gpt2" || model == "llama" else {
            throw Problem(
                "tokenizers of this kind are not read", subject: "'tokenizer.ggml.model'", expected: "gpt2 or llama",
                found: model.quotedInMessage)
        }
        guard let tokens = try metadata.texts("tokenizer.ggml.tokens"), !tokens.isEmpty else {
            throw Problem("is missing from the metadata", subject: "'tokenizer.ggml.tokens'", expected: "a list of tokens")
        }
        let kinds = try metadata.numbers("tokenizer.ggml.token_type") ?? []
        func kind(_ token: Int) -> Double { token < kinds.count ? kinds[token] : Kind.normal }
        var parts = [#""version": "1.0""#]
        let added = tokens.indices.filter { kind($0) == Kind.control || kind($0) == Kind.userDefined }
        parts.append(
            #""added_tokens": ["#
                + added.map { token in
                    #"{"id": \#(token), "content": \#(JSONText.string(tokens[token])), "single_word": false, "lstrip": false, "#
                        + #""rstrip": false, "normalized": false, "special": \#(kind(token) == Kind.control)}"#
                }.joined(separator: ", ") + "]")
        let vocabulary = "{" + Self.distinct(tokens).map { "\(JSONText.string($1)): \($0)" }.joined(separator: ", ") + "}"
        let isPieces = model == "llama"
        if isPieces {
            parts += try Self.pieces(
                metadata, tokens, vocabulary, unknown: tokens.indices.first { kind($0) == Kind.unknown }.map { tokens[$0] })
        } else {
            parts += try Self.byteLevel(metadata, vocabulary)
        }
        parts.append(#""post_processor": "# + (try Self.template(metadata, tokens, beginsByDefault: isPieces)))
        json = "{" + parts.joined(separator: ", ") + "}"
    }

    /// Tokens by id, without those that have the text of an earlier one.
    private static func distinct(_ tokens: [String]) -> [(id: Int, text: String)] {
        var seen: Set<[UInt8]> = []
        return tokens.enumerated().compactMap { id, text in seen.insert(Array(text.utf8)).inserted ? (id, text) : nil }
    }

    // MARK: - Pairs of bytes

    /// The patterns that split a text into words, by the names that files give them.
    private static let patterns: [(names: [String], splits: [String])] = {
        let contraction = #"(?i:'s|'t|'re|'ve|'m|'ll|'d)"#
        let rest = #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
        let words = contraction + #"|[^\r\n\p{L}\p{N}]?\p{L}+"#
        let gpt2 = #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
        // What llama.cpp takes for files that name no pattern.
        let standard = [
            #"[\p{P}\$\+<=>\^~\|]+"#, #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)"#, #"\p{N}+"#,
            "[0-9][0-9][0-9]",
        ]
        return [
            (["default"], standard),
            (["llama3", "llama-v3", "llama-bpe", "falcon3", "smaug-bpe", "dbrx"], [words + #"|\p{N}{1,3}"# + rest]),
            (["qwen2", "stablelm2", "deepseek-r1-qwen", "megrez"], [words + #"|\p{N}"# + rest]),
            (["gpt-2", "mpt", "olmo", "jais", "phi-2", "gigachat", "jina-es", "jina-de", "roberta-bpe"], [gpt2]),
            (["starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b"], [#"\p{N}"#, gpt2]),
        ]
    }()

    private static func byteLevel(_ metadata: LlamaCppMetadata, _ vocabulary: String) throws(Problem) -> [String] {
        let name = try metadata.text("tokenizer.ggml.pre") ?? "default"
        guard let found = patterns.first(where: { $0.names.contains(name) }) else {
            throw Problem(
                "words split in this way are not read", subject: "'tokenizer.ggml.pre'",
                expected: patterns.flatMap(\.names).listed(atMost: 40), found: name.quotedInMessage)
        }
        let merges = try metadata.texts("tokenizer.ggml.merges") ?? []
        let ignoresMerges = found.names.contains("llama-bpe")
        var steps = found.splits.map {
            #"{"type": "Split", "pattern": {"Regex": \#(JSONText.string($0))}, "behavior": "Isolated", "invert": false}"#
        }
        steps.append(#"{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false}"#)
        return [
            #""normalizer": null"#,
            #""pre_tokenizer": {"type": "Sequence", "pretokenizers": ["# + steps.joined(separator: ", ") + "]}",
            #""decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true}"#,
            #""model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null, "end_of_word_suffix": null, "#
                + #""fuse_unk": false, "byte_fallback": false, "ignore_merges": \#(ignoresMerges), "vocab": "# + vocabulary
                + #", "merges": ["#
                + merges.map(JSONText.string).joined(separator: ", ") + "]}",
        ]
    }

    // MARK: - SentencePiece's pairs

    private static let sign = "\u{2581}"

    private static func pieces(_ metadata: LlamaCppMetadata, _ tokens: [String], _ vocabulary: String, unknown: String?) throws(Problem)
        -> [String]
    {
        guard let scores = try metadata.numbers("tokenizer.ggml.scores"), scores.count == tokens.count else {
            throw Problem(
                "is missing from the metadata, or has another length than the tokens", subject: "'tokenizer.ggml.scores'",
                expected: "\(tokens.count) numbers")
        }
        let hasPrefix = try metadata.flag("tokenizer.ggml.add_space_prefix") ?? true
        let replace = #"{"type": "Replace", "pattern": {"String": " "}, "content": "\#(sign)"}"#
        let normalizers = (hasPrefix ? [#"{"type": "Prepend", "prepend": "\#(sign)"}"#] : []) + [replace]
        let strip = hasPrefix ? [#"{"type": "Strip", "content": " ", "start": 1, "stop": 0}"#] : []
        let decoders = [
            #"{"type": "Replace", "pattern": {"String": "\#(sign)"}, "content": " "}"#, #"{"type": "ByteFallback"}"#, #"{"type": "Fuse"}"#,
        ]
        return [
            #""normalizer": {"type": "Sequence", "normalizers": ["# + normalizers.joined(separator: ", ") + "]}",
            #""pre_tokenizer": null"#,
            #""decoder": {"type": "Sequence", "decoders": ["# + (decoders + strip).joined(separator: ", ") + "]}",
            #""model": {"type": "BPE", "dropout": null, "unk_token": "# + (unknown.map(JSONText.string) ?? "null")
                + #", "continuing_subword_prefix": null, "end_of_word_suffix": null, "fuse_unk": true, "byte_fallback": true, "#
                + #""ignore_merges": false, "vocab": "# + vocabulary + #", "merges": ["#
                + merges(tokens, scores).map { "[\(JSONText.string($0)), \(JSONText.string($1))]" }.joined(separator: ", ") + "]}",
        ]
    }

    /// The pairs of tokens that make a token, those of the highest score first: llama.cpp joins the neighbours whose sum scores highest.
    private static func merges(_ tokens: [String], _ scores: [Double]) -> [(String, String)] {
        var ids: [[UInt8]: Int] = [:]
        for (id, token) in tokens.enumerated() where ids[Array(token.utf8)] == nil { ids[Array(token.utf8)] = id }
        let order = tokens.indices.sorted { (-scores[$0], $0) < (-scores[$1], $1) }
        var found: [(String, String)] = []
        for token in order {
            let bytes = Array(tokens[token].utf8)
            // Byte tokens are spelled out and joined by nothing.
            guard bytes.count > 1, bytes.count <= 256, ids[bytes] == token, !isByte(bytes) else { continue }
            var splits: [(Int, Int, Int)] = []
            for end in 1..<bytes.count where bytes[end] & 0xC0 != 0x80 {
                guard let left = ids[Array(bytes[..<end])], let right = ids[Array(bytes[end...])] else { continue }
                splits.append((left, right, end))
            }
            for split in splits.sorted(by: <) {
                found.append((String(decoding: bytes[..<split.2], as: UTF8.self), String(decoding: bytes[split.2...], as: UTF8.self)))
            }
        }
        return found
    }

    private static func isByte(_ bytes: [UInt8]) -> Bool {
        bytes.count == 6 && bytes.starts(with: "<0x".utf8) && bytes[5] == UInt8(ascii: ">")
    }

    // MARK: - Special tokens

    private static func template(_ metadata: LlamaCppMetadata, _ tokens: [String], beginsByDefault: Bool) throws(Problem) -> String {
        func token(_ name: String, isAdded: Bool) throws(Problem) -> (name: String, id: Int)? {
            guard isAdded, let value = metadata.value("tokenizer.ggml.\(name)_token_id") else { return nil }
            guard case .integer(let id) = value, tokens.indices.contains(id) else {
                throw Problem(
                    "cannot be used", subject: "'tokenizer.ggml.\(name)_token_id'", expected: "0 to \(tokens.count - 1)", found: value.kind)
            }
            return (tokens[id], id)
        }
        let pre = try metadata.text("tokenizer.ggml.pre") ?? ""
        let begins =
            try metadata.flag("tokenizer.ggml.add_bos_token")
            ?? (beginsByDefault || ["llama-bpe", "llama3", "llama-v3", "falcon3"].contains(pre))
        let ends = try metadata.flag("tokenizer.ggml.add_eos_token") ?? false
        let (first, last) = (try token("bos", isAdded: begins), try token("eos", isAdded: ends))
        guard first != nil || last != nil else { return "null" }
        func piece(_ token: (name: String, id: Int)) -> String {
            #"{"SpecialToken": {"id": \#(JSONText.string(token.name)), "type_id": 0}}"#
        }
        let text = #"{"Sequence": {"id": "A", "type_id": 0}}"#
        let single = (first.map { [piece($0)] } ?? []) + [text] + (last.map { [piece($0)] } ?? [])
        var seen: Set<Int> = []
        let special = [first, last].compactMap { $0 }.filter { seen.insert($0.id).inserted }.map { token in
            let name = JSONText.string(token.name)
            return #"\#(name): {"id": \#(name), "ids": [\#(token.id)], "tokens": [\#(name)]}"#
        }
        return
            #"{"type": "TemplateProcessing", "single": [\#(single.joined(separator: ", "))], "pair": [], "special_tokens": {\#(special.joined(separator: ", "))}}"#
    }
}
