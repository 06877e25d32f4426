import Networks
import Tensors

/// The last reader: from the stream to a score for each class of each sample, and back.
struct EdgeOutput: Sendable {
    private let stage: EdgeStage
    private let unit: EdgeUnit
    private let answer: EdgeAnswer
    /// The last layer and its parameters, and the steps after it.
    private var layer: (operation: any Networks.Operation, parameters: [Tensor])
    private var steps: [UnitStep]
    /// The answers that are computed; nil for all.
    private var answers: [Int]?

    init(_ graph: EdgeGraph) {
        guard let stage = graph.stages.last, stage.isOutput, let unit = stage.units.first, let slice = unit.readers.first?.slices.first
        else { preconditionFailure("a graph without an output") }
        self.stage = stage
        self.unit = unit
        layer = (slice.operation, slice.parameters)
        steps = unit.steps
        answer = graph.answer
    }

    /// The reading of some answers alone, in their order; nil if the layer does not give each by itself.
    func restricted(to answers: [Int]) -> EdgeOutput? {
        guard let part = layer.operation.restricted(to: answers, parameters: layer.parameters), part.reading == .all else { return nil }
        var output = self
        output.layer = (part.operation, part.parameters)
        output.answers = answers
        output.steps = []
        for step in steps {
            guard step.inputs.count == 1, let part = step.operation.restricted(to: answers, parameters: step.parameters),
                part.reading == .same
            else { return nil }
            output.steps.append(UnitStep(operation: part.operation, inputs: step.inputs, parameters: part.parameters, output: step.output))
        }
        return output
    }

    /// What went through the operations of a reading.
    struct Trace {
        let rows: Tensor
        let normalized: Tensor
        /// What the last layer gave, and each of the steps after it.
        let values: [NodeID: Tensor]
        /// [samples, classes].
        let logits: Tensor
    }

    /// - Parameter constants: added to the answers; for fewer samples, they are those of each repetition.
    func trace(_ stream: Tensor, adding constants: Tensor?, team: Team) -> Trace {
        let isEnd = stream.shape.count == 3 && answer == .lastPosition
        let rows = isEnd ? stream.lastPositions.reshaped([stream.shape[0], stream.shape[2]]) : stream
        let normalized = stage.norm.map { $0.apply([rows], team: team) } ?? rows
        var values: [NodeID: Tensor] = [
            unit.targets[0].node: layer.operation.applied(to: [normalized], layer.parameters, team: team)
        ]
        for step in steps { values[step.output] = step.apply(step.inputs.map { values[$0]! }, team: team) }
        var logits = values[unit.output]!
        if let constants = constants.map(chosen) {
            let sum = constants.repeated(logits.count / max(constants.count, 1)).reshaped(logits.shape)
            Elementwise.add(logits, to: sum, team: team)
            logits = sum
        }
        return Trace(rows: rows, normalized: normalized, values: values, logits: logits)
    }

    /// Of scores of all answers those of the answers that are computed.
    private func chosen(_ scores: Tensor) -> Tensor {
        guard let answers else { return scores }
        let chosen = MutableTensor(uninitialized: Channels.shape(scores.shape, channels: answers.count, samples: scores.shape[0]))
        Channels.copy(answers, of: scores, to: chosen)
        return chosen
    }

    /// The logits, [samples, classes]; of sequences, those at the last position unless the model has one answer for a sample.
    func logits(_ stream: Tensor, adding constants: Tensor?, team: Team) -> Tensor { trace(stream, adding: constants, team: team).logits }

    /// The gradient with respect to the stream, in its shape: 0 but at the last positions where the answer is read there.
    func gradient(_ gradient: Tensor, of trace: Trace, shape: [Int], team: Team) -> Tensor {
        var gradients: [NodeID: MutableTensor] = [unit.output: gradient.copied()]
        for step in steps.reversed() {
            guard let output = gradients[step.output] else { continue }
            let inputs = step.inputs.map { trace.values[$0]! }
            let slopes = zip(step.inputs, inputs).map { node, value in
                let slope = gradients[node] ?? MutableTensor.zeros(value.shape)
                gradients[node] = slope
                return slope
            }
            step.operation.addGradients(
                output, at: inputs, output: trace.values[step.output]!, step.parameters, to: slopes, team: team)
        }
        let node = unit.targets[0].node
        guard let current = gradients[node], let output = trace.values[node] else { preconditionFailure("an output that reads nothing") }
        let normalized = MutableTensor.zeros(trace.normalized.shape)
        layer.operation.addGradient(current, at: trace.normalized, output: output, layer.parameters, to: normalized, team: team)
        var rows = normalized
        if let norm = stage.norm {
            rows = MutableTensor.zeros(trace.rows.shape)
            norm.operation.addGradient(normalized, at: trace.rows, output: trace.normalized, norm.parameters, to: rows, team: team)
        }
        guard shape.count == 3, answer == .lastPosition else { return rows.reshaped(shape) }
        return rows.reshaped([shape[0], 1, shape[2]]).spreadToLastPositions(length: shape[1])
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
