/// Nodes that are parts of another's element: the steps of attentions, and tables of positions.
extension NetworkWords {
    mutating func mergeAttentions() {
        for (index, node) in network.nodes.enumerated() where node.operation is AttentionValues {
            let (pattern, value) = (node.inputs[0], node.inputs[1])
            let softmax = network.nodes[pattern.index]
            guard softmax.operation is Softmax, let scores = softmax.inputs.first,
                network.nodes[scores.index].operation is AttentionScores, readers[pattern.index] == 1, readers[scores.index] == 1
            else { continue }
            merged.formUnion([pattern, scores])
            let sources = network.nodes[scores.index].inputs + [value]
            attentions[NodeID(index)] = fused(sources) ?? MergedAttention(source: sources[0], operands: [sources[1], sources[2]])
        }
    }

    /// Queries, keys and values that one output has side by side, in this order.
    mutating func fused(_ sources: [NodeID]) -> MergedAttention? {
        var start = 0
        var whole: NodeID?
        for source in sources {
            let node = network.nodes[source.index]
            guard let slice = node.operation as? Slice, slice.blocks == 1, slice.start == start, readers[source.index] == 1,
                whole == nil || whole == node.inputs[0]
            else { return nil }
            whole = node.inputs[0]
            start += slice.length
        }
        guard let whole, let layer = network.nodes[whole.index].parameters.first, network.nodes[whole.index].operation is Linear,
            network.parameters[layer.index].shape.contains(start)
        else { return nil }
        merged.formUnion(sources)
        return MergedAttention(source: whole, operands: [])
    }

    mutating func mergeTables() {
        for (index, node) in network.nodes.enumerated() where node.inputs.count == 2 {
            guard node.operation is Sum || (node.operation as? Arithmetic)?.function == .add else { continue }
            for (table, source) in [(node.inputs[1], node.inputs[0]), (node.inputs[0], node.inputs[1])] {
                guard isPositions(table), readers[table.index] == 1, tables[NodeID(index)] == nil else { continue }
                merged.insert(table)
                tables[NodeID(index)] = (source, table)
            }
        }
    }

    /// Whether a node has the rows of a table at the positions of a sequence, the first at the first.
    func isPositions(_ id: NodeID) -> Bool {
        let node = network.nodes[id.index]
        switch node.operation {
        case let positions as PositionEmbedding: return positions.offset == 0 && positions.layout == .rows
        case is PositionRows: return true
        case let lookup as EntryLookup:
            // Those of the only length that the graph reads.
            guard let length = network.fixedLength, lookup.isOfParameter, lookup.axis == 0, let constant = lookup.constant,
                constant.shape == [length] || constant.shape == [1, length],
                network.parameters[node.parameters[0].index].shape.count == 2
            else { return false }
            return constant.numbers == Array(0..<length)
        case is StoredValues: return node.parameters.first.map(isTableOfPositions) ?? false
        default: return false
        }
    }

    /// Whether a tensor has a row for each position of the only length that the graph reads, and is no mask of pairs of them.
    func isTableOfPositions(_ id: ParameterID) -> Bool {
        let shape = network.parameters[id.index].shape
        return network.fixedLength != nil && shape.count == 2 && shape[0] == network.fixedLength && shape[1] != shape[0]
    }
}
