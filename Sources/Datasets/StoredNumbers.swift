import Checkpoints
import Text

/// Numbers of stored arrays, checked to fit what they are used for.
enum StoredNumbers {
    /// The elements of `record` as numbers that outputs should be near to: `[N]` or `[N, ...]`, finite.
    ///
    /// - Throws: ``Problem`` that names the first sample with a number that is not finite in single precision.
    static func targets(_ record: TensorRecord, array: String?, path: String) throws -> Dataset.TargetNumbers {
        guard let count = record.shape.first, count > 0, record.elementCount > 0 else {
            throw Problem(path: path, array: array, problem: "holds no labels", expected: "[N] or [N, ...]", found: "\(record.shape)")
        }
        let width = record.elementCount / count
        var values: [Float] = []
        values.reserveCapacity(record.elementCount)
        try StoredIntegers.forEachPiece(of: record) { start, piece in
            for (offset, value) in piece.enumerated() {
                guard Float(value).isFinite else {
                    throw Problem(
                        path: path, array: array, problem: "the label of sample \((start + offset) / width) is not finite",
                        expected: "numbers of single precision", found: "\(value)")
                }
                values.append(Float(value))
            }
        }
        return Dataset.TargetNumbers(width: width, values: values)
    }
}
