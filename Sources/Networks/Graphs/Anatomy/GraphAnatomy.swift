import Checkpoints
import Text

extension NetworkGraph {
    /// Recognises the parts of a transformer in a graph of single operations, and gives them the form that a family's networks have.
    ///
    /// Attention is a softmax between two products of matrices; queries, keys and values are followed back through reshapings, transpositions and
    /// slices to the linear layers that make them. An MLP is two linear layers with functions of single elements between them. A stream
    /// is a sum that a part reads, directly or through a norm, and to which it adds.
    ///
    /// - Returns: the anatomy, by the places of the nodes. The graph stays as it is if there is none.
    mutating func recogniseAnatomy(of checkpoint: Checkpoint, probes: [BatchShape], vocabulary: Int?) -> Anatomy {
        var anatomy = Anatomy()
        let mayHaveParts = nodes.contains { $0.operation is Softmax || ($0.operation is Sum && nodes.count < 50_000) }
        guard mayHaveParts, let whole = try? ShapedGraph(nodes, output: output, probes: probes),
            let rows = PositionDimension.nodes(of: whole),
            let graph = try? ShapedGraph(ShapedGraph.needed(rows.nodes, output: rows.output), output: rows.output, probes: probes)
        else { return anatomy }
        let search = AttentionSearch(graph, checkpoint, input)
        anatomy.gap = search.failure
        var attentions = search.found
        guard search.failure == nil || !attentions.isEmpty, let rewritten = AttentionRewriting.nodes(of: graph, &attentions),
            let plain = try? ShapedGraph(rewritten, output: graph.output, probes: probes)
        else { return anatomy }
        var parts = PartSearch(plain, attentions)
        guard parts.run(causal: search.found.allSatisfy { $0.mask != .none }, isOfTokens: vocabulary != nil, vocabulary: vocabulary) else {
            anatomy.gap = parts.failure ?? anatomy.gap
            return anatomy
        }
        // What no run can compute is no form to have.
        guard let end = plain.shapes[plain.output], let start = whole.shapes[output], end == start else { return anatomy }
        nodes = plain.nodes
        output = plain.output
        outputKind = parts.outputKind ?? outputKind
        var found = parts.anatomy
        found.gap = search.failure ?? parts.failure
        return found
    }
}

