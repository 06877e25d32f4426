/// Why a file or an archive could not be read or written. Its description is one line without the file's name, which the caller knows.
public struct ArchiveError: Error, Sendable, CustomStringConvertible {
    /// The archive's member that the problem is about.
    public var member: String?
    /// What is wrong, in lower case without a full stop.
    public var problem: String
    public var expected: String?
    public var found: String?
    /// What the user can do about it.
    public var hint: String?

    public init(
        _ problem: String, member: String? = nil, expected: String? = nil, found: String? = nil, hint: String? = nil
    ) {
        self.member = member
        self.problem = problem
        self.expected = expected
        self.found = found
        self.hint = hint
    }

    public var description: String {
        var text = member.map { "member '\($0)': " } ?? ""
        text += problem
        if let expected { text += ", expected \(expected)" }
        if let found { text += ", found \(found)" }
        if let hint { text += "; \(hint)" }
        return text.singleLine
    }
}
