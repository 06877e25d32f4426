import Tensors

extension DecompositionSearch {
    /// x where beta x is above a threshold, else ln(1 + exp(beta x)) / beta: PyTorch's Softplus, for which ONNX has no operator with these settings.
    func softplus(_ place: Int) -> Found? {
        let node = nodes[place]
        guard node.operation is Where, node.inputs.count == 3, node.parameters.isEmpty, let above = maker(node.inputs[0]),
            (nodes[above].operation as? Arithmetic)?.function == .greater, nodes[above].inputs.count == 2,
            nodes[above].parameters.isEmpty, let limit = maker(nodes[above].inputs[1]),
            let threshold = (nodes[limit].operation as? StoredValues)?.numbers?.elements, threshold.count == 1
        else { return nil }
        let (compared, x) = (nodes[above].inputs[0], node.inputs[1])
        var steps = [limit, above]
        var beta: Float = 1
        if compared != x {
            guard let product = maker(compared), let scaling = nodes[product].operation as? Scaling, nodes[product].inputs == [x],
                scaling.factor > 0
            else { return nil }
            beta = scaling.factor
            steps.append(product)
        }
        var smooth = node.inputs[2]
        if beta != 1 {
            guard let quotient = scaled(smooth, by: 1 / beta) else { return nil }
            smooth = quotient.input
            steps.append(quotient.place)
        }
        guard let curve = maker(smooth), nodes[curve].inputs == [compared],
            case .softplus(1, let own)? = (nodes[curve].operation as? Activation)?.curve, own > Double(threshold[0])
        else { return nil }
        return Found(
            operation: Activation(.softplus(beta: Double(beta), threshold: Double(threshold[0])), name: "softplus"), input: x,
            steps: (steps + [curve]).sorted())
    }
}
