import Archives

/// Why a checkpoint could not be read. Its description is one line: `PATH: what, expected X, found Y`.
public struct CheckpointError: Error, Sendable, CustomStringConvertible {
    /// The file, with the archive's member behind `!` where there is one: `model.tar!model.safetensors`.
    public var path: String
    /// The tensor that the problem is about.
    public var tensor: String?
    /// What is wrong, in lower case without a full stop.
    public var problem: String
    public var expected: String?
    public var found: String?
    /// What the user can do about it.
    public var hint: String?

    public init(
        path: String, tensor: String? = nil, problem: String, expected: String? = nil, found: String? = nil, hint: String? = nil
    ) {
        self.path = path
        self.tensor = tensor
        self.problem = problem
        self.expected = expected
        self.found = found
        self.hint = hint
    }

    /// The same problem with the shape error's words.
    public init(path: String, tensor: String?, shape: TensorShapeError) {
        self.init(path: path, tensor: tensor, problem: shape.problem, expected: shape.expected, found: shape.found)
    }

    /// The same problem with the archive error's words; `path` names the archive.
    public init(path: String, _ error: ArchiveError) {
        self.init(
            path: error.member.map { path + "!" + $0 } ?? path, problem: error.problem, expected: error.expected, found: error.found,
            hint: error.hint)
    }

    public var description: String {
        var text = path + ": "
        if let tensor { text += "tensor '\(tensor)': " }
        text += problem
        if let expected { text += ", expected \(expected)" }
        if let found { text += ", found \(found)" }
        if let hint { text += "; \(hint)" }
        return text.singleLine
    }
}

extension ByteRegion {
    /// The bytes of the file at `path`, mapped, with an error that names it.
    static func mapping(checkpoint path: String) throws(CheckpointError) -> ByteRegion {
        do {
            return try mapping(path: path)
        } catch {
            throw CheckpointError(path: path, error)
        }
    }
}
