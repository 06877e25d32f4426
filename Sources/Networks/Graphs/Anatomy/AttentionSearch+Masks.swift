import Tensors

/// What is added to scores, multiplied with them, or put in their place.
extension AttentionSearch {
    /// A mask as it is in the numbers of a node.
    private mutating func mask(_ name: String, _ reading: FixedNumbers.MaskReading) -> AttentionMask? {
        let key = "\(reading) \(name)"
        if let known = masks[key] { return known }
        let found = numbers.mask(name, reading)
        masks[key] = .some(found)
        return found
    }

    mutating func summand(_ node: NetworkGraph.Node) -> (other: String, kind: AttentionMask)? {
        for (mask, other) in [(node.inputs[1], node.inputs[0]), (node.inputs[0], node.inputs[1])] {
            guard graph.shapes[other] == graph.shapes[node.name] else { continue }
            if let kind = self.mask(mask, .summand) { return (other, kind) }
            guard let numbers = graph.mask(mask) else { continue }
            if numbers.uniform == 0 { return (other, .none) }
            if numbers.isCausalSummand { return (other, .causal) }
        }
        return nil
    }

    func isSum(_ node: NetworkGraph.Node) -> Bool {
        node.inputs.count == 2 && (node.operation is Sum || (node.operation as? Arithmetic)?.function == .add)
    }

    /// Whether a transposition turns the last two dimensions alone.
    func turnsSquares(_ rearrangement: Rearrangement) -> Bool {
        guard case .transposed(let order) = rearrangement.kind, order.count > 2 else { return false }
        return order == Array(0..<order.count - 2) + [order.count - 1, order.count - 2]
    }

    mutating func factor(_ node: NetworkGraph.Node) -> (other: String, kind: AttentionMask)? {
        let isProduct = node.operation is GatedProduct || (node.operation as? Arithmetic)?.function == .multiply
        guard isProduct, let first = node.inputs.first else { return nil }
        if let stored = node.parameters.first {
            guard node.inputs.count == 1, graph.shapes[first] == graph.shapes[node.name] else { return nil }
            return numbers.mask(stored, .factor).map { (first, $0) }
        }
        guard node.inputs.count == 2 else { return nil }
        for (mask, other) in [(node.inputs[1], node.inputs[0]), (node.inputs[0], node.inputs[1])] {
            guard graph.shapes[other] == graph.shapes[node.name] else { continue }
            if let kind = self.mask(mask, .factor) { return (other, kind) }
        }
        return nil
    }

    /// What ALiBi adds to the scores.
    func slopes(_ node: NetworkGraph.Node, _ adjustment: ScoreAdjustment) -> (other: String, slopes: [Float])? {
        guard adjustment == .none, case .tokens = graph.probes[0], let shape = graph.shapes[node.name]?[0], shape.count >= 3 else {
            return nil
        }
        let heads = shape.count == 4 ? shape[1] : shape[0] / max(1, graph.probes[0].samples)
        for (added, other) in [(node.inputs[1], node.inputs[0]), (node.inputs[0], node.inputs[1])] {
            guard graph.shapes[other] == graph.shapes[node.name],
                let slopes = numbers.slopes(added, heads: heads)
            else { continue }
            return (other, slopes)
        }
        return nil
    }

    mutating func choice(_ node: NetworkGraph.Node) -> (other: String, kind: AttentionMask)? {
        let (first, second) = (node.inputs[1], node.inputs[2])
        func isHidden(_ name: String) -> Bool { (graph.mask(name)?.uniform).map { $0 <= GraphMask.hidden } ?? false }
        func fits(_ name: String) -> Bool { graph.shapes[name] == graph.shapes[node.name] }
        if isHidden(second), fits(first), let kind = mask(node.inputs[0], .shown) { return (first, kind) }
        if isHidden(first), fits(second), let kind = mask(node.inputs[0], .hidden) { return (second, kind) }
        guard let condition = graph.mask(node.inputs[0]) else { return nil }
        if let always = condition.uniform {
            let chosen = always != 0 ? first : second
            return fits(chosen) ? (chosen, .none) : nil
        }
        if condition.below != 0, condition.diagonal != 0, condition.above == 0, isHidden(second), fits(first) { return (first, .causal) }
        if condition.below == 0, condition.diagonal == 0, condition.above != 0, isHidden(first), fits(second) { return (second, .causal) }
        return nil
    }
}
