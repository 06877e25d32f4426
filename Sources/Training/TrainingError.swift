import Archives
import Text

/// Why a run cannot begin or go on. Its description is one line without the checkpoint's path.
package struct TrainingError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The tensor, step or option that the problem is about, in words: `tensor 'fc1.weight'`, `step 12`.
    package let subject: String?
    /// What is wrong, in lower case without a full stop.
    package let problem: String
    package let expected: String?
    package let found: String?

    package init(_ problem: String, subject: String? = nil, expected: String? = nil, found: String? = nil) {
        self.subject = subject
        self.problem = problem
        self.expected = expected
        self.found = found
    }

    package var description: String {
        var text = (subject.map { "\($0): " } ?? "") + problem
        if let expected { text += ", expected \(expected)" }
        if let found { text += ", found \(found)" }
        return text.singleLine
    }
}
