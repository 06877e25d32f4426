import Archives
import Text

/// Why a circuit cannot be looked for. Its description is one line without the checkpoint's path.
package struct CircuitError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A layer, an option or a data set; nil where it is the whole model.
    package let subject: String?
    /// What is wrong, in lower case without a full stop.
    package let problem: String
    package let expected: String?
    package let found: String?
    package let hint: String?

    package init(_ subject: String?, _ problem: String, expected: String? = nil, found: String? = nil, hint: String? = nil) {
        self.subject = subject
        self.problem = problem
        self.expected = expected
        self.found = found
        self.hint = hint
    }

    /// A number that is none.
    static func notFinite(_ what: String, _ value: Double, where culprits: String) -> CircuitError {
        CircuitError(
            nil, "\(what) is no number: \(culprits) are not finite", expected: "a finite number", found: value.isNaN ? "nan" : "\(value)")
    }

    package var description: String {
        var text = subject.map { "\($0): \(problem)" } ?? problem
        if let expected { text += ", expected \(expected)" }
        if let found { text += ", found \(found)" }
        if let hint { text += "; \(hint)" }
        return text.singleLine
    }
}
