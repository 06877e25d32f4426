import Archives
import Synchronization
import Tensors

/// How many elements of a tensor are not finite. The tensor is read a piece at a time.
package struct NonFiniteCount: Sendable, Equatable {
    /// The elements that are not a number.
    package private(set) var nan = 0
    /// The elements that are infinite.
    package private(set) var infinite = 0

    private init() {}

    /// Counts the elements of a tensor, or those of its storage if it is a view that repeats them.
    package init(_ tensor: TensorRecord, threads: Int = 1) {
        guard tensor.dtype.isFloatingPoint, tensor.derived?.isCertainlyFinite != true else { return }
        let stored = tensor.storedElementCount
        switch tensor.dtype {
        case .f64, .f32, .f16, .bf16:
            guard tensor.derived == nil, tensor.strides == nil || tensor.elementCount > stored || tensor.isPermutation else { break }
            countBits(tensor, threads: threads)
            return
        default: break
        }
        // The layouts whose elements cannot be counted by their bits: converted first.
        let count = min(tensor.elementCount, 64 * max(stored, 1))
        let piece = UnsafeMutableBufferPointer<Float>.allocate(capacity: min(max(count, 1), 1 << 16))
        defer { piece.deallocate() }
        if tensor.dtype == .f64 {
            countDoubles(tensor, count)
            return
        }
        for start in stride(from: 0, to: count, by: piece.count) {
            let part = UnsafeMutableBufferPointer(rebasing: piece[..<min(piece.count, count - start)])
            tensor.fill(part, elements: start..<start + part.count)
            for value in part where !value.isFinite { add(isNaN: value.isNaN) }
        }
    }

    private mutating func add(isNaN: Bool) {
        if isNaN { nan += 1 } else { infinite += 1 }
    }

    private mutating func countDoubles(_ tensor: TensorRecord, _ count: Int) {
        let piece = UnsafeMutableBufferPointer<Double>.allocate(capacity: min(max(count, 1), 1 << 16))
        defer { piece.deallocate() }
        for start in stride(from: 0, to: count, by: piece.count) {
            let part = UnsafeMutableBufferPointer(rebasing: piece[..<min(piece.count, count - start)])
            tensor.fill(part, elements: start..<start + part.count)
            for value in part where !value.isFinite { add(isNaN: value.isNaN) }
        }
    }

    /// Elements that are stored once each are counted by the bits of their exponents, in their order in memory and without converting them.
    private mutating func countBits(_ tensor: TensorRecord, threads: Int) {
        let size = 1 << 20
        let bytes = tensor.bytes
        let pieces = (bytes.count + size - 1) / size
        guard threads > 1, pieces > 1 else {
            for piece in 0..<pieces { add(Self.counted(bytes, from: piece * size, size, tensor.dtype)) }
            return
        }
        let sum = Mutex(NonFiniteCount())
        // Nothing in it throws.
        try? Parallel.forEach(count: pieces, threads: threads) { piece in
            let part = Self.counted(bytes, from: piece * size, size, tensor.dtype)
            sum.withLock { $0.add(part) }
        }
        add(sum.withLock { $0 })
    }

    private mutating func add(_ other: NonFiniteCount) {
        nan += other.nan
        infinite += other.infinite
    }

    private static func counted(_ bytes: ByteRegion, from start: Int, _ size: Int, _ dtype: DType) -> NonFiniteCount {
        var count = NonFiniteCount()
        guard let piece = bytes.slice(offset: start, count: min(size, bytes.count - start)) else { return count }
        piece.withUnsafeBytes { bytes in
            switch dtype {
            case .f64: count.count(bytes, exponent: UInt64(0x7FF0_0000_0000_0000))
            case .f32: count.count(bytes, exponent: UInt32(0x7F80_0000))
            case .bf16: count.count(bytes, exponent: UInt16(0x7F80))
            default: count.count(bytes, exponent: UInt16(0x7C00))
            }
        }
        piece.discardPages()
        return count
    }

    private mutating func count<Bits: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(
        _ bytes: UnsafeRawBufferPointer, exponent: Bits
    ) {
        let size = MemoryLayout<Bits>.size
        let count = bytes.count / size
        guard let base = bytes.baseAddress, count > 0 else { return }
        var special = 0
        for i in 0..<count {
            let bits = Bits(littleEndian: base.loadUnaligned(fromByteOffset: i &* size, as: Bits.self))
            special &+= bits & exponent == exponent ? 1 : 0
        }
        guard special > 0 else { return }
        let magnitude = Bits.max >> 1
        for i in 0..<count {
            let bits = Bits(littleEndian: base.loadUnaligned(fromByteOffset: i &* size, as: Bits.self)) & magnitude
            if bits & exponent == exponent { add(isNaN: bits != exponent) }
        }
    }
}

extension TensorRecord {
    /// Whether its elements are those of its bytes, each once, in another order: a matrix that is read the other way round.
    fileprivate var isPermutation: Bool {
        guard let strides, elementCount == storedElementCount, bytes.count == elementCount * dtype.bytesPerBlock else { return false }
        var next = 1
        for (stride, length) in zip(strides, shape).filter({ $0.1 != 1 }).sorted(by: { $0.0 < $1.0 }) {
            guard stride == next else { return false }
            next = next.multipliedReportingOverflow(by: length).partialValue
        }
        return next == elementCount
    }
}
