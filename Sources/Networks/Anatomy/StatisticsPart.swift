/// A batch norm with the statistics that it collects during training.
package struct StatisticsPart: Sendable {
    package let norm: BatchNorm
    /// The node that the norm reads.
    package let input: NodeID
    /// The running mean and variance: measured, not learned.
    package let mean: ParameterID
    package let variance: ParameterID
}

extension Network {
    /// The norms that measure what they read, in order. They are known by what they are, whoever built the network.
    package var statistics: [StatisticsPart] {
        nodes.compactMap { node in
            guard let norm = node.operation as? BatchNorm, node.parameters.count >= 2 else { return nil }
            return StatisticsPart(
                norm: norm, input: node.inputs[0], mean: node.parameters[node.parameters.count - 2],
                variance: node.parameters[node.parameters.count - 1])
        }
    }
}
