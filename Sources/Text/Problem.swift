/// An error as a value: the errors of all targets are problems, and the line that a person reads is composed only here.
///
/// Its description is one line: `PATH: subject: what, expected X, found Y; hint`. A part that is nil is left out.
package struct Problem: Error, Sendable, Equatable {
    /// The file. nil if only the caller knows it.
    package var path: String?
    /// The member of the archive at ``path``.
    package var member: String?
    /// The setting that the problem is about.
    package var setting: Setting?
    /// The subject of the problem, in words: `tensor 'fc1.weight'`, `site 'fc2'`, `step 12`.
    package var subject: String?
    /// What is wrong, in lower case without a full stop.
    package var what: String
    package var expected: String?
    package var found: String?
    /// What the user can do about it.
    package var hint: Hint?
    /// Whether the result cannot be written: nothing else is tried then, where another problem ends the work on one checkpoint only.
    package var isOfOutput = false

    package init(
        _ what: String, path: String? = nil, member: String? = nil, setting: Setting? = nil, subject: String? = nil,
        expected: String? = nil,
        found: String? = nil, hint: Hint? = nil
    ) {
        self.path = path
        self.member = member
        self.setting = setting
        self.subject = subject
        self.what = what
        self.expected = expected
        self.found = found
        self.hint = hint
    }

    /// The same with the file first, as in the line.
    package init(
        path: String? = nil, problem: String, expected: String? = nil, found: String? = nil, hint: Hint? = nil
    ) {
        self.init(problem, path: path, expected: expected, found: found, hint: hint)
    }

    /// The same problem of the file at `path`; an existing path is more precise and is kept.
    package func at(path: String) -> Problem {
        var problem = self
        problem.path = self.path ?? path
        return problem
    }

    /// Any error as a problem; another error becomes a problem with the same text.
    package init(_ error: any Error) { self = error as? Problem ?? Problem("\(error)") }

    /// The same problem of `subject`; an existing subject is more precise and is kept.
    package func about(_ subject: String) -> Problem {
        var problem = self
        problem.subject = self.subject ?? subject
        return problem
    }

    /// The same problem inside `outer`, which is named before the problem's own subject.
    package func within(_ outer: String) -> Problem {
        var problem = self
        problem.subject = subject.map { "\(outer): \($0)" } ?? outer
        return problem
    }
}

extension Problem: CustomStringConvertible {
    package var description: String { line() }

    /// The description without the hint.
    package var summary: String { summary(naming: \.description) }

    /// The description, with settings and hints in the words that the caller has for them.
    package func line(naming name: (Setting) -> String = \.description, hint words: (Hint) -> String = \.description) -> String {
        summary(naming: name) + (hint.map { "; " + words($0).shortenedForMessage().singleLine } ?? "")
    }

    private func summary(naming name: (Setting) -> String) -> String {
        var text = ""
        if let path {
            text += path + (member.map { "!" + $0 } ?? "") + ": "
        } else if let member {
            text += "member '\(member)': "
        }
        if let setting { text += name(setting) + ": " }
        if let subject { text += subject.shortenedForMessage() + ": " }
        text += what.shortenedForMessage()
        if let expected { text += ", expected \(expected.shortenedForMessage())" }
        if let found { text += ", found \(found.shortenedForMessage())" }
        return text.singleLine
    }
}
