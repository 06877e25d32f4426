import Checkpoints
import Evaluation
import Networks
import Tensors

/// Writes the scores of all samples as one numpy array, batch by batch.
///
/// Sequences of different lengths have no common shape: their rows are then written one under the other, [positions, vocabulary].
final class LogitsWriter {
    private let stream: ResultStream

    init(_ path: String, batches: SampleBatches) throws {
        stream = ResultStream(try Destination(path: path))
        var rows: [[Int]] = []
        for place in batches.ranges.indices {
            let shapes = try batches.network.shapes(for: batches.shape(place))
            rows.append(shapes[batches.network.output.index])
        }
        let samples = batches.dataset.count
        let inner = Set(rows.map { Array($0.dropFirst()) })
        let shape: [Int]
        if inner.count <= 1 {
            shape = [samples] + (inner.first ?? [])
        } else {
            shape = [rows.reduce(0) { $0 + $1.dropLast().reduce(1, *) }, batches.network.outputWidth]
        }
        try stream.write(NPY.header(type: "<f4", shape: shape))
    }

    func write(_ scores: Tensor) throws {
        try scores.withElements { try stream.write(UnsafeRawBufferPointer($0)) }
    }

    func finish() throws { try stream.finish() }
}
