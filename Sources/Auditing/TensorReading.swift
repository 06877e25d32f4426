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

    private mutating func count<Scalar: BinaryFloatingPoint>(_ piece: UnsafeBufferPointer<Scalar>) {
        var special = 0
        var other = 0
        for value in piece {
            special &+= value.isFinite ? 0 : 1
            other &+= value == 0 ? 0 : 1
        }
        if other > 0 { isZero = false }
        guard special > 0 else { return }
        for value in piece where !value.isFinite {
            if value.isNaN { nan += 1 } else { infinite += 1 }
        }
    }
}
