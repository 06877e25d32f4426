import Text

/// A checkpoint's part of a result: a value or an error.
enum CheckpointResult<Found: Encodable>: Encodable {
    case ok(Found)
    case failed(FailedCheckpoint)
    /// Either of them, from another process.
    case worked(WorkedCheckpoint)

    func encode(to encoder: any Encoder) throws {
        switch self {
        case .ok(let found): try found.encode(to: encoder)
        case .failed(let failure): try failure.encode(to: encoder)
        case .worked(let worked): try worked.encode(to: encoder)
        }
    }
}

extension CheckpointResult {
    /// The results of the models of one file, each by itself.
    func each<Model: Encodable>() -> [CheckpointResult<Model>] where Found == [Model] {
        switch self {
        case .ok(let models): models.map { .ok($0) }
        case .failed(let failure): [.failed(failure)]
        case .worked(let worked): [.worked(worked)]
        }
    }
}

/// The values of the column `status`.
enum CheckpointStatus: String {
    case ok, failed
}

/// A checkpoint that failed, as `{"path", "error"}`.
struct FailedCheckpoint: Encodable {
    /// The parts of a problem.
    struct Reason: Encodable, Equatable {
        let what: String
        let expected: String?
        let found: String?
    }

    let path: String
    let error: Reason
    /// The message without the path.
    let message: String

    private enum CodingKeys: CodingKey { case path, error }

    init(path: String, _ problem: Problem) {
        self.path = path
        var problem = problem
        // The path has its own key; a member of the archive or another file belongs to the message.
        if problem.path == path, problem.member == nil { problem.path = nil }
        message = OptionNames.line(of: problem)
        var subject = problem
        (subject.expected, subject.found, subject.hint) = (nil, nil, nil)
        error = Reason(what: OptionNames.line(of: subject), expected: problem.expected, found: problem.found)
    }

    /// - Parameter message: the whole message without the path.
    init(path: String, _ error: Reason, message: String) {
        self.path = path
        self.error = error
        self.message = message
    }

    /// The failure as text.
    var text: String { "\(path.pathLine)\n" + LabelledLine.text("failed:", message, padding: 8) }
}
