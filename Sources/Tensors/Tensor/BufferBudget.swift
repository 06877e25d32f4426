import Synchronization

/// Counts the memory of the large buffers, since exceeding a control group's limit would end the process by SIGKILL.
///
/// The kernel counts a page when it is first written: several buffers that are allocated before they are filled would all be granted.
enum BufferBudget {
    private static let taken = Atomic<Int>(0)
    private static let budget = PhysicalMemory.allowance

    static var isLimited: Bool { budget != nil }

    /// Counts a buffer of `size` bytes; ends the process if that exceeds the budget.
    static func take(_ size: Int) {
        guard let budget else { return }
        let sum = taken.wrappingAdd(size, ordering: .relaxed).newValue
        if sum > budget { OutOfMemory.stop(size, left: max(0, budget - (sum - size))) }
    }

    static func giveBack(_ size: Int) { taken.wrappingSubtract(size, ordering: .relaxed) }
}
