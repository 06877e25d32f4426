/// The file's list of added tokens: their ids, and where in a text they are looked for.
struct AddedVocabulary: Sendable {
    /// Found in the text as it comes.
    private(set) var raw = AddedTokens()
    /// Found in the normalised text.
    private(set) var normalized = AddedTokens()
    /// How many of them are not in the model's vocabulary.
    private(set) var countBesideModel = 0
    private var contents = ByteStringTable()
    private var ids: [Int32] = []
    private var contentOfId: [Int32: Int32] = [:]

    /// Reads the list.
    ///
    /// As the package has it, a token that is in the model's vocabulary has its id there, and the others are numbered from the
    /// vocabulary's size on, in their order: the ids in the file are not looked at.
    init(_ section: JSONSection, _ vocabulary: Vocabulary, _ normalizer: Normalizer, _ patterns: PatternList) throws {
        guard !section.isNull else { return }
        var tokens: [AddedTokens.Token] = []
        var next = vocabulary.count
        for entry in try section.list() {
            let content = try entry["content"].string()
            _ = try entry["id"].count()
            if content.isEmpty { continue }
            let inModel = vocabulary.id(of: content)
            guard let id = inModel ?? Int32(exactly: next) else { throw TokenizerProblem("there are too many added tokens") }
            next = max(next, Int(id) + 1)
            guard contents.insert(Array(content.utf8)).isNew else {
                throw TokenizerProblem("the added token \(content.quotedInMessage) is there twice")
            }
            contentOfId[id] = Int32(ids.count)
            ids.append(id)
            if inModel == nil { countBesideModel += 1 }
            tokens.append(
                .init(
                    content: content, id: id, isSingleWord: try entry["single_word"].bool(), stripsLeft: try entry["lstrip"].bool(),
                    stripsRight: try entry["rstrip"].bool(), isNormalized: try entry["normalized"].bool(),
                    isSpecial: try entry["special"].bool()))
        }
        var matcher = patterns.matcher()
        for token in tokens.filter(\.isSpecial) + tokens.filter({ !$0.isSpecial }) {
            var form = Normalizer.Text(bytes: Array(token.content.utf8), startsWholeText: true)
            guard token.isNormalized else {
                try raw.add(token, form: form.bytes)
                continue
            }
            try normalizer.apply(to: &form, patterns, &matcher)
            try normalized.add(token, form: form.bytes)
        }
    }

    /// The id of the added token with this content.
    func id(of content: [UInt8]) -> Int32? { contents.index(of: content).map { ids[$0] } }

    /// The content of the added token with this id.
    func content(of id: Int32) -> [UInt8]? { contentOfId[id].map { Array(contents[Int($0)]) } }
}