/// Puts the operations of attention in the place of what an exporter wrote out.
enum AttentionRewriting {
    /// The nodes of the graph with the attention that was found; nil if something else reads what goes away.
    ///
    /// - Parameter found: is told the names of its nodes.
    static func nodes(of graph: ShapedGraph, _ found: inout [FoundAttention]) -> [NetworkGraph.Node]? {
        var before: [String: [NetworkGraph.Node]] = [:]
        var replaced: [String: NetworkGraph.Node] = [:]
        var names = Set(graph.places.keys)
        func unused(_ name: String) -> String {
            var (candidate, number) = (name, 2)
            while !names.insert(candidate).inserted {
                candidate = "\(name)#\(number)"
                number += 1
            }
            return candidate
        }
        var sliced: Set<String> = []
        for number in found.indices {
            let attention = found[number]
            let sizes = attention.heads
            func slice(_ projection: FoundAttention.Projection, _ heads: Int, _ part: String, at place: String) -> String {
                let (width, dimension) = (graph.shapes[projection.source]?[0].last ?? 0, sizes.headDimension)
                if projection.start == 0, width == heads * dimension, projection.step == dimension || heads == 1 {
                    return projection.source
                }
                let slice =
                    projection.step == dimension || heads == 1
                    ? Slice(start: projection.start, length: heads * dimension)
                    : Slice(start: projection.start, length: dimension, stride: projection.step, blocks: heads)
                // A name of the old graph whose node goes away with the others.
                let isFree = projection.name != projection.source && sliced.insert(projection.name).inserted
                let name = isFree ? projection.name : unused("\(attention.pattern).\(part)")
                before[place, default: []].append(.init(name, slice, inputs: [projection.source]))
                return name
            }
            func own(_ projection: inout FoundAttention.Projection, _ heads: Int, _ part: String, at place: String) -> String {
                projection.node = slice(projection, heads, part, at: place)
                var last = projection.node
                for index in projection.steps.indices {
                    let step = projection.steps[index]
                    let isFree = graph.onlyReader(step.name) != nil && sliced.insert(step.name).inserted
                    let name = isFree ? step.name : unused("\(attention.pattern).\(part).\(step.operation.name)")
                    before[place, default: []].append(.init(name, step.operation, inputs: [last], parameters: step.parameters))
                    projection.steps[index].name = name
                    last = name
                }
                return last
            }
            let query = own(&found[number].query, sizes.heads, "q", at: attention.scores)
            let key = own(&found[number].key, sizes.keyHeads, "k", at: attention.scores)
            // The values stand beside the queries and keys, where they are made by then.
            let isEarly = graph.places[attention.value.source]! < graph.places[attention.scores]!
            let value = own(&found[number].value, sizes.keyHeads, "v", at: isEarly ? attention.scores : attention.mixed)
            let scores = AttentionScores(
                heads: sizes.heads, keyHeads: sizes.keyHeads, headDimension: sizes.headDimension, scale: attention.scale,
                adjustment: attention.adjustment, mask: attention.mask)
            replaced[attention.scores] = .init(attention.scores, scores, inputs: [query, key])
            replaced[attention.pattern] = .init(attention.pattern, Softmax(), inputs: [attention.scores])
            let fused = Attention(
                heads: sizes.heads, keyHeads: sizes.keyHeads, headDimension: sizes.headDimension, scale: attention.scale,
                adjustment: attention.adjustment, mask: attention.mask)
            replaced[attention.mixed] = .init(
                attention.mixed,
                AttentionValues(heads: sizes.heads, keyHeads: sizes.keyHeads, headDimension: sizes.headDimension),
                inputs: [attention.pattern, value],
                fusion: .init(fused, inputs: [query, key, value], replaces: [attention.scores, attention.pattern]))
        }
        var nodes: [NetworkGraph.Node] = []
        // Slices that take the name of a step that follows them in the old graph.
        let moved = Set(before.values.joined().map(\.name))
        for node in graph.nodes {
            nodes += before[node.name] ?? []
            if moved.contains(node.name) { continue }
            nodes.append(replaced[node.name] ?? node)
        }
        return tidied(nodes, output: graph.output, places: graph)
    }

    /// Sums of sums as one, factors of single channels as what they are, without what nothing reads any more.
    private static func tidied(_ all: [NetworkGraph.Node], output: String, places graph: ShapedGraph) -> [NetworkGraph.Node]? {
        var nodes = ShapedGraph.needed(all, output: output)
        var readers: [String: Int] = [output: 1]
        for node in nodes { for input in node.inputs { readers[input, default: 0] += 1 } }
        var sums: [String: [String]] = [:]
        for place in nodes.indices {
            let node = nodes[place]
            if (node.operation as? Arithmetic)?.function == .multiply, node.inputs.count == 1, let factor = node.parameters.first,
                factor.shape.count == 1, graph.shapes[node.name]?[0].count == 3, graph.shapes[node.name]?[0].last == factor.shape[0]
            {
                nodes[place] = .init(node.name, ChannelScale(), inputs: node.inputs, parameters: node.parameters)
            }
            guard node.operation is Sum else { continue }
            let inputs = node.inputs.flatMap { input in readers[input] == 1 ? sums[input] ?? [input] : [input] }
            nodes[place].inputs = inputs
            sums[node.name] = inputs
        }
        nodes = ShapedGraph.needed(nodes, output: output)
        var known: Set<String> = []
        for node in nodes {
            guard node.inputs.allSatisfy(known.contains), known.insert(node.name).inserted else { return nil }
        }
        return nodes
    }
}
