import Archives
import Glibc

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
        let (rows, columns, width) = (a.shape[0], a.shape[1], a.dtype.bytesPerBlock)
        let (first, second) = (a.strides ?? [columns, 1], b.strides ?? [columns, 1])
        return a.bytes.withUnsafeBytes { x in
            b.bytes.withUnsafeBytes { y in
                guard let x = x.baseAddress, let y = y.baseAddress else { return false }
                func element(_ row: Int, _ column: Int) -> UnsafeRawPointer { x + (row * first[0] + column * first[1]) * width }
                func areSame(_ row: Int, _ column: Int) -> Bool {
                    memcmp(element(row, column), y + (row * second[0] + column * second[1]) * width, width) == 0
                }
                // A few places tell most matrices apart.
                let samples = (0..<16).map { (row: $0 * (rows - 1) / 15, column: $0 * 7 % columns) }
                guard samples.allSatisfy({ areSame($0.row, $0.column) }) else { return false }
                guard Set(samples.map { Array(UnsafeRawBufferPointer(start: element($0.row, $0.column), count: width)) }).count > 2 else {
                    return false
                }
                // In squares, of which both sides stay in the cache.
                for top in stride(from: 0, to: rows, by: 64) {
                    for left in stride(from: 0, to: columns, by: 64) {
                        for row in top..<min(top + 64, rows) {
                            for column in left..<min(left + 64, columns) where !areSame(row, column) { return false }
                        }
                    }
                }
                return true
            }
        }
    }
}
