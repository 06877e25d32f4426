/// What became of a checkpoint in an audit: the single list for results, help and manual.
package enum AuditStatus: String, Sendable, CaseIterable {
    /// It was opened and scored.
    case ok
    /// It could not be opened or scored; `reason` says why.
    case failed
    /// The process that worked on it ended.
    case crashed
    /// It took longer than was allowed.
    case timeout
    /// It needed more memory than was allowed.
    case memory

    package var documentation: String {
        switch self {
        case .ok: "The checkpoint was opened and scored."
        case .failed: "The checkpoint could not be opened or scored."
        case .crashed: "The process that worked on the checkpoint died."
        case .timeout: "The checkpoint took longer than allowed."
        case .memory: "The checkpoint needed more memory than allowed."
        }
    }
}
