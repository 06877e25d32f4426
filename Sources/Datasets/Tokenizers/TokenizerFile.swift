import Text

/// The parts of a `tokenizer.json`, read but not yet put together.
struct TokenizerFile {
    private(set) var model: TokenModel
    private(set) var sections: [String: JSONSection] = [:]

    static let maximumLength = 200_000_000

    /// Reads the file; sections that say nothing about the tokens of a text (`truncation`, `padding`) are skipped.
    init(_ bytes: UnsafeBufferPointer<UInt8>) throws {
        guard bytes.count <= Self.maximumLength else {
            throw Problem("the tokenizer is too long", expected: "at most \(Self.maximumLength) bytes", found: "\(bytes.count)")
        }
        guard String(validating: bytes, as: UTF8.self) != nil else {
            throw Problem("is not a tokenizer in JSON", expected: "text in UTF-8", found: "other bytes")
        }
        var sections: [String: JSONSection] = [:]
        var model: ModelReader?
        var cursor = JSONCursor(bytes, kind: "a tokenizer in JSON")
        try cursor.readObject { cursor, name in
            switch name {
            case "version", "added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder":
                guard sections[name] == nil else { throw Problem("the part '\(name)' appears twice") }
                sections[name] = JSONSection(value: try cursor.value(), place: name)
            case "model":
                guard model == nil else { throw Problem("the part 'model' appears twice") }
                model = try ModelReader(&cursor)
            default: try cursor.skip()
            }
        }
        try cursor.readEnd()
        guard let model else { throw Problem("is not a tokenizer: it has no part 'model'") }
        self.model = try model.model()
        self.sections = sections
        if let version = sections["version"], try version.string() != "1.0" { throw version.mismatch("'1.0'") }
    }

    /// The part `name`; null if there is none.
    subscript(_ name: String) -> JSONSection { sections[name] ?? JSONSection(value: .null, place: name) }
}

/// The part `model`, with vocabulary and merges taken straight from the text.
private struct ModelReader {
    private var members: [JSONValue.Member] = []
    private var vocabulary: Vocabulary?
    private var merges: MergeList?
    /// The score of each token, for models that have scores.
    private var scores: [Double] = []

    init(_ cursor: inout JSONCursor) throws {
        var (members, vocabulary, merges): ([JSONValue.Member], Vocabulary?, MergeList?) = ([], nil, nil)
        var scores: [Double] = []
        try cursor.readObject { cursor, name in
            switch name {
            case "vocab" where vocabulary == nil && cursor.peek() == UInt8(ascii: "{"): vocabulary = try Self.vocabulary(&cursor)
            case "merges" where merges == nil && cursor.peek() == UInt8(ascii: "["): merges = try Self.merges(&cursor)
            // Unigram lists pairs of tokens and scores.
            case "vocab" where vocabulary == nil && cursor.peek() == UInt8(ascii: "["): (vocabulary, scores) = try Self.scored(&cursor)
            case "vocab": throw Problem("the model has no valid 'vocab'", expected: "one object, or one list of tokens and scores")
            default: members.append(.init(name: name, value: try cursor.value()))
            }
        }
        (self.members, self.vocabulary, self.merges, self.scores) = (members, vocabulary, merges, scores)
    }

    /// Tokens with scores, whose places are their ids.
    private static func scored(_ cursor: inout JSONCursor) throws -> (Vocabulary, [Double]) {
        var (vocabulary, scores): (Vocabulary, [Double]) = (Vocabulary(), [])
        var token: [UInt8] = []
        try cursor.readList { cursor in
            var fields = 0
            let refusal = Problem(
                "token \(scores.count) of the vocabulary is not a token with its score", expected: "a string and a number")
            guard let id = Int32(exactly: scores.count), cursor.peek() == UInt8(ascii: "[") else { throw refusal }
            try cursor.readList { cursor in
                switch fields {
                case 0: try cursor.readString(into: &token)
                case 1:
                    let score = try cursor.readDouble()
                    guard score.isFinite else { throw refusal }
                    try vocabulary.insert(token, id: id)
                    scores.append(score)
                default: throw refusal
                }
                fields += 1
            }
            guard fields == 2 else { throw refusal }
        }
        return (vocabulary, scores)
    }

