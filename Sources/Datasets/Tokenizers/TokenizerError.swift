import Archives
import Text

/// Why a tokenizer could not be read, or a text not be encoded. Its description is one line: `PATH: what, expected X, found Y`.
package struct TokenizerError: Error, Sendable, CustomStringConvertible {
    /// The tokenizer's file.
    package var path: String
    /// What is wrong, in lower case without a full stop.
    package var problem: String
    package var expected: String?
    package var found: String?
    /// What the user can do about it.
    package var hint: String?

    package init(path: String, problem: String, expected: String? = nil, found: String? = nil, hint: String? = nil) {
        self.path = path
        self.problem = problem
        self.expected = expected
        self.found = found
        self.hint = hint
    }

    package var description: String {
        var text = path + ": " + problem
        if let expected { text += ", expected \(expected)" }
        if let found { text += ", found \(found)" }
        if let hint { text += "; \(hint)" }
        return text.singleLine
    }
}

/// What is wrong with a part of a tokenizer, before the file's name is known.
typealias TokenizerProblem = Problem

extension Problem {
    func error(path: String) -> TokenizerError {
        TokenizerError(path: path, problem: what, expected: expected, found: found)
    }
}
