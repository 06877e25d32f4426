import Checkpoints
import Synchronization
import Tensors
import Text

/// The numbers of a network's parameters: a value, so that a run with changed weights is a run with another value.
///
/// The tensors of a checkpoint are read when they are first requested.
package struct ParameterValues: Sendable {
    private let store: ParameterStore
    private var replaced: [Int: Tensor] = [:]

    /// Tensors in the order of the network's parameters.
    package init(_ tensors: [Tensor]) { store = ParameterStore(tensors.map { .made($0) }) }

    /// The tensors of a checkpoint in the order of the network's parameters, each in the shape that the operations read.
    init(_ records: [(record: TensorRecord, shape: [Int])]) { store = ParameterStore(records.map { .stored($0.record, $0.shape) }) }

    package subscript(parameter: ParameterID) -> Tensor {
        get { replaced[parameter.index] ?? store.tensor(parameter.index) }
        set {
            precondition(newValue.shape == self[parameter].shape, "\(newValue.shape) for \(self[parameter].shape)")
            replaced[parameter.index] = newValue
        }
    }

    /// The number of parameters.
    package var count: Int { store.count }

    /// All in the order of the network's parameters.
    package var all: [Tensor] { (0..<count).map { self[ParameterID($0)] } }

    /// Makes sure that the parameters can be read.
    ///
    /// - Throws: ``Problem`` if they do not fit into the machine's memory, or single precision cannot hold a number of one.
    package func check() throws(Problem) {
        let limit = PhysicalMemory.byteCount
        let bytes = store.byteCount
        guard bytes <= limit else {
            throw Problem(
                "the parameters do not fit into memory in single precision", expected: "at most \(limit) bytes", found: "\(bytes)")
        }
        for record in store.unread {
            if let error = record.narrowingError { throw error }
        }
    }
}

/// Parameters that are read once, by whoever asks first.
private final class ParameterStore: Sendable {
    enum Entry: Sendable {
        case stored(TensorRecord, [Int])
        case made(Tensor)
    }

    private let entries: Mutex<[Entry]>
    let count: Int
    /// The size of all of them in memory; the largest number if it overflows.
    let byteCount: Int

    init(_ entries: [Entry]) {
        count = entries.count
        byteCount = entries.reduce(0) { sum, entry in
            let shape =
                switch entry {
                case .stored(_, let shape): shape
                case .made(let tensor): tensor.shape
                }
            let bytes = shape.reduce(MemoryLayout<Float>.size) { product, length in
                let (next, overflow) = product.multipliedReportingOverflow(by: length)
                return overflow ? Int.max : next
            }
            let (total, overflow) = sum.addingReportingOverflow(bytes)
            return overflow ? Int.max : total
        }
        self.entries = Mutex(entries)
    }

    /// The stored tensors that were not requested yet.
    var unread: [TensorRecord] {
        entries.withLock { $0.compactMap { if case .stored(let record, _) = $0 { record } else { nil } } }
    }

    func tensor(_ index: Int) -> Tensor {
        entries.withLock { entries in
            switch entries[index] {
            case .made(let tensor): return tensor
            case .stored(let record, let shape):
                let tensor = record.sharedFloats(shape: shape)
                entries[index] = .made(tensor)
                return tensor
            }
        }
    }
}
