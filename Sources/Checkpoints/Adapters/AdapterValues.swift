import Synchronization
import Tensors

/// The change that an adapter makes to one weight: products of thin matrices that follow each other.
struct AdapterChangeValues: DerivedValues {
    /// One for each expert, otherwise a single one.
    let products: [LowRankProduct]
    let summary: String

    var stored: [TensorRecord] { products.first.map { [$0.b, $0.a] } ?? [] }
    var selection: [Int] { products.flatMap(\.selection) }

    func fill(_ target: UnsafeMutableBufferPointer<Float>, elements: Range<Int>) {
        Self.fill(target, elements: elements, products)
    }

    /// Writes elements of products that have the same size and follow each other.
    static func fill(_ target: UnsafeMutableBufferPointer<Float>, elements: Range<Int>, _ products: [LowRankProduct]) {
        guard let size = products.first?.elementCount, size > 0 else { return }
        var position = elements.lowerBound
        while position < elements.upperBound {
            let place = position / size
            let end = min(elements.upperBound, (place + 1) * size)
            let part = target[position - elements.lowerBound..<end - elements.lowerBound]
            products[place].fill(UnsafeMutableBufferPointer(rebasing: part), elements: position - place * size..<end - place * size)
            position = end
        }
    }
}

extension LowRankProduct {
    /// What distinguishes this product from others of the same two tensors.
    var selection: [Int] {
        [rank, Int(scale.bitPattern), outputs.lowerBound, outputs.upperBound, isTransposed ? 1 : 0, expert, expertCount]
    }
}

/// A weight of a base model with the change of an adapter, in the base's type.
///
/// With magnitudes (S. Liu et al., DoRA: Weight-Decomposed Low-Rank Adaptation, 2024) each out-neuron's weights are scaled to a stored length.
final class MergedValues: DerivedValues {
    /// Which elements share a magnitude.
    enum Axis: Sendable {
        /// Each row of the stored weight has its own.
        case rows
        /// Each column has.
        case columns
    }

    let base: TensorRecord
    let summary: String
    private let products: [LowRankProduct]
    private let magnitudes: TensorRecord?
    private let axis: Axis
    /// The factor of each row or column: the magnitude over the length of the sum. Found when it is first needed.
    private let factors = Mutex<[Float]?>(nil)

    /// - Parameter magnitudes: one number for each row or each column, depending on `axis`.
    init(_ base: TensorRecord, products: [LowRankProduct], magnitudes: TensorRecord?, axis: Axis, summary: String) {
        self.base = base
        self.products = products
        self.magnitudes = magnitudes
        self.axis = axis
        self.summary = summary
    }

    var stored: [TensorRecord] { [base] + (products.first.map { [$0.b, $0.a] } ?? []) + (magnitudes.map { [$0] } ?? []) }
    var selection: [Int] { products.flatMap(\.selection) }

    /// The type in which the sum is kept: the base's where numbers can be rounded to it, as peft keeps it.
    static func dtype(of base: TensorRecord) -> DType { CheckpointDraft.roundedTypes.contains(base.dtype) ? base.dtype : .f32 }

    private static let pieceLength = 1 << 16

    func fill(_ target: UnsafeMutableBufferPointer<Float>, elements: Range<Int>) {
        fillSum(target, elements: elements)
        if let factors = neededFactors() { scale(target, elements: elements, by: factors) }
        base.dtype.round(target)
    }

    func fill(_ target: UnsafeMutableBufferPointer<Double>, elements: Range<Int>) {
        guard base.dtype == .f64, magnitudes == nil else {
            withPieces(elements) { part, piece in
                fill(piece, elements: part)
                for (place, value) in piece.enumerated() { target[part.lowerBound - elements.lowerBound + place] = Double(value) }
            }
            return
        }
        base.fill(target, elements: elements)
        withPieces(elements) { part, piece in
            AdapterChangeValues.fill(piece, elements: part, products)
            for (place, value) in piece.enumerated() { target[part.lowerBound - elements.lowerBound + place] += Double(value) }
        }
    }

    /// The weight and its change, not scaled yet.
    private func fillSum(_ target: UnsafeMutableBufferPointer<Float>, elements: Range<Int>) {
        base.fill(target, elements: elements)
        withPieces(elements) { part, piece in
            AdapterChangeValues.fill(piece, elements: part, products)
            let start = part.lowerBound - elements.lowerBound
            for place in 0..<piece.count { target[start + place] += piece[place] }
        }
    }

