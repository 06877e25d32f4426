import Archives
import Tensors
import Text

extension TensorRecord {
    /// All elements in row-major order as a tensor of `shape`: the file's own bytes if they are aligned single-precision numbers, else a
    /// copy. Either way they can only be read: that nobody writes a mapped page is a matter of the type.
    ///
    /// - Parameter team: who computes a copy; the caller alone without one.
    package func sharedFloats(shape: [Int], team: Team? = nil) -> Tensor {
        if let mapped = mappedFloats(shape: shape) { return mapped }
        let tensor = MutableTensor(uninitialized: shape)
        let pieces = (elementCount + Self.copiedPiece - 1) / Self.copiedPiece
        let copy: @Sendable (Int) -> Void = { piece in
            let elements = piece * Self.copiedPiece..<min((piece + 1) * Self.copiedPiece, elementCount)
            tensor.view(at: elements.lowerBound, shape: [elements.count]).withMutableElements { fill($0, elements: elements) }
        }
        if let team, pieces > 1 { team.forEach(pieces, copy) } else { tensor.withMutableElements { fill($0, elements: 0..<elementCount) } }
        discardPages()
        return tensor
    }

    /// The file's own bytes as a tensor of `shape`, if they are aligned single-precision numbers in row-major order; nil if they must be
    /// converted, which takes memory.
    package func mappedFloats(shape: [Int]) -> Tensor? {
        precondition(shape.reduce(1, *) == elementCount, "\(shape) for \(self.shape)")
        guard dtype == .f32, derived == nil, strides == nil, !isNegated, elementCount > 0 else { return nil }
        return sharedBytes(shape: shape)
    }

    /// The elements that a thread converts at once: many rows, which some layouts decode together.
    private static let copiedPiece = 1 << 20

    /// What ``sharedFloats(shape:)`` gives.
    ///
    /// - Throws: ``Problem`` for a finite number in double precision that single precision cannot hold.
    package func narrowedFloats(shape: [Int]) throws(Problem) -> Tensor {
        if let error = narrowingError { throw error }
        return sharedFloats(shape: shape)
    }

    /// The error for the first finite number that single precision cannot hold; nil if it holds all. Costs a pass over double precision.
    package var narrowingError: Problem? {
        firstBeyondSinglePrecision().map { value in
            Problem(
                "has a weight beyond the range of f32", subject: "tensor '\(name)'", expected: "at most 3.40e38 in magnitude",
                found: "\(value)")
        }
    }

    /// The first finite number that becomes infinite if it is read in single precision; only double precision has such.
    package func firstBeyondSinglePrecision() -> Double? {
        guard dtype == .f64 else { return nil }
        return withUnsafeTemporaryAllocation(of: Double.self, capacity: 1 << 12) { piece in
            for start in stride(from: 0, to: elementCount, by: piece.count) {
                let part = UnsafeMutableBufferPointer(rebasing: piece[..<min(piece.count, elementCount - start)])
                fill(part, elements: start..<start + part.count)
                if let value = part.first(where: { $0.isFinite && Float($0).isInfinite }) { return value }
            }
            return nil
        }
    }

    private func sharedBytes(shape: [Int]) -> Tensor? {
        #if _endian(little)
        let owner = RegionOwner(region: bytes)
        return bytes.withUnsafeBytes { raw in
            guard let base = raw.baseAddress, UInt(bitPattern: base) % UInt(MemoryLayout<Float>.alignment) == 0 else { return nil }
            // The region is immutable memory that the owner keeps in place.
            return Tensor(reading: base.assumingMemoryBound(to: Float.self), owner: owner, shape: shape)
        }
        #else
        return nil
        #endif
    }
}

/// Keeps a region's bytes alive.
private final class RegionOwner {
    let region: ByteRegion
    init(region: ByteRegion) { self.region = region }
}
