import Text

/// Settings of a model that the user gave instead of those beside its weights.
package struct GivenSettings: Sendable {
    /// The file that they are from; nil if single ones were added to the model's own.
    package let file: String?

    package init(file: String?) { self.file = file }

    /// A problem with a setting of `config.json` as one with the file that was given; nil if none was.
    package func renaming(_ problem: Problem) -> Problem? {
        guard let file, let subject = problem.subject,
            subject == Companions.configuration || subject.hasPrefix(Companions.configuration + ":")
        else { return nil }
        var problem = problem
        problem.subject = file + subject.dropFirst(Companions.configuration.count)
        return problem
    }
}
