import Checkpoints
import Tensors
import Text

/// The numbers of a network's parameters: a value, so that a run with changed weights is a run with another value.
///
/// The tensors of a checkpoint are read when they are first requested.
package struct ParameterValues: Sendable {
    private let store: ParameterStore
    private var replaced: [Int: Tensor] = [:]

    /// Tensors in the order of the network's parameters.
    package init(_ tensors: [Tensor]) { store = ParameterStore(tensors.map { .init($0) }, limit: 0) }

    /// The tensors of a checkpoint in the order of the network's parameters, each in the shape that the operations read.
    init(_ records: [(record: TensorRecord, shape: [Int])]) {
        store = ParameterStore(records.map { .init($0.record, shape: $0.shape) }, limit: Self.usualLimit)
    }

    package subscript(parameter: ParameterID) -> Tensor {
        get { tensor(parameter, team: nil) }
        set {
            let shape = store.shape(parameter.index)
            precondition(newValue.shape == shape, "\(newValue.shape) for \(shape)")
            replaced[parameter.index] = newValue
        }
    }

    /// The numbers of one parameter.
    ///
    /// - Parameter team: who converts them, where they are not stored in single precision.
    func tensor(_ parameter: ParameterID, team: Team?) -> Tensor {
        replaced[parameter.index] ?? store.tensor(parameter.index, team: team)
    }

    /// The number of parameters.
    package var count: Int { store.count }

    /// All in the order of the network's parameters.
    package var all: [Tensor] { (0..<count).map { self[ParameterID($0)] } }

    // MARK: Memory

    /// Three quarters of the machine's memory, so that there is room for the values of a run.
    private static let usualLimit = PhysicalMemory.byteCount / 4 * 3

    /// Limits the memory for parameters that are not stored in single precision, and so are converted: what does not fit is converted again for
    /// each use.
    ///
    /// - Parameter bytes: three quarters of the memory without this call.
    package func keepConverted(atMost bytes: Int) { store.keep(atMost: bytes) }

    /// The limit of the memory for converted parameters, in bytes.
    package var keptLimit: Int { store.keptLimit }

    /// The size of the converted parameters that are kept, in bytes.
    package var keptByteCount: Int { store.keptByteCount }

    /// The memory that all parameters would take that must be converted, in bytes; the largest number if it overflows.
    package var convertedByteCount: Int { store.convertedByteCount.all }

    /// Makes sure that the parameters can be read.
    ///
    /// - Parameter holdingAll: whether all are needed at once, since they are changed or parts of them are taken.
    /// - Throws: ``Problem`` if they, or the largest of them if one is read after the other, do not fit into the machine's memory, or single
    ///   precision cannot hold a number of one.
    package func check(holdingAll: Bool) throws(Problem) {
        let limit = PhysicalMemory.byteCount
        let bytes = holdingAll ? store.byteCount : store.convertedByteCount.largest
        guard bytes <= limit else {
            throw Problem(
                holdingAll
                    ? "the parameters do not fit into memory in single precision"
                    : "the largest parameter does not fit into memory in single precision",
                expected: "at most \(limit) bytes", found: "\(bytes)")
        }
        for record in store.unread {
            if let error = record.narrowingError { throw error }
        }
    }
}
