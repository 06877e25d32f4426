import Archives
import Tensors

extension TensorRecord {
    /// All elements in row-major order; 64-bit types and 32-bit integers are rounded to the nearest Float by way of Double.
    package func floats() -> [Float] { array() }

    /// All elements in row-major order; 64-bit integers are rounded to the nearest Double, everything else is exact.
    package func doubles() -> [Double] { array() }

    /// Writes a run of the elements, so that a large tensor can be converted piece by piece.
    ///
    /// - Parameters:
    ///   - target: as many elements as the run has.
    ///   - elements: places in row-major order. A run may begin and end inside a block of a block format.
    package func fill(_ target: UnsafeMutableBufferPointer<Float>, elements: Range<Int>) {
        fillElements(target, elements: elements)
    }

    /// Writes a run of the elements in double precision; see the function of the same name for Float.
    package func fill(_ target: UnsafeMutableBufferPointer<Double>, elements: Range<Int>) {
        fillElements(target, elements: elements)
    }

    /// Whether another tensor has the same shape and numbers, compared a part at a time.
    func hasSameNumbers(as other: TensorRecord) -> Bool {
        guard shape == other.shape else { return false }
        let step = 1 << 16
        return stride(from: 0, to: elementCount, by: step).allSatisfy { start in
            let range = start..<Swift.min(start + step, elementCount)
            func part(_ record: TensorRecord) -> [Float] {
                [Float](unsafeUninitializedCapacity: range.count) { buffer, count in
                    record.fill(UnsafeMutableBufferPointer(rebasing: buffer[..<range.count]), elements: range)
                    count = range.count
                }
            }
            return part(self) == part(other)
        }
    }

    private func array<Scalar: ConversionTarget>() -> [Scalar] {
        [Scalar](unsafeUninitializedCapacity: elementCount) { target, count in
            fillElements(UnsafeMutableBufferPointer(rebasing: target[..<elementCount]), elements: 0..<elementCount)
            count = elementCount
        }
    }

    private func fillElements<Scalar: ConversionTarget>(_ target: UnsafeMutableBufferPointer<Scalar>, elements: Range<Int>) {
        precondition(
            elements.lowerBound >= 0 && elements.upperBound <= elementCount && target.count == elements.count,
            "\(target.count) places for elements \(elements) of \(elementCount)")
        guard !elements.isEmpty, let output = target.baseAddress else { return }
        defer {
            if isNegated { for i in target.indices { output[i].negate() } }
        }
        if let derived {
            Scalar.fill(target, derived, elements)
            return
        }
        bytes.withUnsafeBytes { source in
            guard let base = source.baseAddress else { return }
            guard let strides else {
                if dtype.elementsPerBlock == 1 {
                    Scalar.convert(dtype, base + elements.lowerBound * dtype.bytesPerBlock, output, elements.count)
                } else {
                    fillFromBlocks(base, output, elements)
                }
                return
            }
            precondition(dtype.elementsPerBlock == 1, "a strided view of \(dtype.rawValue)")
            StridedReader(base: base, dtype: dtype, shape: shape, strides: strides).fill(output, elements: elements)
        }
    }

    /// Whole blocks go straight to the target; the cut ones at both ends through one block of memory.
    private func fillFromBlocks<Scalar: ConversionTarget>(
        _ base: UnsafeRawPointer, _ output: UnsafeMutablePointer<Scalar>, _ elements: Range<Int>
    ) {
        let length = dtype.elementsPerBlock
        withUnsafeTemporaryAllocation(of: Scalar.self, capacity: length) { spare in
            guard let block = spare.baseAddress else { return }
            var position = elements.lowerBound
            while position < elements.upperBound {
                let source = base + position / length * dtype.bytesPerBlock
                let first = position % length
                let whole = (elements.upperBound - position) / length
                if first == 0, whole > 0 {
                    Scalar.convert(dtype, source, output + (position - elements.lowerBound), whole * length)
                    position += whole * length
                } else {
                    Scalar.convert(dtype, source, block, length)
                    let count = min(length - first, elements.upperBound - position)
                    (output + (position - elements.lowerBound)).update(from: block + first, count: count)
                    position += count
                }
            }
        }
    }
}

