import Networks

/// The layout of the heads or the experts in a site's output: `count` of them, `width` neurons each, following each other.
struct HeadLayout: Sendable, Equatable {
    /// What they are: heads or experts.
    var unit = PatchedPart.Unit.head
    let count: Int
    /// 1 if the neurons are heads: patterns and scores.
    let width: Int
    /// The query heads of the attention; more than `count` if the site holds the key heads of a grouped-query model.
    let queryHeads: Int

    func neurons(of head: Int) -> [Int] { Array(head * width..<(head + 1) * width) }

    /// How a message lists the existing heads.
    var words: String {
        let range = "0 to \(count - 1)"
        return count < queryHeads ? "\(range): \(queryHeads / count) of the \(queryHeads) query heads share each key head" : range
    }

    /// The layouts of all nodes that have heads: queries, keys and values, before and after what is done to each head, scores, patterns,
    /// and what the heads read; and of those in which experts' outputs are side by side.
    static func layouts(of network: Network) -> [NodeID: HeadLayout] {
        var layouts: [NodeID: HeadLayout] = [:]
        for attention in network.anatomy.blocks.compactMap(\.attention) {
            let heads = attention.heads
            let patterns = HeadLayout(count: heads.heads, width: 1, queryHeads: heads.heads)
            let queries = HeadLayout(count: heads.heads, width: heads.headDimension, queryHeads: heads.heads)
            let keys = HeadLayout(count: heads.keyHeads, width: heads.headDimension, queryHeads: heads.heads)
            for node in [attention.scores, attention.pattern] { layouts[node] = patterns }
            for node in [attention.query.node] + attention.query.steps + [attention.mixed] { layouts[node] = queries }
            for node in [attention.key, attention.value].flatMap({ [$0.node] + $0.steps }) { layouts[node] = keys }
        }
        for experts in network.anatomy.blocks.compactMap(\.experts) {
            let count = experts.experts.count
            layouts[experts.contributions] = HeadLayout(unit: .expert, count: count, width: experts.width(in: network), queryHeads: count)
        }
        return layouts
    }
}
