import Text

extension Problem {
    /// A problem of one of an `.npz` file's arrays.
    init(
        path: String, array: String?, problem: String, expected: String? = nil, found: String? = nil, hint: Hint? = nil
    ) {
        self.init(problem, path: path, subject: array.map { "array '\($0)'" }, expected: expected, found: found, hint: hint)
    }
}
