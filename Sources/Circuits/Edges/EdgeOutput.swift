import Networks
import Tensors

/// The last reader: from the stream to the logits at the last position, and back.
struct EdgeOutput: Sendable {
    private let stage: EdgeStage
    private let slice: EdgeUnit.ReaderSlice

    init(_ graph: EdgeGraph) {
        guard let stage = graph.stages.last, stage.isOutput, let slice = stage.units.first?.readers.first?.slices.first else {
            preconditionFailure("a graph without an output")
        }
        self.stage = stage
        self.slice = slice
    }

    /// What went through the operations of a reading.
    struct Trace {
        let rows: Tensor
        let normalized: Tensor
        /// What each of the steps after the last layer gave, the layer's own output first.
        let values: [Tensor]
        /// [samples, classes].
        var logits: Tensor { values[values.count - 1] }
    }

    func trace(_ stream: Tensor, team: Team) -> Trace {
        let rows = stream.shape.count == 3 ? stream.lastPositions.reshaped([stream.shape[0], stream.shape[2]]) : stream
        let normalized = stage.norm.map { $0.apply([rows], team: team) } ?? rows
        var values: [Tensor] = [slice.operation.applied(to: [normalized], slice.parameters, team: team)]
        for step in stage.units[0].steps { values.append(step.apply([values[values.count - 1]], team: team)) }
        return Trace(rows: rows, normalized: normalized, values: values)
    }

    /// The logits at the last position, [samples, classes].
    func logits(_ stream: Tensor, team: Team) -> Tensor { trace(stream, team: team).logits }

    /// The gradient with respect to the stream, in its shape: 0 but at the last positions.
    func gradient(_ gradient: Tensor, of trace: Trace, shape: [Int], team: Team) -> Tensor {
        var current = gradient
        for (place, step) in stage.units[0].steps.enumerated().reversed() {
            let before = MutableTensor.zeros(trace.values[place].shape)
            step.operation.addGradient(
                current, at: trace.values[place], output: trace.values[place + 1], step.parameters, to: before, team: team)
            current = before
        }
        let normalized = MutableTensor.zeros(trace.normalized.shape)
        slice.operation.addGradient(current, at: trace.normalized, output: trace.values[0], slice.parameters, to: normalized, team: team)
        current = normalized
        if let norm = stage.norm {
            let rows = MutableTensor.zeros(trace.rows.shape)
            norm.operation.addGradient(current, at: trace.rows, output: trace.normalized, norm.parameters, to: rows, team: team)
            current = rows
        }
        guard shape.count == 3 else { return current.reshaped(shape) }
        return current.reshaped([shape[0], 1, shape[2]]).spreadToLastPositions(length: shape[1])
    }
}

extension Tensor {
    /// Of sequences [samples, length, width] the last position, [samples, 1, width].
    var lastPositions: MutableTensor {
        let (samples, length, width) = (shape[0], shape[1], shape[2])
        let rows = MutableTensor(uninitialized: [samples, 1, width])
        for sample in 0..<samples {
            rows[sample..<sample + 1].copy(from: view(at: ((sample + 1) * length - 1) * width, shape: [width]))
        }
        return rows
    }

    /// Sequences [samples, length, width] of zeros whose last position these are.
    func spreadToLastPositions(length: Int) -> Tensor {
        let (samples, width) = (shape[0], shape[2])
        let sequences = MutableTensor.zeros([samples, length, width])
        for sample in 0..<samples {
            sequences.view(at: ((sample + 1) * length - 1) * width, shape: [1, width]).copy(from: self[sample..<sample + 1])
        }
        return sequences
    }
}
