/// What a user can do about a problem. Libraries know no options: a hint that needs one is a case of its own, which the command line
/// puts into words.
package enum Hint: Sendable, Equatable {
    /// Advice that names no option.
    case words(String)
}

extension Hint: CustomStringConvertible {
    /// The hint for somebody who has no command line.
    package var description: String {
        switch self {
        case .words(let text): text
        }
    }
}

extension Hint: ExpressibleByStringInterpolation {
    package init(stringLiteral text: String) { self = .words(text) }
}
