import Text

/// The special tokens that go around an encoded text.
struct PostProcessor: Sendable {
    enum Piece: Sendable {
        /// The encoded text.
        case text
        case tokens([Int32])

        var isText: Bool { if case .text = self { true } else { false } }
    }

    /// One template after the other, each around what the one before it made.
    private var templates: [[Piece]] = []

    private static let known = "TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel or Sequence"

    init(_ section: JSONSection) throws {
        if !section.isNull { try add(section) }
        try section.checkLength(templates.count)
    }

    private mutating func add(_ section: JSONSection) throws {
        let type = try section.type()
        switch type {
        case "ByteLevel": break
        case "TemplateProcessing":
            let tokens = section["special_tokens"]
            let template = try section["single"].list().map { try Self.piece($0, tokens) }
            guard template.count(where: \.isText) == 1 else { throw section["single"].mismatch("the text, once, among special tokens") }
            templates.append(template)
        case "BertProcessing", "RobertaProcessing":
            let (first, last) = (try Self.pair(section["cls"]), try Self.pair(section["sep"]))
            templates.append([.tokens([first]), .text, .tokens([last])])
        case "Sequence":
            for part in try section["processors"].list() { try add(part) }
        default: throw section.unknownType(type, known: Self.known)
        }
    }

    private static func piece(_ section: JSONSection, _ tokens: JSONSection) throws -> Piece {
        if !section["Sequence"].isNull {
            guard try section["Sequence"]["id"].string() == "A" else { throw section["Sequence"]["id"].mismatch("'A'") }
            return .text
        }
        let name = try section["SpecialToken"]["id"].string()
        return .tokens(try tokens[name]["ids"].list().map { try $0.count() })
    }

    /// The id of a token written as `["</s>", 2]`.
    private static func pair(_ section: JSONSection) throws -> Int32 {
        let parts = try section.list()
        guard parts.count == 2 else { throw section.mismatch("a token and its id") }
        return try parts[1].count()
    }

    /// The tokens of a text with the special tokens around them.
    func apply(to tokens: [Int32]) -> [Int32] {
        templates.reduce(tokens) { tokens, template in
            template.flatMap { piece in
                switch piece {
                case .text: tokens
                case .tokens(let special): special
                }
            }
        }
    }
}
