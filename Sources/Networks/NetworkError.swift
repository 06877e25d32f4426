import Archives
import Text

/// Shapes that do not go together; whoever knows the node says where.
package struct ShapeProblem: Error, Sendable, Equatable {
    /// What is wrong, in lower case without a full stop.
    package let problem: String
    package let expected: String
    package let found: String

    package init(_ problem: String, expected: String, found: String) {
        self.problem = problem
        self.expected = expected
        self.found = found
    }
}

/// Why a network could not be built or run. Its description is one line without the checkpoint's path.
package struct NetworkError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The tensor, site or setting that the problem is about, in words: `tensor 'fc1.weight'`, `site 'fc2'`.
    package let subject: String?
    /// What is wrong, in lower case without a full stop.
    package let problem: String
    package let expected: String?
    package let found: String?
    /// What the user can do about it.
    package let hint: String?

    package init(_ problem: String, subject: String? = nil, expected: String? = nil, found: String? = nil, hint: String? = nil) {
        self.subject = subject
        self.problem = problem
        self.expected = expected
        self.found = found
        self.hint = hint
    }

    init(_ shapes: ShapeProblem, at site: String) {
        self.init(shapes.problem, subject: "site '\(site)'", expected: shapes.expected, found: shapes.found)
    }

    package var description: String { summary + (hint.map { "; \($0)" } ?? "").singleLine }

    /// The description without the hint.
    package var summary: String {
        var text = subject.map { $0 + ": " } ?? ""
        text += problem
        if let expected { text += ", expected \(expected)" }
        if let found { text += ", found \(found)" }
        return text.singleLine
    }
}

/// A shape as it is written in messages: `8x512x768`.
func words(_ shape: [Int]) -> String { shape.isEmpty ? "a scalar" : shape.map(String.init).joined(separator: "x") }
