import Networks
import Tensors

/// Where a run's answers are read: the logits at the last position of each sample.
///
/// Only the last position's logits of a language model are computed, so that neither they nor their gradient take memory for a vocabulary
/// at every position.
package struct BehaviourReading: Sendable {
    package let network: Network
    /// The node that a run records, and at which a backward pass begins.
    package let node: NodeID
    /// The layer after it that gives the logits; nil if the recorded values are the logits.
    private let last: Node?
    /// What follows the layer: functions of each logit alone.
    private let tail: [any Networks.Operation]
    /// The layer's part that gives the logits of some tokens alone.
    private var part: RestrictedOperation?

    package init(_ network: Network) {
        self.network = network
        let reading = ScoreReading(network)
        node = reading.node
        last = node == network.output ? nil : network.nodes[reading.layer.index]
        tail = reading.tail
    }

    /// The reading of the logits of some tokens alone, in their order; nil where the recorded values are the logits.
    ///
    /// With the network's own parameters, and for values only.
    package func reading(tokens: [Int]) -> BehaviourReading? {
        guard let last, let part = last.operation.restricted(to: tokens, parameters: last.parameters.map { network.values[$0] }) else {
            return nil
        }
        var reading = self
        reading.part = part
        return reading
    }

    /// The logits of each sample, [samples, classes], in separate memory.
    ///
    /// - Parameters:
    ///   - values: what the run recorded at ``node``.
    ///   - parameters: those of the run; the network's own if nil.
    package func logits(_ values: Tensor, parameters: ParameterValues? = nil, team: Team) -> Tensor {
        let samples = values.shape[0]
        let rows = MutableTensor(uninitialized: [samples, values.width])
        let length = values.rows / max(samples, 1)
        for sample in 0..<samples {
            rows[sample..<sample + 1].copy(from: values.view(at: ((sample + 1) * length - 1) * values.width, shape: [values.width]))
        }
        guard let last else { return rows }
        let weights = part?.parameters ?? last.parameters.map { (parameters ?? network.values)[$0] }
        let logits = MutableTensor(uninitialized: [samples, part?.parameters[0].shape[0] ?? network.outputWidth])
        (part?.operation ?? last.operation).forward(
            ForwardPass(inputs: [rows], parameters: weights, output: logits, scratch: MutableTensor(uninitialized: [0]), team: team))
        for operation in tail {
            operation.forward(
                ForwardPass(inputs: [logits], parameters: [], output: logits, scratch: MutableTensor(uninitialized: [0]), team: team))
        }
        return logits
    }

    /// The gradient at ``node`` that a gradient of the logits gives: 0 but at the last positions.
    ///
    /// - Parameters:
    ///   - gradient: with respect to the logits, [samples, classes].
    ///   - logits: those that ``logits(_:parameters:team:)`` gave.
    ///   - shape: of the values at ``node``.
    ///   - parameters: those of the run; the network's own if nil.
    package func seed(
        _ gradient: Tensor, at logits: Tensor, shape: [Int], parameters: ParameterValues? = nil, team: Team
    ) -> Tensor {
        precondition(part == nil, "a gradient of some logits")
        let samples = shape[0]
        var rows = gradient
        for operation in tail.reversed() {
            let inputGradient = MutableTensor.zeros(rows.shape)
            operation.backward(
                BackwardPass(
                    inputs: [logits], parameters: [], output: logits, outputGradient: rows, inputGradients: [inputGradient],
                    parameterGradients: [], scratch: MutableTensor(uninitialized: [0]), team: team))
            rows = inputGradient
        }
        if let last {
            let parameters = parameters ?? network.values
            let inputGradient = MutableTensor.zeros([samples, shape.last ?? 1])
            last.operation.backward(
                BackwardPass(
                    inputs: [inputGradient], parameters: last.parameters.map { parameters[$0] }, output: rows, outputGradient: rows,
                    inputGradients: [inputGradient], parameterGradients: last.parameters.map { _ in nil },
                    scratch: MutableTensor(uninitialized: [0]), team: team))
            rows = inputGradient
        }
        let seed = MutableTensor.zeros(shape)
        let length = seed.rows / max(samples, 1)
        for sample in 0..<samples {
            seed.view(at: ((sample + 1) * length - 1) * seed.width, shape: [seed.width]).copy(from: rows[sample..<sample + 1])
        }
        return seed
    }
}
