import Synchronization

/// What the large buffers take together, where more than a control group's limit would end the process by SIGKILL.
///
/// The kernel counts a page when it is written first: of buffers that are asked for one after the other, and filled then, each would be granted.
enum BufferBudget {
    private static let taken = Atomic<Int>(0)
    private static let budget = PhysicalMemory.allowance

    static var isLimited: Bool { budget != nil }

    /// Counts a buffer of `size` bytes; ends the process where that is more than there is.
    static func take(_ size: Int) {
        guard let budget else { return }
        let sum = taken.wrappingAdd(size, ordering: .relaxed).newValue
        if sum > budget { OutOfMemory.stop(size, left: max(0, budget - (sum - size))) }
    }

    static func giveBack(_ size: Int) { taken.wrappingSubtract(size, ordering: .relaxed) }
}
