import Text

/// What models have whose activations are sparse: of some rows only the largest entries are kept, positions stand beside the stream, and a table
/// of bigrams is added to the logits.
extension TransformerBuilder {
    /// Whether some entries of rows of this width are left out.
    func keeps(_ place: KeptEntries.Place, of width: Int) -> Bool { description.kept?.count(at: place, of: width) != nil }

    /// The kept entries of a node's output; nil where all are kept.
    mutating func kept(_ node: NodeID, at place: KeptEntries.Place, of width: Int, site: String) -> NodeID? {
        guard let count = description.kept?.count(at: place, of: width) else { return nil }
        return builder.add(site, LargestMagnitudes(count: count, width: width), [node])
    }

    /// What stands between a part's norm and its layers: positions beside it, then the choice of what is kept of both.
    mutating func steps(from node: NodeID, before place: KeptEntries.Place, in block: Int) throws(Problem) -> [NodeID] {
        let isAttention = place == .attentionInput
        let site = "blocks.\(block)." + (isAttention ? "attn" : "mlp")
        var steps: [NodeID] = []
        if case .beside(let positions) = description.positions,
            let norm = named(isAttention ? positions.attentionNorm : positions.mlpNorm, in: block)
        {
            let name = try names.fullName(positions.table)
            let table = try builder.parameter(name, shape: [positions.count, positions.width])
            if description.output.fixed.contains(positions.table) { builder.fix(table) }
            let parameters = [table] + (try self.parameters(of: norm, width: positions.width))
            steps.append(builder.add("\(site).placed", try positionsBeside(), [node], parameters: parameters))
        }
        if let kept = kept(steps.last ?? node, at: place, of: description.readWidth, site: "\(site).act_in") { steps.append(kept) }
        return steps
    }

    private func positionsBeside() throws(Problem) -> PositionsBeside {
        switch description.norm {
        case .layer(let epsilon): return PositionsBeside(kind: .layer, epsilon: epsilon)
        case .rootMeanSquare(let epsilon, let offset): return PositionsBeside(kind: .rootMeanSquare(offset: offset), epsilon: epsilon)
        case .none, .plainLayer, .plainRootMeanSquare:
            throw Problem("positions beside the stream have a norm", expected: "norms with weights")
        }
    }

    /// The scores of a table of bigrams, added to the logits; nil if the model has none.
    mutating func addTokenScores(to logits: NodeID, tokens: Int, answers: Int) throws(Problem) -> NodeID? {
        guard let table = description.output.tokenScores else { return nil }
        let parameter = try builder.parameter(try names.fullName(table), shape: [tokens, answers])
        if description.output.fixed.contains(table) { builder.fix(parameter) }
        return builder.add("unembed.bigrams", TokenScores(), [logits], parameters: [parameter])
    }
}

extension TransformerDescription {
    /// The width of what a part's layers read.
    var readWidth: Int {
        if case .beside(let positions) = positions { return width + positions.width }
        return width
    }
}
