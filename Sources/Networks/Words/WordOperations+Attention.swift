import Tensors
import Text

extension WordOperations {
    /// What an attention needs beside queries, keys and values.
    struct AttentionSettings {
        let heads: Int
        let keyHeads: Int
        let mask: AttentionMask
        let scale: Float?

        init(_ settings: inout SettingsReader) throws(Problem) {
            heads = try settings.integer("heads", default: nil, minimum: 1)
            keyHeads = try settings.integer("key_heads", default: heads, minimum: 1)
            guard heads % keyHeads == 0 else {
                throw settings.failure("key heads do not divide the heads", expected: "a divisor of \(heads)", found: "\(keyHeads)")
            }
            mask = try settings.choice("causal", of: ["true", "false"], default: "false") == "true" ? .causal : .none
            let scale = try settings.signed("scale", default: 0)
            self.scale = scale == 0 ? nil : Float(scale)
        }
    }

    /// Softmax of the products of queries and keys, times the values: of the output before, which has the three side by side, or which is the
    /// queries, where keys and values are named.
    static func attention(_ graph: inout WordGraph, _ element: Element) throws(Problem) {
        var settings = SettingsReader(element)
        let words = settings.unnamed()
        let attention = try AttentionSettings(&settings)
        try settings.end()
        var sources: [String] = []
        for word in words {
            guard case .output(let node) = try graph.operand(word, of: element) else {
                throw graph.failure("attends to what is no output", element, expected: "the labels of keys and values", found: "'\(word)'")
            }
            sources.append(node)
        }
        guard sources.isEmpty || sources.count == 2 else {
            throw graph.failure(
                "reads queries alone", element, expected: "the labels of keys and values, or neither", found: "\(sources.count)")
        }
        let site = graph.site(element)
        if sources.isEmpty {
            try Self.attention(&graph, attention, site: site, element)
        } else {
            try Self.attention(&graph, attention, of: [graph.current] + sources, site: site, element)
        }
    }

    /// An attention to queries, keys and values that the output before has side by side.
    static func attention(
        _ graph: inout WordGraph, _ attention: AttentionSettings, site: String, _ element: Element
    ) throws(Problem) {
        guard let shape = graph.shape(of: graph.current) else { throw unknownShape(graph, element) }
        let (parts, overflows) = attention.heads.addingReportingOverflow(2 * attention.keyHeads)
        guard shape.count == 3, let width = shape.last, !overflows, width % parts == 0 else {
            throw graph.failure(
                shape.count == 3 ? "the heads do not divide the width" : "reads no sequences", element,
                expected: shape.count == 3 ? "queries, keys and values of \(parts) heads in all" : "samples x length x width",
                found: shape.count == 3 ? "a width of \(shape[2])" : words(shape))
        }
        let dimension = width / parts
        let fused = graph.current
        var sources: [String] = []
        var start = 0
        for (letter, heads) in [("q", attention.heads), ("k", attention.keyHeads), ("v", attention.keyHeads)] {
            try graph.add(graph.unique("\(site).\(letter)"), Slice(start: start, length: heads * dimension), [fused], for: element)
            sources.append(graph.current)
            start += heads * dimension
        }
        try self.attention(&graph, attention, of: sources, site: site, element)
    }

    private static func attention(
        _ graph: inout WordGraph, _ attention: AttentionSettings, of sources: [String], site: String, _ element: Element
    ) throws(Problem) {
        guard let shape = graph.shape(of: sources[0]) else { throw unknownShape(graph, element) }
        guard shape.count == 3, let width = shape.last, width > 0, width % attention.heads == 0 else {
            throw graph.failure(
                shape.count == 3 ? "the heads do not divide the width" : "reads no sequences", element,
                expected: shape.count == 3 ? "a divisor of \(shape[2])" : "samples x length x width",
                found: shape.count == 3 ? "\(attention.heads) heads" : words(shape))
        }
        let dimension = width / attention.heads
        let (heads, keyHeads) = (attention.heads, attention.keyHeads)
        let scale = attention.scale ?? Float(1 / Double(dimension).squareRoot())
        let (scores, pattern) = (graph.unique("\(site).scores"), graph.unique("\(site).pattern"))
        try graph.add(
            scores, AttentionScores(heads: heads, keyHeads: keyHeads, headDimension: dimension, scale: scale, mask: attention.mask),
            [sources[0], sources[1]], for: element)
        try graph.add(pattern, Softmax(), [scores], for: element)
        let whole = NetworkGraph.Fusion(
            Attention(heads: heads, keyHeads: keyHeads, headDimension: dimension, scale: scale, mask: attention.mask), inputs: sources,
            replaces: [scores, pattern])
        try graph.add(
            site, AttentionValues(heads: heads, keyHeads: keyHeads, headDimension: dimension), [pattern, sources[2]], fusion: whole,
            for: element)
    }
}
