extension DecompositionSearch {
    /// A norm of groups of channels, times a number for each channel, and that plus one.
    ///
    /// - Parameter place: that of the product or the sum.
    func groupNorm(_ place: Int) -> Found? {
        let node = nodes[place]
        guard let step = node.operation as? Arithmetic, node.inputs.count == 1, let tensor = node.parameters.first,
            let product = maker(node.inputs[0]), readers[node.inputs[0]] == 1, let norm = nodes[product].operation as? GroupNorm,
            nodes[product].parameters.count == (step.function == .add ? 1 : 0), [.multiply, .add].contains(step.function),
            let column = column(tensor, of: nodes[product])
        else { return nil }
        return Found(
            operation: norm, input: nodes[product].inputs[0], parameters: nodes[product].parameters + [column], steps: [product])
    }

    /// A tensor as the list that a norm reads, if it has a length of its own only where what the norm gives has its channels.
    private func column(_ tensor: NetworkGraph.Parameter, of norm: NetworkGraph.Node) -> NetworkGraph.Parameter? {
        guard let shape = shapes[norm.name]?.first, tensor.shape.count <= shape.count else { return nil }
        let full = [Int](repeating: 1, count: shape.count - tensor.shape.count) + tensor.shape
        guard full[1] == shape[1], full.reduce(1, *) == shape[1] else { return nil }
        var column = tensor
        column.shape = [shape[1]]
        return column
    }
}
