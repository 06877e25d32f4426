import Text

extension Problem {
    /// A problem of a file that another run of modinspect wrote.
    ///
    /// - Parameters:
    ///   - path: the file, or `-` for standard input.
    ///   - layer: the layer that is the subject of the sentence `problem`.
    init(file path: String, layer: String? = nil, problem: String, expected: String? = nil, found: String? = nil) {
        self.init(
            layer.map { "layer '\($0)' \(problem)" } ?? problem, path: path == "-" ? "standard input" : path, expected: expected,
            found: found)
    }
}
