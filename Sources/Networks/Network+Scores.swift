/// What turns the numbers that a softmax reads into the model's answer.
package struct AnswerSteps: Sendable {
    /// What makes the answer of the output: a softmax as a rule.
    package let operations: [any Operation]
    /// The nodes behind the output, which lead to the answer alone.
    package let nodes: Set<NodeID>
}

extension Network {
    /// The network whose output are the logits of its answer, of which losses, metrics and gradients are computed.
    ///
    /// A network that answers with probabilities ends in a softmax, and a second one would make other probabilities of them: its logits are what
    /// the softmax reads, so that their loss is -log of the probabilities that the network gives, with all digits. The same holds for one
    /// that answers with 1 - p and p, p being the sigmoid of a number z: its logits are 0 and z. Any other network is unchanged.
    package var scoring: Network {
        guard answerSteps == nil else { return self }
        var (last, passed): (NodeID, Set<NodeID>) = (output, [])
        while nodes[last.index].operation is Identity, let input = nodes[last.index].inputs.first {
            passed.insert(last)
            last = input
        }
        passed.insert(last)
        if nodes[last.index].operation is Softmax, let logits = nodes[last.index].inputs.first {
            return answering(after: logits, passed)
        }
        return ofTwoClasses(last, passed)
    }

    private func answering(after logits: NodeID, _ passed: Set<NodeID>) -> Network {
        var network = self
        network.output = logits
        network.answerSteps = AnswerSteps(operations: [Softmax()], nodes: passed)
        network.anatomy.layers.removeAll { passed.contains($0.node) }
        return network
    }

    /// The same network with logits of two classes if a node puts 1 - p and p side by side.
    private func ofTwoClasses(_ node: NodeID, _ passed: Set<NodeID>) -> Network {
        let pair = nodes[node.index]
        guard let joined = pair.operation as? Concatenation, joined.axis == 1, pair.inputs.count == 2, outputWidth == 2 else { return self }
        let (rest, own) = (nodes[pair.inputs[0].index], nodes[pair.inputs[1].index])
        guard let sigmoid = own.operation as? Activation, sigmoid.kernel == .sigmoid, let number = own.inputs.first,
            let subtraction = rest.operation as? Arithmetic, subtraction.function == .subtract, rest.inputs.count == 2,
            rest.inputs[1] == pair.inputs[1], let one = (nodes[rest.inputs[0].index].operation as? StoredValues)?.numbers,
            one.elements.allSatisfy({ $0 == 1 })
        else { return self }
        var network = self
        let zero = NodeID(nodes.count)
        network.nodes.append(
            Node(site: own.site + ".zero", operation: Scaling(0), inputs: [number], parameters: [], fusion: nil))
        network.nodes.append(
            Node(
                site: own.site + ".logits", operation: Concatenation(axis: 1), inputs: [zero, number], parameters: [], fusion: nil))
        return network.answering(after: NodeID(zero.index + 1), passed.union(pair.inputs + [rest.inputs[0]]))
    }
}
