import Synchronization

/// Counts finished pieces of work from any thread.
final class ProgressCounter: Sendable {
    private let done = Atomic<Int>(0)
    private let total: Int

    init(total: Int) {
        self.total = total
    }

    /// One more piece is finished; returns the fraction of all that are.
    func advance() -> Double {
        Double(done.wrappingAdd(1, ordering: .relaxed).newValue) / Double(max(total, 1))
    }
}
