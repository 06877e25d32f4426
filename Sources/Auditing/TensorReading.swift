import Checkpoints
import Datasets

/// What one reading of a tensor's elements shows.
struct TensorReading {
    /// The SHA-256 of the elements as little-endian numbers in row-major order: in single precision if that holds every value of the
    /// stored type, otherwise in double precision.
    private(set) var digest = ""
    private(set) var nan = 0
    private(set) var infinite = 0
    /// Whether every element is 0, of either sign.
    private(set) var isZero = true

    /// The elements that are converted at a time.
    private static let pieceLength = 1 << 16
    /// So many bytes of a mapped file stay in memory.
    private static let residentBytes = 1 << 24

    /// Reads a tensor that does not repeat its storage without bound, a piece at a time.
    init(_ tensor: TensorRecord) {
        var digest = ContentDigest()
        if tensor.dtype.fitsFloat {
            Self.forEachPiece(of: tensor, as: Float.self, fill: { tensor.fill($0, elements: $1) }) { piece in
                digest.update(UnsafeRawBufferPointer(piece))
                count(piece)
            }
        } else {
            Self.forEachPiece(of: tensor, as: Double.self, fill: { tensor.fill($0, elements: $1) }) { piece in
                digest.update(UnsafeRawBufferPointer(piece))
                count(piece)
            }
        }
        self.digest = digest.hexadecimal
    }

    private static func forEachPiece<Scalar: BinaryFloatingPoint>(
        of tensor: TensorRecord, as type: Scalar.Type, fill: (UnsafeMutableBufferPointer<Scalar>, Range<Int>) -> Void,
        _ body: (UnsafeBufferPointer<Scalar>) -> Void
    ) {
        let count = tensor.elementCount
        let buffer = UnsafeMutableBufferPointer<Scalar>.allocate(capacity: min(max(count, 1), pieceLength))
        defer { buffer.deallocate() }
        let step = residentBytes / MemoryLayout<Scalar>.size
        for start in stride(from: 0, to: count, by: pieceLength) {
            let end = min(count, start + pieceLength)
            let piece = UnsafeMutableBufferPointer(rebasing: buffer[..<(end - start)])
            fill(piece, start..<end)
            body(UnsafeBufferPointer(piece))
            if end / step > start / step { tensor.discardPages() }
        }
    }

    private mutating func count(_ piece: UnsafeBufferPointer<Float>) {
        // Without its sign a number is the larger the larger its bits; this is one instruction for several of them.
        var largest: Int32 = 0
        for value in piece { largest = max(largest, Int32(truncatingIfNeeded: value.bitPattern & 0x7FFF_FFFF)) }
        if largest > 0 { isZero = false }
        if largest >= 0x7F80_0000 { countSpecial(piece) }
    }

    private mutating func count(_ piece: UnsafeBufferPointer<Double>) {
        var largest: Int64 = 0
        for value in piece { largest = max(largest, Int64(truncatingIfNeeded: value.bitPattern & 0x7FFF_FFFF_FFFF_FFFF)) }
        if largest > 0 { isZero = false }
        if largest >= 0x7FF0_0000_0000_0000 { countSpecial(piece) }
    }

    private mutating func countSpecial(_ piece: UnsafeBufferPointer<some BinaryFloatingPoint>) {
        for value in piece where !value.isFinite {
            if value.isNaN { nan += 1 } else { infinite += 1 }
        }
    }
}
