import Checkpoints
import Text

/// Whole numbers of stored arrays, checked to fit what they are used for.
enum StoredIntegers {
    /// Calls `body` with the elements in row-major order, some at a time, and the place of the first of them.
    static func forEachPiece(of record: TensorRecord, _ body: (Int, UnsafeMutableBufferPointer<Double>) throws -> Void) rethrows {
        let count = record.elementCount
        let length = 1 << 14
        try withUnsafeTemporaryAllocation(of: Double.self, capacity: min(length, max(count, 1))) { spare in
            for start in stride(from: 0, to: count, by: length) {
                let piece = UnsafeMutableBufferPointer(rebasing: spare[..<min(length, count - start)])
                record.fill(piece, elements: start..<start + piece.count)
                try body(start, piece)
            }
        }
    }

    /// The elements of `record` as classes or answers of the samples: `[N]` or `[N, 1]`, whole and not negative.
    ///
    /// - Throws: ``Problem`` that names the first sample whose number is none of these.
    static func targets(_ record: TensorRecord, array: String?, path: String) throws -> [Int32] {
        func refusal(_ problem: String, expected: String, found: String, hint: Hint? = nil) -> Problem {
            Problem(path: path, array: array, problem: problem, expected: expected, found: found, hint: hint)
        }
        guard record.shape.count == 1 || record.shape.count == 2 && record.shape[1] == 1 else {
            throw refusal(
                "labels of the wrong shape", expected: "[N] or [N, 1]", found: "\(record.shape)",
                hint: record.shape.count > 1 ? .giveTask("regression", means: "reads labels as numbers") : nil)
        }
        var targets: [Int32] = []
        targets.reserveCapacity(record.elementCount)
        try forEachPiece(of: record) { start, piece in
            for (offset, value) in piece.enumerated() {
                if let target = Int32(exactly: value), target >= 0 {
                    targets.append(target)
                    continue
                }
                let sample = start + offset
                guard value == value.rounded() else {
                    throw refusal(
                        "the label of sample \(sample) is not a whole number", expected: "a class of at least 0", found: "\(value)",
                        hint: .giveTask("regression", means: "reads labels as numbers"))
                }
                throw refusal(
                    value < 0 ? "the label of sample \(sample) is negative" : "the label of sample \(sample) is too large",
                    expected: "0 to \(Int32.max)", found: text(value))
            }
        }
        return targets
    }

    /// Makes sure that every element of `record` is a token id.
    ///
    /// - Parameter length: the number of ids in a sample, by which an error locates the first bad one.
    /// - Throws: ``Problem`` if one is negative or beyond 32 bits.
    static func checkTokens(_ record: TensorRecord, length: Int, array: String?, path: String) throws {
        if record.dtype == .u16 || record.dtype == .u8 { return }
        try forEachPiece(of: record) { start, piece in
            var isSound = true
            for value in piece { isSound = isSound && value >= 0 && value <= Double(Int32.max) }
            guard !isSound, let offset = piece.firstIndex(where: { !($0 >= 0 && $0 <= Double(Int32.max)) }) else { return }
            let place = start + offset
            throw Problem(
                path: path, array: array, problem: "no token id at position \(place % length) of sample \(place / length)",
                expected: "0 to \(Int32.max)", found: text(piece[offset]))
        }
    }

    /// A whole number without a fraction.
    private static func text(_ value: Double) -> String { Int(exactly: value).map { "\($0)" } ?? "\(value)" }
}
