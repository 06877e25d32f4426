import Text

/// Why a file or an archive could not be read or written. Its description is one line without the file's name, which the caller knows.
package struct ArchiveError: Error, Sendable, CustomStringConvertible {
    /// The archive's member that the problem is about.
    package var member: String?
    /// What is wrong, in lower case without a full stop.
    package var problem: String
    package var expected: String?
    package var found: String?
    /// What the user can do about it.
    package var hint: String?

    package init(
        _ problem: String, member: String? = nil, expected: String? = nil, found: String? = nil, hint: String? = nil
    ) {
        self.member = member
        self.problem = problem
        self.expected = expected
        self.found = found
        self.hint = hint
    }

    package var description: String {
        var text = member.map { "member '\($0)': " } ?? ""
        text += problem
        if let expected { text += ", expected \(expected)" }
        if let found { text += ", found \(found)" }
        if let hint { text += "; \(hint)" }
        return text.singleLine
    }
}
