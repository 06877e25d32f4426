import Archives
import Text

extension Problem {
    /// A problem of one of a checkpoint's tensors.
    init(
        path: String, tensor: String?, problem: String, expected: String? = nil, found: String? = nil, hint: Hint? = nil
    ) {
        self.init(
            problem, path: path, subject: tensor.map { "tensor '\($0)'" }, expected: expected, found: found, hint: hint)
    }
}

extension ByteRegion {
    /// The bytes of the file at `path`, mapped, with an error that names it.
    static func mapping(checkpoint path: String) throws(Problem) -> ByteRegion {
        do {
            return try mapping(path: path)
        } catch {
            throw error.at(path: path)
        }
    }
}
