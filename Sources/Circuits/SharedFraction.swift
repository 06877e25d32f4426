import Synchronization

/// The finished share of a job, to which several threads add.
final class SharedFraction: Sendable {
    private let sum = Mutex(0.0)

    /// Adds a share and returns the sum.
    func add(_ share: Double) -> Double {
        sum.withLock { sum in
            sum += share
            return sum
        }
    }
}
