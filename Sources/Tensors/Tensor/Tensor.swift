/// The memory of tensors: an allocation, an arena that many tensors share, or bytes that somebody else owns.
///
/// Who hands a storage out decides who writes where and when; nothing here keeps two threads apart.
package final class TensorStorage: @unchecked Sendable {
    let base: UnsafeMutablePointer<Float>
    /// The number of elements.
    package let count: Int
    /// Keeps the memory alive.
    private let owner: AnyObject?

    /// New memory that is not initialised.
    package init(uninitialized count: Int) {
        let buffer = Buffer<Float>(uninitialized: count)
        base = buffer.base
        self.count = count
        owner = buffer
    }

    /// Memory that `owner` keeps alive and that nobody writes: the pages of a file.
    ///
    /// - Parameter base: aligned for Float.
    package init(reading base: UnsafePointer<Float>, count: Int, owner: AnyObject?) {
        precondition(UInt(bitPattern: base) % UInt(MemoryLayout<Float>.alignment) == 0, "unaligned tensor")
        self.base = UnsafeMutablePointer(mutating: base)
        self.count = count
        self.owner = owner
    }
}

/// A row-major block of single-precision numbers with a shape. Several tensors may look at the same storage.
package struct Tensor: Sendable {
    package let storage: TensorStorage
    /// The place of the first element in the storage.
    package let offset: Int
    /// The lengths of the dimensions, slowest first; empty for a scalar.
    package let shape: [Int]
    /// The number of elements.
    package let count: Int

    /// A view of `shape` into `storage`, all of which must lie inside it.
    package init(storage: TensorStorage, offset: Int = 0, shape: [Int]) {
        let count = shape.reduce(1, *)
        precondition(offset >= 0 && count >= 0 && offset + count <= storage.count, "\(shape) at \(offset) of \(storage.count)")
        self.storage = storage
        self.offset = offset
        self.shape = shape
        self.count = count
    }

    /// New memory that is not initialised.
    package init(uninitialized shape: [Int]) {
        self.init(storage: TensorStorage(uninitialized: shape.reduce(1, *)), shape: shape)
    }

    /// A tensor of the given elements in row-major order.
    package init(shape: [Int], _ elements: some Collection<Float>) {
        self.init(uninitialized: shape)
        precondition(elements.count == count, "\(elements.count) elements for \(shape)")
        withMutableElements { _ = $0.initialize(from: elements) }
    }

    package static func zeros(_ shape: [Int]) -> Tensor {
        let tensor = Tensor(uninitialized: shape)
        tensor.fill(0)
        return tensor
    }

    /// The same elements in another shape of as many.
    package func reshaped(_ shape: [Int]) -> Tensor { Tensor(storage: storage, offset: offset, shape: shape) }

    /// The entries `range` of the first dimension.
    package subscript(range: Range<Int>) -> Tensor {
        let length = shape.first ?? 1
        precondition(range.lowerBound >= 0 && range.upperBound <= length, "\(range) of \(shape)")
        let step = length == 0 ? 0 : count / length
        return Tensor(storage: storage, offset: offset + range.lowerBound * step, shape: [range.count] + shape.dropFirst())
    }

    /// The length of the last dimension; 1 for a scalar.
    package var width: Int { shape.last ?? 1 }

    /// The number of rows of ``width`` elements.
    package var rows: Int { width == 0 ? 0 : count / width }

    /// All elements in row-major order.
    package var elements: [Float] { withElements { Array($0) } }

    /// Calls `body` with the elements; the pointer must not outlive the call.
    package func withElements<Result>(_ body: (UnsafeBufferPointer<Float>) throws -> Result) rethrows -> Result {
        try withExtendedLifetime(storage) { try body(UnsafeBufferPointer(start: pointer, count: count)) }
    }

    /// Calls `body` with the elements to change; the pointer must not outlive the call.
    package func withMutableElements<Result>(_ body: (UnsafeMutableBufferPointer<Float>) throws -> Result) rethrows -> Result {
        try withExtendedLifetime(storage) { try body(UnsafeMutableBufferPointer(start: pointer, count: count)) }
    }

    /// Sets every element.
    package func fill(_ value: Float) { withMutableElements { $0.update(repeating: value) } }

    /// Takes over the elements of a tensor of as many.
    package func copy(from other: Tensor) {
        precondition(other.count == count, "\(other.shape) into \(shape)")
        guard count > 0, other.pointer != pointer else { return }
        pointer.update(from: other.pointer, count: count)
    }

    /// A copy in memory of its own.
    package func copied() -> Tensor {
        let copy = Tensor(uninitialized: shape)
        copy.copy(from: self)
        return copy
    }

    /// The first element, for the functions of this target; valid while ``storage`` lives.
    var pointer: UnsafeMutablePointer<Float> { storage.base + offset }
}
