/// What went wrong, as a value: every target's errors are problems, and the line that a person reads is composed here alone.
///
/// Its description is one line: `PATH: subject: what, expected X, found Y; hint`. A part that is nil is left out.
package struct Problem: Error, Sendable, Equatable, CustomStringConvertible {
    /// The file, with an archive's member behind `!` where there is one: `model.tar!model.safetensors`. nil where only the caller knows it.
    package var path: String?
    /// What the problem is about, in words: `tensor 'fc1.weight'`, `site 'fc2'`, `step 12`.
    package var subject: String?
    /// What is wrong, in lower case without a full stop.
    package var what: String
    package var expected: String?
    package var found: String?
    /// What the user can do about it.
    package var hint: Hint?

    package init(
        _ what: String, path: String? = nil, subject: String? = nil, expected: String? = nil, found: String? = nil, hint: Hint? = nil
    ) {
        self.path = path
        self.subject = subject
        self.what = what
        self.expected = expected
        self.found = found
        self.hint = hint
    }

    package var description: String { line() }

    /// The description without the hint.
    package var summary: String {
        var text = ""
        if let path { text += path + ": " }
        if let subject { text += subject + ": " }
        text += what
        if let expected { text += ", expected \(expected)" }
        if let found { text += ", found \(found)" }
        return text.singleLine
    }

    /// The description, with the hint in the words that `words` has for it.
    package func line(hint words: (Hint) -> String = \.description) -> String {
        guard let hint else { return summary }
        return summary + "; " + words(hint).singleLine
    }

    /// The same problem of the file at `path`; a path that it has already is more exact and stays.
    package func at(path: String) -> Problem {
        var problem = self
        problem.path = self.path ?? path
        return problem
    }

    /// The same problem inside `outer`, which is named before the problem's own subject.
    package func within(_ outer: String) -> Problem {
        var problem = self
        problem.subject = subject.map { "\(outer): \($0)" } ?? outer
        return problem
    }
}
