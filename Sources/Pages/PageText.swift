import Pictures

/// A piece of running text.
package enum PageText: Hashable, Sendable, ExpressibleByStringLiteral, ExpressibleByStringInterpolation {
    case plain(String)
    /// A name that comes from outside, whose letters and direction do not affect the text around it.
    case name(String)
    /// A name that stands for itself: an option, a command.
    case code(String)
    case strong(String)
    /// A link to another place of the page.
    case link(String, id: String)

    package init(stringLiteral value: String) { self = .plain(value) }

    /// Without markup.
    package var string: String {
        switch self {
        case .plain(let text), .name(let text), .code(let text), .strong(let text), .link(let text, _): text
        }
    }

    var html: String {
        let text = XMLText.escaped(string)
        return switch self {
        case .plain: text
        case .name: "<bdi class=\"name\">\(text.breakingAtCommas)</bdi>"
        case .code: "<code>\(text.breakingAtCommas)</code>"
        case .strong: "<strong>\(text)</strong>"
        case .link(_, let id): "<a href=\"#\(id)\">\(text)</a>"
        }
    }
}

extension String {
    /// The markup with a place for a line break behind each comma within a word, such as those of an architecture; copied text does not have it.
    var breakingAtCommas: String {
        guard contains(",") else { return self }
        var text = ""
        var last: Character?
        for character in self {
            if last == ",", character != " " { text += "<wbr />" }
            text.append(character)
            last = character
        }
        return text
    }
}

extension [PageText] {
    var html: String { map(\.html).joined() }
    package var string: String { map(\.string).joined() }
}
