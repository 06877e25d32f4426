import Networks

/// Where the heads lie in a site's output: `count` of them, `width` neurons each, one after the other.
struct HeadLayout: Sendable, Equatable {
    let count: Int
    /// 1 where the neurons are heads: patterns and scores.
    let width: Int
    /// The query heads of the attention; more than `count` where the site holds the key heads of a grouped-query model.
    let queryHeads: Int

    func neurons(of head: Int) -> [Int] { Array(head * width..<(head + 1) * width) }

    /// What a message says of the heads that there are.
    var words: String {
        let range = "0 to \(count - 1)"
        return count < queryHeads ? "\(range): \(queryHeads / count) of the \(queryHeads) query heads share each key head" : range
    }

    /// The layouts of all nodes that have heads: queries, keys and values, before and behind rotary positions, scores, patterns, and what
    /// the heads read.
    static func layouts(of network: Network) -> [NodeID: HeadLayout] {
        var layouts: [NodeID: HeadLayout] = [:]
        func mark(_ node: NodeID, _ layout: HeadLayout) {
            layouts[node] = layout
            let source = network.nodes[node.index]
            if source.operation is Rotary { mark(source.inputs[0], layout) }
        }
        for (index, node) in network.nodes.enumerated() {
            switch node.operation {
            case let scores as AttentionScores:
                let heads = scores.heads
                layouts[NodeID(index)] = HeadLayout(count: heads.heads, width: 1, queryHeads: heads.heads)
                mark(node.inputs[0], HeadLayout(count: heads.heads, width: heads.headDimension, queryHeads: heads.heads))
                mark(node.inputs[1], HeadLayout(count: heads.keyHeads, width: heads.headDimension, queryHeads: heads.heads))
            case let values as AttentionValues:
                let heads = values.heads
                layouts[node.inputs[0]] = HeadLayout(count: heads.heads, width: 1, queryHeads: heads.heads)
                layouts[NodeID(index)] = HeadLayout(count: heads.heads, width: heads.headDimension, queryHeads: heads.heads)
                mark(node.inputs[1], HeadLayout(count: heads.keyHeads, width: heads.headDimension, queryHeads: heads.heads))
            default: break
            }
        }
        return layouts
    }
}
