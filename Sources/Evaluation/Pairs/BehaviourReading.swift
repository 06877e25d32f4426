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

    package init(_ network: Network) {
        self.network = network
        node = ScoreReading(network).node
        last = node == network.output ? nil : network.nodes[network.output.index]
    }

    /// The logits of each sample, [samples, classes], in memory of their own.
    ///
    /// - Parameters:
    ///   - values: what the run recorded at ``node``.
    ///   - parameters: those of the run; the network's own where nil.
    package func logits(_ values: Tensor, parameters: ParameterValues? = nil, team: Team) -> Tensor {
        let samples = values.shape[0]
        let rows = Tensor(uninitialized: [samples, values.width])
        let length = values.rows / max(samples, 1)
        for sample in 0..<samples { rows.row(sample).copy(from: values.row((sample + 1) * length - 1)) }
        guard let last else { return rows }
        let parameters = parameters ?? network.values
        let logits = Tensor(uninitialized: [samples, network.outputWidth])
        last.operation.forward(
            ForwardPass(
                inputs: [rows], parameters: last.parameters.map { parameters[$0] }, output: logits, scratch: Tensor(uninitialized: [0]),
                team: team))
        return logits
    }

    /// The gradient at ``node`` that a gradient of the logits gives: 0 but at the last positions.
    ///
    /// - Parameters:
    ///   - gradient: with respect to the logits, [samples, classes].
    ///   - shape: of the values at ``node``.
    ///   - parameters: those of the run; the network's own where nil.
    package func seed(_ gradient: Tensor, shape: [Int], parameters: ParameterValues? = nil, team: Team) -> Tensor {
        let samples = shape[0]
        var rows = gradient
        if let last {
            let parameters = parameters ?? network.values
            rows = Tensor.zeros([samples, shape.last ?? 1])
            last.operation.backward(
                BackwardPass(
                    inputs: [rows], parameters: last.parameters.map { parameters[$0] }, output: gradient, outputGradient: gradient,
                    inputGradients: [rows], parameterGradients: last.parameters.map { _ in nil }, scratch: Tensor(uninitialized: [0]),
                    team: team))
        }
        let seed = Tensor.zeros(shape)
        let length = seed.rows / max(samples, 1)
        for sample in 0..<samples { seed.row((sample + 1) * length - 1).copy(from: rows.row(sample)) }
        return seed
    }
}

extension Tensor {
    /// One row of the last dimension.
    fileprivate func row(_ place: Int) -> Tensor { Tensor(storage: storage, offset: offset + place * width, shape: [width]) }
}
