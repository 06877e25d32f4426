import Archives
import Tensors

extension TensorRecord {
    /// The stored bytes of a part of the tensor in row-major order, unconverted; computed elements are stored as ``dtype``.
    ///
    /// - Parameter selection: for each dimension the indices to select, in their order; nil for all. Fewer entries than dimensions leave
    ///   the last ones whole. Indices must be inside the tensor; a block type's last dimension cannot be selected from.
    package func gathered(_ selection: [[Int]?] = []) -> ByteRegion {
        if derived != nil { return computedBytes(selection) }
        let stored = storedBytes(selection)
        return isNegated ? Self.changingSigns(of: stored, dtype) : stored
    }

    private func computedBytes(_ selection: [[Int]?]) -> ByteRegion {
        let whole = computedBytes()
        guard selection.contains(where: { $0 != nil }) else { return whole }
        return TensorRecord(name: name, dtype: dtype, shape: shape, strides: nil, bytes: whole, derived: nil).storedBytes(selection)
    }

    /// The elements that are computed at once: many rows, which some layouts decode together.
    private static let computedPiece = 1 << 20

    /// All elements as ``dtype`` has them, computed a piece at a time.
    private func computedBytes() -> ByteRegion {
        let width = dtype.bytesPerBlock
        let region = ByteRegion(count: elementCount * width) { target in
            guard let base = target.baseAddress else { return }
            if dtype == .f64 {
                withUnsafeTemporaryAllocation(of: Double.self, capacity: min(Self.computedPiece, max(elementCount, 1))) { spare in
                    inPieces(of: spare) { piece, start in
                        (base + start * width).copyMemory(from: piece.baseAddress!, byteCount: piece.count * width)
                    }
                }
                return
            }
            withUnsafeTemporaryAllocation(of: Float.self, capacity: min(Self.computedPiece, max(elementCount, 1))) { spare in
                inPieces(of: spare) { piece, start in
                    let place = base + start * width
                    switch dtype {
                    case .f16: Rounding.f16(piece.baseAddress!, place, piece.count)
                    case .bf16: Rounding.bf16(piece.baseAddress!, place, piece.count)
                    default: Rounding.f32(piece.baseAddress!, place, piece.count)
                    }
                }
            }
        }
        discardPages()
        return region
    }

    private func inPieces(of spare: UnsafeMutableBufferPointer<Double>, _ body: (UnsafeMutableBufferPointer<Double>, Int) -> Void) {
        for start in stride(from: 0, to: elementCount, by: spare.count) {
            let piece = UnsafeMutableBufferPointer(rebasing: spare[..<min(spare.count, elementCount - start)])
            fill(piece, elements: start..<start + piece.count)
            body(piece, start)
        }
    }

    private func inPieces(of spare: UnsafeMutableBufferPointer<Float>, _ body: (UnsafeMutableBufferPointer<Float>, Int) -> Void) {
        for start in stride(from: 0, to: elementCount, by: spare.count) {
            let piece = UnsafeMutableBufferPointer(rebasing: spare[..<min(spare.count, elementCount - start)])
            fill(piece, elements: start..<start + piece.count)
            body(piece, start)
        }
    }

    /// The elements with the other sign: their upper bits flipped. Layouts without a negative zero keep zero, whose other pattern is NaN there.
    private static func changingSigns(of region: ByteRegion, _ dtype: DType) -> ByteRegion {
        let width = dtype.bytesPerBlock
        let hasNegativeZero = dtype != .f8e4m3fnuz && dtype != .f8e5m2fnuz
        return ByteRegion(count: region.count) { bytes in
            region.withUnsafeBytes { bytes.copyMemory(from: $0) }
            for last in stride(from: width - 1, to: bytes.count, by: width) where hasNegativeZero || bytes[last] & 0x7F != 0 {
                bytes[last] ^= 0x80
            }
        }
    }

    private func storedBytes(_ selection: [[Int]?]) -> ByteRegion {
        if strides == nil, selection.allSatisfy({ $0 == nil }) { return bytes }
        let width = dtype.bytesPerBlock
        let block = dtype.elementsPerBlock
        // In blocks, which only the last dimension may consist of.
        var lengths = shape
        if block > 1, let last = lengths.indices.last { lengths[last] /= block }
        let steps = strides ?? Self.rowMajorSteps(lengths)
        let chosen = lengths.indices.map { axis -> [Int] in
            guard axis < selection.count, let places = selection[axis] else { return Array(0..<lengths[axis]) }
            precondition(places.allSatisfy { $0 >= 0 && $0 < lengths[axis] }, "places outside dimension \(axis) of \(shape)")
            precondition(block == 1 || axis < lengths.count - 1, "places inside blocks of \(dtype.rawValue)")
            return places
        }
        let count = chosen.reduce(1) { $0 * $1.count }
        guard count > 0 else { return ByteRegion(copying: []) }
        // Neighbouring elements that stay neighbours are copied together.
        var run = 1
        var outer = lengths.count
        while outer > 0, steps[outer - 1] == run || lengths[outer - 1] == 1, chosen[outer - 1].elementsEqual(0..<lengths[outer - 1]) {
            run *= lengths[outer - 1]
            outer -= 1
        }
        var place = [Int](repeating: 0, count: outer)
        return bytes.withUnsafeBytes { source in
            ByteRegion(count: count * width) { target in
                for piece in 0..<count / run {
                    var start = 0
                    for axis in 0..<outer { start += chosen[axis][place[axis]] * steps[axis] }
                    let from = UnsafeRawBufferPointer(rebasing: source[start * width..<(start + run) * width])
                    UnsafeMutableRawBufferPointer(rebasing: target[piece * run * width..<(piece + 1) * run * width]).copyMemory(from: from)
                    var axis = outer - 1
                    while axis >= 0 {
                        place[axis] += 1
                        if place[axis] < chosen[axis].count { break }
                        place[axis] = 0
                        axis -= 1
                    }
                }
            }
        }
    }

    private static func rowMajorSteps(_ lengths: [Int]) -> [Int] {
        var steps = [Int](repeating: 1, count: lengths.count)
        for axis in lengths.indices.dropLast().reversed() { steps[axis] = steps[axis + 1] * lengths[axis + 1] }
        return steps
    }
}

extension ByteRegion {
    /// A region of its own memory.
    ///
    /// - Parameter write: sets every byte.
    fileprivate init(count: Int, _ write: (UnsafeMutableRawBufferPointer) -> Void) {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: max(count, 1), alignment: 64)
        write(UnsafeMutableRawBufferPointer(rebasing: memory[..<count]))
        self.init(ByteStorage(base: UnsafeRawPointer(memory.baseAddress!), count: count, isMapped: false) { memory.deallocate() })
    }
}
