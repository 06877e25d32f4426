import Checkpoints
import Synchronization
import Tensors
import Text

/// The tensors of a network's parameters, read when they are first requested, within a limit of memory.
///
/// Single-precision numbers are the pages of their file and count as none. Others are converted: codes are decoded, 16-bit numbers widened. The
/// results are kept up to a limit, in the order in which they are requested; those beyond it are converted again for each use and live as long
/// as somebody holds them. A pass reads all parameters in the same order, so that what is kept is of use in every pass, which would not be
/// so if the oldest made room.
final class ParameterStore: Sendable {
    private let slots: [Slot]
    private let limit: Atomic<Int>
    private let kept = Atomic<Int>(0)

    /// - Parameter limit: in bytes.
    init(_ slots: [Slot], limit: Int) {
        self.slots = slots
        self.limit = Atomic(limit)
    }

    var count: Int { slots.count }

    /// How many bytes of converted tensors are kept at most.
    var keptLimit: Int { limit.load(ordering: .relaxed) }

    /// Sets how many bytes of converted tensors are kept; those kept already stay.
    func keep(atMost bytes: Int) { limit.store(bytes, ordering: .relaxed) }

    /// The size of the converted tensors that are kept.
    var keptByteCount: Int { kept.load(ordering: .relaxed) }

    /// The size of all tensors in single precision, in bytes; the largest number if it overflows.
    var byteCount: Int { Self.sum(slots.map(\.byteCount)) }

    /// The memory that all tensors would take that must be converted, and the largest of them, in bytes; the largest number if it overflows.
    var convertedByteCount: (all: Int, largest: Int) {
        let sizes = slots.map { $0.isConverted ? $0.byteCount : 0 }
        return (Self.sum(sizes), sizes.max() ?? 0)
    }

    private static func sum(_ sizes: [Int]) -> Int {
        sizes.reduce(0) { sum, size in
            let (total, overflow) = sum.addingReportingOverflow(size)
            return overflow ? Int.max : total
        }
    }

    /// The stored tensors that were not requested yet.
    var unread: [TensorRecord] { slots.compactMap(\.unread) }

    func shape(_ index: Int) -> [Int] { slots[index].shape }

    func tensor(_ index: Int, team: Team?) -> Tensor {
        slots[index].tensor(team: team) { bytes in
            let sum = kept.wrappingAdd(bytes, ordering: .relaxed).newValue
            if sum <= limit.load(ordering: .relaxed) { return true }
            kept.wrappingSubtract(bytes, ordering: .relaxed)
            return false
        }
    }

    /// One parameter. Who requests it while another converts it waits and gets the same tensor.
    final class Slot: Sendable {
        private struct State {
            var kept: Tensor?
            weak var shared: Tensor?
            var isUnread: Bool
        }

        private let record: TensorRecord?
        let shape: [Int]
        /// The size in single precision; the largest number if it overflows.
        let byteCount: Int
        /// Whether the numbers are not stored in single precision, and need memory of their own.
        let isConverted: Bool
        private let state: Mutex<State>

        init(_ tensor: Tensor) {
            record = nil
            shape = tensor.shape
            byteCount = tensor.count * MemoryLayout<Float>.size
            isConverted = false
            state = Mutex(State(kept: tensor, isUnread: false))
        }

        init(_ record: TensorRecord, shape: [Int]) {
            self.record = record
            self.shape = shape
            let mapped = record.mappedFloats(shape: shape)
            let (bytes, overflow) = record.elementCount.multipliedReportingOverflow(by: MemoryLayout<Float>.size)
            byteCount = overflow ? Int.max : bytes
            isConverted = mapped == nil
            state = Mutex(State(kept: mapped, isUnread: true))
        }

        var unread: TensorRecord? { state.withLock { $0.isUnread ? record : nil } }

        func tensor(team: Team?, isKept: (Int) -> Bool) -> Tensor {
            state.withLock { state in
                state.isUnread = false
                if let tensor = state.kept ?? state.shared { return tensor }
                guard let record else { preconditionFailure("a parameter without numbers") }
                let tensor = record.sharedFloats(shape: shape, team: team)
                if isKept(byteCount) { state.kept = tensor } else { state.shared = tensor }
                return tensor
            }
        }
    }
}
