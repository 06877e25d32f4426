import Archives

/// Why a run cannot begin or go on. Its description is one line without the checkpoint's path.
public struct TrainingError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The tensor, step or option that the problem is about, in words: `tensor 'fc1.weight'`, `step 12`.
    public let subject: String?
    /// What is wrong, in lower case without a full stop.
    public let problem: String
    public let expected: String?
    public let found: String?

    public init(_ problem: String, subject: String? = nil, expected: String? = nil, found: String? = nil) {
        self.subject = subject
        self.problem = problem
        self.expected = expected
        self.found = found
    }

    public var description: String {
        var text = (subject.map { "\($0): " } ?? "") + problem
        if let expected { text += ", expected \(expected)" }
        if let found { text += ", found \(found)" }
        return text.singleLine
    }
}
