import Archives
import Checkpoints
import Text

/// Why data could not be read. Its description is one line: `PATH: what, expected X, found Y`.
package struct DatasetError: Error, Sendable, CustomStringConvertible {
    /// The file as the user wrote it, or the option that is at fault.
    package var path: String
    /// The array of an `.npz` that the problem is about.
    package var array: String?
    /// What is wrong, in lower case without a full stop.
    package var problem: String
    package var expected: String?
    package var found: String?
    /// What the user can do about it.
    package var hint: String?

    package init(
        path: String, array: String? = nil, problem: String, expected: String? = nil, found: String? = nil, hint: String? = nil
    ) {
        self.path = path
        self.array = array
        self.problem = problem
        self.expected = expected
        self.found = found
        self.hint = hint
    }

    /// The same problem with the archive error's words; `path` names the file.
    init(path: String, _ error: ArchiveError) {
        self.init(
            path: error.member.map { path + "!" + $0 } ?? path, problem: error.problem, expected: error.expected, found: error.found,
            hint: error.hint)
    }

    /// The same problem with the words of an array's reader.
    init(_ error: CheckpointError) {
        self.init(
            path: error.path, array: error.tensor, problem: error.problem, expected: error.expected, found: error.found, hint: error.hint)
    }

    /// The same problem with the shape error's words.
    init(path: String, shape: TensorShapeError) {
        self.init(path: path, problem: shape.problem, expected: shape.expected, found: shape.found)
    }

    package var description: String {
        var text = path + ": "
        if let array { text += "array '\(array)': " }
        text += problem
        if let expected { text += ", expected \(expected)" }
        if let found { text += ", found \(found)" }
        if let hint { text += "; \(hint)" }
        return text.singleLine
    }
}