    private static func vocabulary(_ cursor: inout JSONCursor) throws -> Vocabulary {
        var vocabulary = Vocabulary()
        try cursor.readMembers { cursor, token in
            let section = JSONSection(value: try cursor.value(), place: "model.vocab")
            guard case .integer(let number) = section.value, let id = Int32(exactly: number), id >= 0 else {
                let name = String(decoding: token, as: UTF8.self).quotedInMessage
                throw Problem("the token \(name) has no valid id", expected: "0 to \(Int32.max)", found: section.value.kind)
            }
            try vocabulary.insert(token, id: id)
        }
        return vocabulary
    }

    private static func merges(_ cursor: inout JSONCursor) throws -> MergeList {
        var merges = MergeList()
        var (text, other): ([UInt8], [UInt8]) = ([], [])
        try cursor.readList { cursor in
            if cursor.peek() == UInt8(ascii: "[") {
                var count = 0
                try cursor.readList { cursor in
                    if count == 0 { try cursor.readString(into: &text) } else { try cursor.readString(into: &other) }
                    count += 1
                    guard count <= 2 else { throw Problem("merge \(merges.count + 1) is not a pair of tokens") }
                }
                guard count == 2 else { throw Problem("merge \(merges.count + 1) is not a pair of tokens") }
                return try merges.append(text, other)
            }
            try cursor.readString(into: &text)
            // Lists that were separate files start with their version.
            if text.starts(with: "#version".utf8) { return }
            let parts = text.split(separator: 0x20, omittingEmptySubsequences: false)
            guard parts.count == 2 else {
                throw Problem(
                    "merge \(merges.count + 1) is not a pair of tokens", found: String(decoding: text, as: UTF8.self).quotedInMessage)
            }
            try merges.append(parts[0], parts[1])
        }
        return merges
    }

    func model() throws -> TokenModel {
        let section = JSONSection(value: .object(members), place: "model")
        let type =
            section["type"].isNull && merges != nil ? "BPE" : section["type"].isNull && !scores.isEmpty ? "Unigram" : try section.type()
        switch type {
        case "BPE":
            guard let vocabulary, let merges, scores.isEmpty else { throw Problem("the model has no 'vocab' or no 'merges'") }
            return .bytePair(try BytePairModel(vocabulary: vocabulary, pairs: merges, settings: try Self.settings(section)))
        case "WordLevel":
            guard let vocabulary, scores.isEmpty else { throw Problem("the model has no 'vocab'") }
            return .wordLevel(vocabulary, unknown: try section["unk_token"].string())
        case "WordPiece":
            guard let vocabulary, scores.isEmpty else { throw Problem("the model has no 'vocab'") }
            return .wordPiece(try WordPieceModel(vocabulary, section))
        case "Unigram":
            guard let vocabulary, !scores.isEmpty else { throw Problem("the model has no 'vocab' of tokens with scores") }
            return .unigram(try UnigramModel(vocabulary, scores: scores, section))
        default:
            throw Problem("a tokenizer of type \(type.quotedInMessage) is not read", expected: "BPE, WordPiece, Unigram or WordLevel")
        }
    }

    private static func settings(_ section: JSONSection) throws -> BytePairModel.Settings {
        for name in ["continuing_subword_prefix", "end_of_word_suffix"] where !section[name].isNull {
            guard try section[name].string().isEmpty else { throw Problem("the model has a '\(name)', which is not read") }
        }
        switch section["dropout"].value {
        case .null, .integer(0): break
        case .number(let rate) where rate == 0: break
        default:
            throw Problem("the model has a 'dropout', which is not read", expected: "none", found: section["dropout"].value.kind)
        }
        var settings = BytePairModel.Settings()
        if !section["unk_token"].isNull { settings.unknownToken = try section["unk_token"].string() }
        settings.fallsBackToBytes = try section["byte_fallback"].bool(absent: false)
        settings.fusesUnknown = try section["fuse_unk"].bool(absent: false)
        settings.ignoresMerges = try section["ignore_merges"].bool(absent: false)
        return settings
    }
}