/// Reads a strided view in row-major order of its own shape.
private struct StridedReader {
    let base: UnsafeRawPointer
    let dtype: DType
    let shape: [Int]
    /// In elements.
    let strides: [Int]

    private static let tile = 64

    func fill<Scalar: ConversionTarget>(_ output: UnsafeMutablePointer<Scalar>, elements: Range<Int>) {
        let rowLength = shape.last ?? 1
        let rowStride = strides.last ?? 1
        var position = elements.lowerBound
        while position < elements.upperBound {
            let row = position / rowLength
            let column = position % rowLength
            let rest = elements.upperBound - position
            let target = output + (position - elements.lowerBound)
            if shape.count == 2, strides[0] == 1, rowStride > 1, column == 0, rest >= rowLength {
                let rows = min(rest / rowLength, Self.tile)
                fillTransposed(target, firstRow: row, rows: rows)
                position += rows * rowLength
                continue
            }
            let count = min(rowLength - column, rest)
            fillRun(target, first: start(ofRow: row) + column * rowStride, stride: rowStride, count: count)
            position += count
        }
    }

    /// The place of a row's first element, in elements; rows are counted over all dimensions but the last.
    private func start(ofRow row: Int) -> Int {
        var rest = row
        var place = 0
        for dimension in (0..<max(shape.count - 1, 0)).reversed() {
            place += rest % shape[dimension] * strides[dimension]
            rest /= shape[dimension]
        }
        return place
    }

    /// One row: gathered into neighbouring bytes a piece at a time, then converted.
    private func fillRun<Scalar: ConversionTarget>(
        _ output: UnsafeMutablePointer<Scalar>, first: Int, stride: Int, count: Int
    ) {
        let width = dtype.bytesPerBlock
        if stride == 1 {
            Scalar.convert(dtype, base + first * width, output, count)
            return
        }
        let piece = 512
        withUnsafeTemporaryAllocation(byteCount: piece * 8, alignment: 8) { spare in
            guard let gathered = spare.baseAddress else { return }
            for start in Swift.stride(from: 0, to: count, by: piece) {
                let length = min(piece, count - start)
                switch width {
                case 1: gather(UInt8.self, gathered, first + start * stride, stride, length)
                case 2: gather(UInt16.self, gathered, first + start * stride, stride, length)
                case 4: gather(UInt32.self, gathered, first + start * stride, stride, length)
                default: gather(UInt64.self, gathered, first + start * stride, stride, length)
                }
                Scalar.convert(dtype, UnsafeRawPointer(gathered), output + start, length)
            }
        }
    }

    @inline(__always)
    private func gather<Word: FixedWidthInteger & BitwiseCopyable>(
        _ word: Word.Type, _ target: UnsafeMutableRawPointer, _ first: Int, _ stride: Int, _ count: Int
    ) {
        let width = MemoryLayout<Word>.size
        for i in 0..<count {
            let value = base.loadUnaligned(fromByteOffset: (first &+ i &* stride) &* width, as: Word.self)
            target.storeBytes(of: value, toByteOffset: i &* width, as: Word.self)
        }
    }

    /// Rows of a transposed matrix, whose columns are contiguous: converted column by column in tiles that stay in the cache.
    private func fillTransposed<Scalar: ConversionTarget>(
        _ output: UnsafeMutablePointer<Scalar>, firstRow: Int, rows: Int
    ) {
        let columns = shape[1]
        let columnStride = strides[1]
        withUnsafeTemporaryAllocation(of: Scalar.self, capacity: Self.tile * Self.tile) { spare in
            guard let tile = spare.baseAddress else { return }
            for firstColumn in Swift.stride(from: 0, to: columns, by: Self.tile) {
                let width = min(Self.tile, columns - firstColumn)
                for column in 0..<width {
                    let place = firstRow + (firstColumn + column) * columnStride
                    Scalar.convert(dtype, base + place * dtype.bytesPerBlock, tile + column * rows, rows)
                }
                for row in 0..<rows {
                    let line = output + row * columns + firstColumn
                    for column in 0..<width { line[column] = tile[column &* rows &+ row] }
                }
            }
        }
    }
}