    private func withPieces(_ elements: Range<Int>, _ body: (Range<Int>, UnsafeMutableBufferPointer<Float>) -> Void) {
        let length = min(Self.pieceLength, elements.count)
        let buffer = UnsafeMutableBufferPointer<Float>.allocate(capacity: length)
        defer { buffer.deallocate() }
        for start in stride(from: elements.lowerBound, to: elements.upperBound, by: max(length, 1)) {
            let part = start..<min(start + length, elements.upperBound)
            body(part, UnsafeMutableBufferPointer(rebasing: buffer[..<part.count]))
        }
    }

    // MARK: - Magnitudes

    /// The elements of one row of the stored weight.
    private var width: Int {
        switch axis {
        case .rows: base.elementCount / max(base.shape.first ?? 1, 1)
        case .columns: base.shape.last ?? 1
        }
    }

    private func scale(_ target: UnsafeMutableBufferPointer<Float>, elements: Range<Int>, by factors: [Float]) {
        let width = width
        var position = elements.lowerBound
        while position < elements.upperBound {
            let row = position / width
            let end = min(elements.upperBound, (row + 1) * width)
            let start = position - elements.lowerBound
            let column = position - row * width
            for place in 0..<end - position {
                target[start + place] *= axis == .rows ? factors[row] : factors[column + place]
            }
            position = end
        }
    }

    private func neededFactors() -> [Float]? {
        guard let magnitudes else { return nil }
        return factors.withLock { kept in
            if let kept { return kept }
            let found = zip(magnitudes.floats(), lengths()).map { $0 / $1 }
            kept = found
            return found
        }
    }

    /// The length of each row or column of the sum.
    private func lengths() -> [Float] {
        let width = width
        let rows = width == 0 ? 0 : base.elementCount / width
        var squares = [Double](repeating: 0, count: axis == .rows ? rows : width)
        let height = max(1, Self.pieceLength / max(width, 1))
        let buffer = UnsafeMutableBufferPointer<Float>.allocate(capacity: height * width)
        defer { buffer.deallocate() }
        for first in stride(from: 0, to: rows, by: height) {
            let part = first..<min(first + height, rows)
            let values = UnsafeMutableBufferPointer(rebasing: buffer[..<(part.count * width)])
            fillSum(values, elements: part.lowerBound * width..<part.upperBound * width)
            for row in part {
                let start = (row - first) * width
                for column in 0..<width {
                    let value = Double(values[start + column])
                    squares[axis == .rows ? row : column] += value * value
                }
            }
        }
        return squares.map { Float($0.squareRoot()) }
    }
}

/// A vector of a base model with a vector of an adapter that is scaled: the bias of a change.
struct MergedBias: DerivedValues {
    let base: TensorRecord
    let change: TensorRecord
    let scale: Float
    let summary: String

    var stored: [TensorRecord] { [base, change] }
    var selection: [Int] { [Int(scale.bitPattern)] }

    func fill(_ target: UnsafeMutableBufferPointer<Float>, elements: Range<Int>) {
        base.fill(target, elements: elements)
        let added = UnsafeMutableBufferPointer<Float>.allocate(capacity: elements.count)
        defer { added.deallocate() }
        change.fill(added, elements: elements)
        for place in 0..<elements.count { target[place] += added[place] * scale }
        base.dtype.round(target)
    }
}

extension DType {
    /// Rounds numbers to the type if it has two bytes; for other types they do not change.
    fileprivate func round(_ target: UnsafeMutableBufferPointer<Float>) {
        switch self {
        case .bf16: Self.round(target, Rounding.bf16, Conversion.bf16)
        case .f16: Self.round(target, Rounding.f16, Conversion.f16)
        default: break
        }
    }

    private static func round(
        _ target: UnsafeMutableBufferPointer<Float>, _ narrow: (UnsafePointer<Float>, UnsafeMutableRawPointer, Int) -> Void,
        _ widen: (UnsafeRawPointer, UnsafeMutablePointer<Float>, Int) -> Void
    ) {
        withUnsafeTemporaryAllocation(byteCount: 2 * 4096, alignment: 16) { buffer in
            guard let narrowed = buffer.baseAddress else { return }
            for start in stride(from: 0, to: target.count, by: 4096) {
                let part = UnsafeMutableBufferPointer(rebasing: target[start..<min(start + 4096, target.count)])
                guard let values = part.baseAddress else { return }
                narrow(values, narrowed, part.count)
                widen(narrowed, values, part.count)
            }
        }
    }
}
