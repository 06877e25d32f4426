import Tensors

/// Matrices that an exporter has stored a second time, turned round, because the model reads one weight in two ways: as a table of embeddings and
/// as the matrix of the logits. PyTorch's exporters do so where they compute constants, under a name that they make up.
///
/// Both are one weight of the model, which training changes once.
struct ONNXCopies {
    private let stored: [ONNX.StoredTensor]

    init(_ stored: [ONNX.StoredTensor]) { self.stored = stored }

    /// Makes each such matrix the weight that it is a copy of, under a second name.
    func apply(to tensors: inout [TensorRecord]) {
        let madeUp = Set(stored.lazy.filter { ONNXUses.isNumbered($0.value) }.map(\.name))
        guard !madeUp.isEmpty else { return }
        let matrices = tensors.indices.filter { tensors[$0].shape.count == 2 && !tensors[$0].shape.contains { $0 < 2 } }
        let own = Dictionary(grouping: matrices.filter { !madeUp.contains(tensors[$0].name) }) { tensors[$0].shape }
        for place in matrices where madeUp.contains(tensors[place].name) {
            let equal = (own[tensors[place].shape] ?? []).filter { Self.areEqual(tensors[$0], tensors[place]) }
            // Layers that begin as copies of each other are several.
            if equal.count == 1 { tensors[place] = tensors[equal[0]].secondNamed(tensors[place].name) }
        }
    }

    /// Whether two matrices of one shape have the same numbers, bit by bit, and not just a few different ones, as masks and identities have.
    private static func areEqual(_ a: TensorRecord, _ b: TensorRecord) -> Bool {
        guard a.dtype == b.dtype, a.dtype.isFloatingPoint, a.dtype.elementsPerBlock == 1, a.derived == nil, b.derived == nil else {
            return false
        }
        let isEqual =
            switch a.dtype.bytesPerBlock {
            case 1: areEqual(a, b, of: UInt8.self)
            case 2: areEqual(a, b, of: UInt16.self)
            case 4: areEqual(a, b, of: UInt32.self)
            case 8: areEqual(a, b, of: UInt64.self)
            default: false
            }
        a.bytes.discardPages()
        b.bytes.discardPages()
        return isEqual
    }

    private static func areEqual<Word: FixedWidthInteger>(_ a: TensorRecord, _ b: TensorRecord, of _: Word.Type) -> Bool {
        let (rows, columns, width) = (a.shape[0], a.shape[1], MemoryLayout<Word>.size)
        let (first, second) = ((a.strides ?? [columns, 1]).map { $0 * width }, (b.strides ?? [columns, 1]).map { $0 * width })
        return a.bytes.withUnsafeBytes { x in
            b.bytes.withUnsafeBytes { y in
                guard let x = x.baseAddress, let y = y.baseAddress else { return false }
                func element(_ row: Int, _ column: Int) -> Word {
                    x.loadUnaligned(fromByteOffset: row * first[0] + column * first[1], as: Word.self)
                }
                func areSame(_ row: Int, _ column: Int) -> Bool {
                    element(row, column) == y.loadUnaligned(fromByteOffset: row * second[0] + column * second[1], as: Word.self)
                }
                // A few places tell most matrices apart.
                let samples = (0..<16).map { (row: $0 * (rows - 1) / 15, column: $0 * 7 % columns) }
                guard samples.allSatisfy({ areSame($0.row, $0.column) }) else { return false }
                guard Set(samples.map { element($0.row, $0.column) }).count > 2 else { return false }
                return Self.areEqual(x, first, y, second, rows: rows, columns: columns, of: Word.self)
            }
        }
    }

    /// Compares all elements, in pieces of which both sides stay in the cache: the second matrix is the first turned round.
    private static func areEqual<Word: FixedWidthInteger>(
        _ x: UnsafeRawPointer, _ first: [Int], _ y: UnsafeRawPointer, _ second: [Int], rows: Int, columns: Int, of _: Word.Type
    ) -> Bool {
        nonisolated(unsafe) let (x, y) = (x, y)
        let (down, across, otherDown, otherAcross) = (first[0], first[1], second[0], second[1])
        let stripes = (rows + stripe - 1) / stripe
        // Opening a file should take no longer than the disk needs.
        let threads = rows * columns < 1 << 22 ? 1 : min(4, Parallel.availableCores)
        let results = try? Parallel.map(count: stripes, threads: threads) { number -> Bool in
            for top in stride(from: number * stripe, to: min(rows, (number + 1) * stripe), by: 256) {
                let end = min(top + 256, rows)
                for left in stride(from: 0, to: columns, by: 16) {
                    var different: Word = 0
                    for column in left..<min(left + 16, columns) {
                        var p = x + (top * down + column * across)
                        var q = y + (top * otherDown + column * otherAcross)
                        for _ in top..<end {
                            different |= p.loadUnaligned(as: Word.self) ^ q.loadUnaligned(as: Word.self)
                            (p, q) = (p + down, q + otherDown)
                        }
                    }
                    guard different == 0 else { return false }
                }
            }
            return true
        }
        return results?.allSatisfy { $0 } ?? false
    }

    /// The rows that a thread compares at a time.
    private static let stripe = 1 << 13
}
