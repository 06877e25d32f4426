import Archives
import Text

/// One tensor of a checkpoint: its name, type and shape, and where its bytes are or what they are computed from. Nothing is read before it
/// is requested.
package struct TensorRecord: Sendable {
    /// The name in the checkpoint.
    package private(set) var name: String
    package let dtype: DType
    /// The lengths of the dimensions, slowest first as in numpy and PyTorch; empty for a scalar.
    package let shape: [Int]
    /// The distance between neighbours along each dimension, in elements; nil if the elements are in row-major order.
    package let strides: [Int]?
    /// The bytes from the tensor's first element on. Contiguous tensors have exactly their bytes here; a strided
    /// one has the bytes from its first to its last element, a computed one has none.
    package let bytes: ByteRegion
    /// What computes the elements; nil if they are not computed.
    package let derived: (any DerivedValues)?
    /// Whether the elements are the stored ones with the other sign, as PyTorch keeps views of conjugated imaginary parts.
    package private(set) var isNegated = false
    /// Whether the file says that the tensor is another one under a second name.
    private(set) var isSecondName = false

    /// Whether it is a kernel of Keras or Flax whose dimensions have been brought into PyTorch's order.
    package private(set) var isTurnedKernel = false

    /// A tensor whose elements are in row-major order.
    ///
    /// - Throws: ``Problem`` if the shape's size overflows, does not fill whole blocks, or differs from the number of bytes.
    package init(name: String, dtype: DType, shape: [Int], bytes: ByteRegion) throws(Problem) {
        let size = try Self.byteCount(dtype: dtype, shape: shape)
        guard bytes.count == size else {
            throw Problem(problem: "wrong number of bytes", expected: "\(size)", found: "\(bytes.count)")
        }
        self.name = name
        self.dtype = dtype
        self.shape = shape
        self.strides = nil
        self.bytes = bytes
        derived = nil
    }

    init(name: String, dtype: DType, shape: [Int], strides: [Int]?, bytes: ByteRegion, derived: (any DerivedValues)?) {
        self.name = name
        self.dtype = dtype
        self.shape = shape
        self.strides = strides
        self.bytes = bytes
        self.derived = derived
    }

    /// A view with any strides into a storage, as PyTorch saves them.
    ///
    /// - Parameters:
    ///   - strides: in elements, one for each dimension, none negative.
    ///   - offset: the first element's place in the storage, in elements.
    ///   - storage: the bytes of the whole storage.
    /// - Throws: ``Problem`` if any element would be outside the storage.
    package init(
        name: String, dtype: DType, shape: [Int], strides: [Int], offset: Int, storage: ByteRegion
    ) throws(Problem) {
        _ = try Self.byteCount(dtype: dtype, shape: shape)
        guard strides.count == shape.count, strides.allSatisfy({ $0 >= 0 }), offset >= 0 else {
            throw Problem(
                problem: "bad strides", expected: "\(shape.count) strides of 0 or more", found: "\(strides) at offset \(offset)")
        }
        let width = dtype.bytesPerBlock
        var span = shape.contains(0) ? 0 : 1
        if span == 1 {
            for (length, stride) in zip(shape, strides) {
                let (product, overflow) = (length - 1).multipliedReportingOverflow(by: stride)
                let (sum, overflow2) = span.addingReportingOverflow(product)
                guard !overflow, !overflow2 else {
                    throw Problem(problem: "strides overflow", expected: "a view inside its storage", found: "\(strides)")
                }
                span = sum
            }
        }
        let (last, overflow) = offset.addingReportingOverflow(span)
        let (endByte, overflow2) = last.multipliedReportingOverflow(by: width)
        guard !overflow, !overflow2, endByte <= storage.count,
            let bytes = storage.slice(offset: offset * width, count: span * width)
        else {
            throw Problem(
                problem: "the view extends past the end of its storage", expected: "at most \(storage.count / width) elements",
                found: overflow ? "an overflow" : "\(last)")
        }
        self.name = name
        self.dtype = dtype
        self.shape = shape
        self.strides = Self.isRowMajor(shape: shape, strides: strides) ? nil : strides
        self.bytes = bytes
        derived = nil
    }

    /// The same tensor under another name.
    func named(_ name: String) -> TensorRecord {
        var record = self
        record.name = name
        return record
    }

    /// The same tensor under another name, of which the file says that it is no tensor of its own.
    func secondNamed(_ name: String) -> TensorRecord {
        var record = named(name)
        record.isSecondName = true
        return record
    }

    /// The same tensor, which is a kernel that has been turned round.
    func markedAsTurned() -> TensorRecord {
        var record = self
        record.isTurnedKernel = true
        return record
    }

    /// The same tensor with every sign changed. The bytes do not change; the signs are changed when the elements are read.
    ///
    /// The type is one of those in which a sign is a bit.
    func negated() -> TensorRecord {
        precondition(dtype.isFloatingPoint && dtype.elementsPerBlock == 1, "a negated \(dtype.rawValue)")
        var record = self
        record.isNegated.toggle()
        return record
    }

    /// The same tensor under another name.
    func renamed(_ name: String) -> TensorRecord {
        var record = TensorRecord(name: name, dtype: dtype, shape: shape, strides: strides, bytes: bytes, derived: derived)
        record.isNegated = isNegated
        return record
    }

    /// The number of elements.
    package var elementCount: Int { shape.reduce(1, *) }

    /// The size of `shape` in bytes, in row-major order.
    package static func byteCount(dtype: DType, shape: [Int]) throws(Problem) -> Int {
        var count = 1
        for length in shape {
            guard length >= 0 else {
                throw Problem(problem: "negative dimension", expected: "0 or more", found: "\(length)")
            }
            // A zero elsewhere must not hide an overflow: the product of the others is used for strides.
            let (product, overflow) = count.multipliedReportingOverflow(by: max(length, 1))
            guard !overflow, product <= Int.max / 16 else {
                throw Problem(problem: "shape overflows", expected: "fewer than 2^59 elements", found: "\(shape)")
            }
            count = product
        }
        if shape.contains(0) { return 0 }
        let block = dtype.elementsPerBlock
        guard block == 1 || (shape.last ?? 1) % block == 0 else {
            throw Problem(
                problem: "incomplete block", expected: "a multiple of \(block) in the last dimension", found: "\(shape)")
        }
        let (bytes, overflow) = (count / block).multipliedReportingOverflow(by: dtype.bytesPerBlock)
        guard !overflow else {
            throw Problem(problem: "shape overflows", expected: "fewer than 2^63 bytes", found: "\(shape)")
        }
        return bytes
    }

    private static func isRowMajor(shape: [Int], strides: [Int]) -> Bool {
        if shape.contains(0) { return true }
        var expected = 1
        for (length, stride) in zip(shape, strides).reversed() where length != 1 {
            if stride != expected { return false }
            expected *= length
        }
        return true
    }
}
