/// A row-major block of single-precision numbers with a shape, to be read: parameters, inputs, and what others have computed.
///
/// A tensor is a handle: several may look at the same memory. It has no way to write what it looks at, which may be the pages of a file.
/// A tensor that may be written is a ``MutableTensor``, which can be passed wherever a tensor is read. Nothing here keeps a thread that reads from
/// one that writes: who hands out a mutable tensor decides who writes where and when.
package class Tensor: @unchecked Sendable {
    /// The lengths of the dimensions, slowest first; empty for a scalar.
    package final let shape: [Int]
    /// The number of elements.
    package final let count: Int
    /// The first element, for the functions of this target; valid while the tensor lives.
    final let pointer: UnsafePointer<Float>
    /// Keeps the memory alive.
    fileprivate final let owner: AnyObject?

    /// Memory that `owner` keeps alive and that nobody need be able to write: the pages of a file.
    ///
    /// - Parameter base: aligned for Float, as many elements as `shape` has.
    package init(reading base: UnsafePointer<Float>, owner: AnyObject?, shape: [Int]) {
        precondition(UInt(bitPattern: base) % UInt(MemoryLayout<Float>.alignment) == 0, "unaligned tensor")
        self.shape = shape
        count = shape.reduce(1, *)
        pointer = base
        self.owner = owner
    }

    /// A tensor of the given elements in row-major order.
    package convenience init(shape: [Int], _ elements: some Collection<Float>) {
        let buffer = Buffer(shape: shape, elements)
        self.init(reading: buffer.base, owner: buffer, shape: shape)
    }

    /// The elements from `offset` on in the given shape, all of which must be inside this tensor.
    package func view(at offset: Int, shape: [Int]) -> Tensor {
        check(offset, shape)
        return Tensor(reading: pointer + offset, owner: owner, shape: shape)
    }

    /// The same elements in another shape of as many, or the first of them in a shape of fewer.
    package func reshaped(_ shape: [Int]) -> Tensor { view(at: 0, shape: shape) }

    /// The entries `range` of the first dimension.
    package subscript(range: Range<Int>) -> Tensor {
        let place = place(of: range)
        return view(at: place.offset, shape: place.shape)
    }

    fileprivate final func check(_ offset: Int, _ shape: [Int]) {
        let count = shape.reduce(1, *)
        precondition(offset >= 0 && count >= 0 && offset + count <= self.count, "\(shape) at \(offset) of \(self.shape)")
    }

    fileprivate final func place(of range: Range<Int>) -> (offset: Int, shape: [Int]) {
        let length = shape.first ?? 1
        precondition(range.lowerBound >= 0 && range.upperBound <= length, "\(range) of \(shape)")
        let step = length == 0 ? 0 : count / length
        return (range.lowerBound * step, [range.count] + shape.dropFirst())
    }

    /// The length of the last dimension; 1 for a scalar.
    package final var width: Int { shape.last ?? 1 }

    /// The number of rows of ``width`` elements.
    package final var rows: Int { width == 0 ? 0 : count / width }

    /// All elements in row-major order.
    package final var elements: [Float] { withElements { Array($0) } }

    /// Calls `body` with the elements; the pointer must not outlive the call.
    package final func withElements<Result>(_ body: (UnsafeBufferPointer<Float>) throws -> Result) rethrows -> Result {
        try withExtendedLifetime(self) { try body(UnsafeBufferPointer(start: pointer, count: count)) }
    }

    /// A copy in its own memory.
    package final func copied() -> MutableTensor {
        let copy = MutableTensor(uninitialized: shape)
        copy.copy(from: self)
        return copy
    }
}

/// A tensor in memory that we allocated, to be written too: outputs, scratch memory, gradients, the state of optimisers.
///
/// Only this type's own initialisers make one, so that none looks at a file's pages. Its views write into the same memory.
package final class MutableTensor: Tensor, @unchecked Sendable {
    private init(_ base: UnsafeMutablePointer<Float>, owner: AnyObject?, shape: [Int]) {
        super.init(reading: base, owner: owner, shape: shape)
    }

    /// New memory that is not initialised.
    package convenience init(uninitialized shape: [Int]) {
        let buffer = Buffer<Float>(uninitialized: shape.reduce(1, *))
        self.init(buffer.base, owner: buffer, shape: shape)
    }

    /// A tensor of the given elements in row-major order.
    package convenience init(shape: [Int], _ elements: some Collection<Float>) {
        let buffer = Buffer(shape: shape, elements)
        self.init(buffer.base, owner: buffer, shape: shape)
    }

    package static func zeros(_ shape: [Int]) -> MutableTensor {
        let tensor = MutableTensor(uninitialized: shape)
        tensor.fill(0)
        return tensor
    }

    package override func view(at offset: Int, shape: [Int]) -> MutableTensor {
        check(offset, shape)
        return MutableTensor(mutablePointer + offset, owner: owner, shape: shape)
    }

    package override func reshaped(_ shape: [Int]) -> MutableTensor { view(at: 0, shape: shape) }

    package override subscript(range: Range<Int>) -> MutableTensor {
        let place = place(of: range)
        return view(at: place.offset, shape: place.shape)
    }

    /// Calls `body` with the elements to change; the pointer must not outlive the call.
    package func withMutableElements<Result>(_ body: (UnsafeMutableBufferPointer<Float>) throws -> Result) rethrows -> Result {
        try withExtendedLifetime(self) { try body(UnsafeMutableBufferPointer(start: mutablePointer, count: count)) }
    }

    /// Sets every element.
    package func fill(_ value: Float) { withMutableElements { $0.update(repeating: value) } }

    /// Takes over the elements of a tensor of as many.
    package func copy(from other: Tensor) {
        precondition(other.count == count, "\(other.shape) into \(shape)")
        guard count > 0, other.pointer != pointer else { return }
        mutablePointer.update(from: other.pointer, count: count)
    }

    /// The first element, for the functions of this target; valid while the tensor lives.
    ///
    /// The initialisers took a pointer that may be written.
    var mutablePointer: UnsafeMutablePointer<Float> { UnsafeMutablePointer(mutating: pointer) }
}

extension Buffer<Float> {
    /// New memory with the elements of a tensor.
    fileprivate convenience init(shape: [Int], _ elements: some Collection<Float>) {
        let count = shape.reduce(1, *)
        precondition(elements.count == count, "\(elements.count) elements for \(shape)")
        self.init(uninitialized: count)
        _ = UnsafeMutableBufferPointer(start: base, count: count).initialize(from: elements)
    }
}