/// A number type that stored elements are converted to.
private protocol ConversionTarget: BitwiseCopyable, SignedNumeric {
    /// Converts `count` contiguous elements; whole blocks for the block formats.
    static func convert(_ dtype: DType, _ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Self>, _ count: Int)

    /// Computes a run of elements.
    static func fill(_ target: UnsafeMutableBufferPointer<Self>, _ values: any DerivedValues, _ elements: Range<Int>)
}

/// The number of elements converted at a time if there is a type between the stored one and the target; a multiple of every block.
private let pieceLength = 1024

extension Float: ConversionTarget {
    fileprivate static func fill(_ target: UnsafeMutableBufferPointer<Float>, _ values: any DerivedValues, _ elements: Range<Int>) {
        values.fill(target, elements: elements)
    }

    fileprivate static func convert(
        _ dtype: DType, _ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>, _ count: Int
    ) {
        switch dtype {
        case .f64: Conversion.f64(source, target, count)
        case .f32: Conversion.f32(source, target, count)
        case .f16: Conversion.f16(source, target, count)
        case .bf16: Conversion.bf16(source, target, count)
        case .f8e4m3fn: Conversion.f8(.e4m3fn, source, target, count)
        case .f8e5m2: Conversion.f8(.e5m2, source, target, count)
        case .f8e4m3fnuz: Conversion.f8(.e4m3fnuz, source, target, count)
        case .f8e5m2fnuz: Conversion.f8(.e5m2fnuz, source, target, count)
        case .i16: Conversion.i16(source, target, count)
        case .i8: Conversion.i8(source, target, count)
        case .u16: Conversion.u16(source, target, count)
        case .u8: Conversion.u8(source, target, count)
        case .bool: Conversion.bool(source, target, count)
        case .i64, .i32, .u64, .u32:
            inPieces(of: Double.self, dtype, source, target, count) { Float($0) }
        default:
            guard let format = dtype.blockFormat else { preconditionFailure("no conversion of \(dtype.rawValue)") }
            Conversion.blocks(format, source, target, count / format.elementCount)
        }
    }
}

extension Double: ConversionTarget {
    fileprivate static func fill(_ target: UnsafeMutableBufferPointer<Double>, _ values: any DerivedValues, _ elements: Range<Int>) {
        values.fill(target, elements: elements)
    }

    fileprivate static func convert(
        _ dtype: DType, _ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Double>, _ count: Int
    ) {
        switch dtype {
        case .f64: Conversion.f64(source, target, count)
        case .i64: Conversion.i64(source, target, count)
        case .i32: Conversion.i32(source, target, count)
        case .u64: Conversion.u64(source, target, count)
        case .u32: Conversion.u32(source, target, count)
        default:
            inPieces(of: Float.self, dtype, source, target, count) { Double($0) }
        }
    }
}

@inline(__always)
private func inPieces<Middle: ConversionTarget, Target>(
    of middle: Middle.Type, _ dtype: DType, _ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Target>, _ count: Int,
    _ widen: (Middle) -> Target
) {
    withUnsafeTemporaryAllocation(of: Middle.self, capacity: min(pieceLength, count)) { spare in
        guard let piece = spare.baseAddress else { return }
        for start in stride(from: 0, to: count, by: pieceLength) {
            let length = min(pieceLength, count - start)
            Middle.convert(dtype, source + start / dtype.elementsPerBlock * dtype.bytesPerBlock, piece, length)
            for i in 0..<length { target[start &+ i] = widen(piece[i]) }
        }
    }
}
