import Text

/// The file's list of added tokens: their ids, and where in a text they are matched.
struct AddedVocabulary: Sendable {
    /// Found in the text as it comes.
    private(set) var raw = AddedTokens()
    /// Found in the normalised text.
    private(set) var normalized = AddedTokens()
    /// How many of them are not in the model's vocabulary.
    private(set) var countBesideModel = 0
    /// Those that mean no text.
    private(set) var special: Set<Int32> = []
    private var contents = ByteStringTable()
    private var ids: [Int32] = []
    private var numberOfId: [Int32: Int] = [:]
    /// The form of each in normalised text, which is what decoding shows.
    private var forms: [[UInt8]] = []

    /// Reads the list.
    ///
    /// As the package has it, a token that is in the model's vocabulary has its id there, and the others are numbered from the
    /// vocabulary's size on, in their order: the ids in the file are not looked at.
    init(_ section: JSONSection, _ vocabulary: Vocabulary, _ normalizer: Normalizer, _ patterns: PatternList) throws {
        guard !section.isNull else { return }
        var tokens: [AddedTokens.Token] = []
        for entry in try section.list() {
            let content = try entry["content"].string()
            _ = try entry["id"].count()
            if content.isEmpty { continue }
            let inModel = vocabulary.id(of: content)
            let next = vocabulary.count + countBesideModel
            guard let id = inModel ?? Int32(exactly: next) else { throw Problem("there are too many added tokens") }
            if inModel == nil, let other = vocabulary.token(id) {
                let name = String(decoding: other, as: UTF8.self).quotedInMessage
                throw Problem("the added token \(content.quotedInMessage) would share the id \(id) with \(name)")
            }
            guard contents.insert(Array(content.utf8)).isNew else {
                throw Problem("the added token \(content.quotedInMessage) appears twice")
            }
            numberOfId[id] = ids.count
            ids.append(id)
            if inModel == nil { countBesideModel += 1 }
            tokens.append(
                .init(
                    content: content, id: id, isSingleWord: try entry["single_word"].bool(), stripsLeft: try entry["lstrip"].bool(),
                    stripsRight: try entry["rstrip"].bool(), isNormalized: try entry["normalized"].bool(),
                    isSpecial: try entry["special"].bool()))
        }
        special = Set(tokens.filter(\.isSpecial).map(\.id))
        var matcher = patterns.matcher()
        forms = try tokens.map { token in
            var form = Normalizer.Text(bytes: Array(token.content.utf8), startsWholeText: true)
            if token.isNormalized { try normalizer.apply(to: &form, patterns, &matcher) }
            return form.bytes
        }
        let numbered = zip(tokens, forms)
        for (token, form) in numbered.filter(\.0.isSpecial) + numbered.filter({ !$0.0.isSpecial }) {
            if token.isNormalized { try normalized.add(token, form: form) } else { try raw.add(token, form: form) }
        }
    }

    /// The id of the added token with this content.
    func id(of content: [UInt8]) -> Int32? { contents.index(of: content).map { ids[$0] } }

    /// The content of the added token with this id.
    func content(of id: Int32) -> [UInt8]? { numberOfId[id].map { Array(contents[$0]) } }

    /// Whether an id is that of a token that means no text.
    func isSpecial(_ id: Int32) -> Bool { raw.isSpecial(id) || normalized.isSpecial(id) }

    /// The form in normalised text of the added token with this id.
    func form(of id: Int32) -> [UInt8]? { numberOfId[id].map { forms[$0] } }
}
