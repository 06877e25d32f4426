/// Looks for the attention and the MLPs of a graph, for the streams that they read and add to, and for its blocks.
struct PartSearch {
    private let graph: ShapedGraph
    private let attentions: [FoundAttention]
    private(set) var anatomy = Anatomy()
    private(set) var outputKind: OutputKind?
    /// Why what was found is no transformer, or no whole one.
    private(set) var failure: String?

    private var streams: [Stream] = []
    private var blocks: [Draft] = []

    /// A block that is not complete yet.
    private struct Draft {
        let before: NodeID
        var middle: NodeID?
        var after: NodeID
        var attention: AttentionPart?
        var mlp: MLPPart?
    }

    /// What a part adds to a stream: its last layer, and what follows that in the branch.
    private struct Branch {
        let output: NodeID
        let norms: [NodeID]
        let scaling: NodeID?
        let written: String
        /// The sum that is the next state, and the state that it is added to.
        let sum: String
        let states: [String]
    }

    private enum Part {
        case attention(FoundAttention, Branch, reads: String)
        case mlp(gate: String?, input: String, post: String, Branch, reads: String)

        var branch: Branch {
            switch self {
            case .attention(_, let branch, _), .mlp(_, _, _, let branch, _): branch
            }
        }

        var reads: String {
            switch self {
            case .attention(_, _, let reads), .mlp(_, _, _, _, let reads): reads
            }
        }
    }

    init(_ graph: ShapedGraph, _ attentions: [FoundAttention]) {
        self.graph = graph
        self.attentions = attentions
    }

    private func id(_ name: String) -> NodeID { NodeID(graph.places[name]!) }

    private func isNorm(_ node: NetworkGraph.Node?) -> Bool { node?.operation is LayerNorm || node?.operation is RMSNorm }

    // MARK: Parts

    /// - Returns: whether the blocks of a transformer were found.
    mutating func run(causal: Bool, isOfTokens: Bool, vocabulary: Int?) -> Bool {
        var parts: [Part] = []
        for attention in attentions { if let part = part(of: attention) { parts.append(part) } }
        guard parts.count == attentions.count || !parts.isEmpty else { return false }
        parts += graph.nodes.compactMap(mlp)
        guard !parts.isEmpty else { return false }
        // Parts that work side by side add to one sum, whose attention comes first.
        func order(_ part: Part) -> (Int, Int, Int) {
            let isAttention = if case .attention = part { true } else { false }
            return (graph.places[part.branch.sum]!, isAttention ? 0 : 1, graph.places[part.branch.written]!)
        }
        parts.sort { order($0) < order($1) }
        let written = Set(parts.map(\.branch.written))
        for part in parts {
            if let reason = add(part, written) {
                failure = failure ?? reason
                return false
            }
        }
        end()
        anatomy.streams = streams
        anatomy.blocks = blocks.map {
            Block(before: $0.before, middle: $0.middle, after: $0.after, attention: $0.attention, mlp: $0.mlp, experts: nil)
        }
        addOutput(causal: causal, isOfTokens: isOfTokens, vocabulary: vocabulary)
        return true
    }

    private mutating func part(of found: FoundAttention) -> Part? {
        guard let branch = branch(after: found.mixed) else {
            failure = failure ?? "'\(found.mixed)': the mixed heads are not added to a stream by a linear layer"
            return nil
        }
        let layers = [found.query, found.key, found.value].map(\.source)
        guard layers.allSatisfy({ graph.node($0)?.operation is Linear }) else {
            let other = layers.first { !(graph.node($0)?.operation is Linear) } ?? ""
            failure =
                failure ?? "'\(found.pattern)': reads '\(other)' (\(graph.node(other)?.operation.name ?? "")), which is no linear layer"
            return nil
        }
        let read = Set(layers.map { graph.node($0)!.inputs[0] })
        guard read.count == 1, let reads = read.first else {
            let states = layers.map { "'\(graph.node($0)!.inputs[0])'" }
            failure =
                failure
                ?? "'\(found.pattern)': attends from one sequence to another (queries of \(states[0]), keys of \(states[1]), values of \(states[2]))"
            return nil
        }
        return .attention(found, branch, reads: reads)
    }

    /// The MLP whose neurons a node is.
    private func mlp(_ post: NetworkGraph.Node) -> Part? {
        guard let output = graph.onlyReader(post.name), output.operation is Linear, let branch = branch(after: post.name) else {
            return nil
        }
        if post.operation is GatedProduct {
            // One layer makes the gate and what it multiplies.
            let origins = post.inputs.compactMap(layerOfPart)
            if origins.count == 2, origins[0] == origins[1], post.inputs[0] != post.inputs[1], let layer = graph.node(origins[0]) {
                return .mlp(gate: nil, input: origins[0], post: post.name, branch, reads: layer.inputs[0])
            }
            for (gated, input) in [(post.inputs[0], post.inputs[1]), (post.inputs[1], post.inputs[0])] {
                guard let layer = graph.node(input), layer.operation is Linear, let gate = layerBefore(gated), gate != input,
                    graph.node(gate)?.inputs == layer.inputs
                else { continue }
                return .mlp(gate: gate, input: input, post: post.name, branch, reads: layer.inputs[0])
            }
            return nil
        }
        guard let layer = layerBefore(post.name) else { return nil }
        return .mlp(gate: nil, input: layer, post: post.name, branch, reads: graph.node(layer)!.inputs[0])
    }

    /// The linear layer whose output goes through functions of single elements alone, at least one, to a node.
    private func layerBefore(_ name: String) -> String? {
        var (name, count) = (name, 0)
        while let node = graph.node(name), count < 8 {
            if node.operation is Linear { return count > 0 ? name : nil }
            guard node.operation is Activation || node.operation is ElementCurve || node.operation is Scaling, node.inputs.count == 1,
                graph.onlyReader(node.inputs[0]) != nil
            else { return nil }
            name = node.inputs[0]
            count += 1
        }
        return nil
    }

    /// The linear layer whose neurons, some of them alone, go through functions of single elements to a node.
    private func layerOfPart(_ name: String) -> String? {
        var (name, count, isPart) = (name, 0, false)
        while let node = graph.node(name), count < 8 {
            if node.operation is Linear { return isPart ? name : nil }
            guard node.inputs.count == 1, node.parameters.isEmpty else { return nil }
            switch node.operation {
            case is Activation, is ElementCurve, is Scaling: break
            case is Slice: isPart = true
            case let rearrangement as Rearrangement:
                guard case .sliced(let axis, _, _, _) = rearrangement.kind, axis == (graph.shapes[name]?[0].count ?? 0) - 1 else {
                    return nil
                }
                isPart = true
            default: return nil
            }
            name = node.inputs[0]
            count += 1
        }
        return nil
    }

    /// From what a linear layer reads to the sum that its output is added to.
    private func branch(after name: String) -> Branch? {
        guard let layer = graph.onlyReader(name), layer.operation is Linear else { return nil }
        var (last, norms, scaling): (NetworkGraph.Node, [NodeID], NodeID?) = (layer, [], nil)
        while let next = graph.onlyReader(last.name) {
            if isNorm(next), scaling == nil {
                norms.append(id(next.name))
            } else if next.operation is Scaling || next.operation is ChannelScale, scaling == nil {
                scaling = id(next.name)
            } else if next.operation is Sum, next.inputs.filter({ $0 == last.name }).count == 1 {
                return Branch(
                    output: id(layer.name), norms: norms, scaling: scaling, written: last.name, sum: next.name,
                    states: next.inputs.filter { $0 != last.name })
            } else {
                return nil
            }
            last = next
        }
        return nil
    }

    // MARK: Streams

    /// Adds a part to the stream that it reads.
    ///
    /// - Returns: why it cannot be added; nil if it has been.
    private mutating func add(_ part: Part, _ written: Set<String>) -> String? {
        let branch = part.branch
        let others = branch.states.filter { !written.contains($0) }
        let read = graph.node(part.reads).flatMap { isNorm($0) ? $0.inputs.first : nil } ?? part.reads
        guard others.count == 1, let state = others.first else {
            let other = others.first { $0 != read && $0 != part.reads }
            return "'\(branch.sum)' adds '\(other ?? branch.written)', which neither an attention nor an MLP writes"
        }
        let reading: Stream.Reader
        if part.reads == state {
            reading = Stream.Reader(state: id(state), norm: nil)
        } else if let norm = graph.node(part.reads), isNorm(norm), norm.inputs == [state] {
            reading = Stream.Reader(state: id(state), norm: id(norm.name))
        } else {
            let operation = graph.node(part.reads)?.operation.name ?? ""
            return "'\(branch.written)' is added to '\(state)', and its part reads '\(part.reads)' (\(operation))"
        }
        let end = streams.last?.states.last.map { graph.nodes[$0.index].name }
        guard move(to: state) else {
            let unknown = graph.node(state)?.inputs.first { $0 != end && !written.contains($0) }
            return unknown.map { "'\(state)' adds '\($0)', which neither an attention nor an MLP writes" }
                ?? "'\(branch.written)' is added to '\(state)', which does not follow '\(end ?? "")'"
        }
        let place = streams.count - 1
        streams[place].readers.append(reading)
        let sum = id(branch.sum)
        if streams[place].states.last != sum { streams[place].states.append(sum) }
        streams[place].writers.append(.init(node: id(branch.written), state: sum))
        switch part {
        case .attention(let found, _, _):
            blocks.append(Draft(before: reading.state, after: sum, attention: attention(found, branch, reading)))
        case .mlp(let gate, let input, let post, _, _):
            let mlp = MLPPart(
                reading: reading, gate: gate.map(id), input: id(input), post: id(post), output: branch.output, norms: branch.norms,
                scaling: branch.scaling)
            if let last = blocks.last, last.mlp == nil {
                blocks[blocks.count - 1].mlp = mlp
                if reading.state != last.before { blocks[blocks.count - 1].middle = reading.state }
                blocks[blocks.count - 1].after = sum
            } else {
                blocks.append(Draft(before: reading.state, after: sum, mlp: mlp))
            }
        }
        return nil
    }

    /// Makes a state the last stream's, which it begins if it is none of the one before.
    private mutating func move(to state: String) -> Bool {
        guard var last = streams.last else {
            let node = graph.node(state)!
            let beginning = node.operation is Sum ? node.inputs : [state]
            streams.append(Stream(beginning: beginning.map(id), states: [id(state)]))
            return true
        }
        // The states of parts that work side by side are one.
        if last.states.contains(id(state)) { return last.states.last == id(state) || last.states.dropLast().last == id(state) }
        guard let norm = graph.node(state), isNorm(norm), let end = last.states.last, norm.inputs == [graph.nodes[end.index].name] else {
            return false
        }
        last.readers.append(.init(state: end, norm: id(state)))
        streams[streams.count - 1] = last
        streams.append(Stream(beginning: [id(state)], states: [id(state)]))
        if !blocks.isEmpty, blocks[blocks.count - 1].after == end, blocks[blocks.count - 1].mlp != nil {
            blocks[blocks.count - 1].after = id(state)
        }
        return true
    }

    /// Where sums are normalised, the last one is too.
    private mutating func end() {
        guard streams.count > 1, let end = streams.last?.states.last else { return }
        let name = graph.nodes[end.index].name
        if let norm = graph.onlyReader(name), isNorm(norm) { _ = move(to: norm.name) }
    }

    private func attention(_ found: FoundAttention, _ branch: Branch, _ reading: Stream.Reader) -> AttentionPart {
        func projection(_ own: FoundAttention.Projection) -> AttentionPart.Projection {
            .init(
                layer: id(own.source), slice: graph.node(own.node)?.operation as? Slice, node: id(own.node),
                steps: own.steps.map { id($0.name) })
        }
        return AttentionPart(
            reading: reading, query: projection(found.query), key: projection(found.key), value: projection(found.value),
            heads: found.heads, scores: id(found.scores), pattern: id(found.pattern),
            mixed: id(found.mixed), output: branch.output, norms: branch.norms, scaling: branch.scaling)
    }

    // MARK: Output

    private mutating func addOutput(causal: Bool, isOfTokens: Bool, vocabulary: Int?) {
        guard let rank = graph.shapes[graph.output]?[0].count else { return }
        guard isOfTokens, rank == 3 else {
            if rank == 2 { outputKind = .classes }
            return
        }
        if !causal, graph.shapes[graph.output]?[0].last == vocabulary {
            outputKind = .maskedTokens
            return
        }
        // The layer that scores the tokens, and functions of each score.
        var name = graph.output
        while let node = graph.node(name), !(node.operation is Linear) {
            guard node.operation.neurons == .elementwise, node.inputs.count == 1 else { return }
            name = node.inputs[0]
        }
        guard let layer = graph.node(name), let stream = streams.last, let end = stream.states.last else { return }
        // A slice of all positions stands between them where a model can be asked for the last ones alone.
        var read = layer.inputs[0]
        while let node = graph.node(read), node.operation is Identity { read = node.inputs[0] }
        let reading: Stream.Reader
        if id(read) == end {
            reading = Stream.Reader(state: end, norm: nil)
        } else if let norm = graph.node(read), isNorm(norm), id(norm.inputs[0]) == end {
            reading = Stream.Reader(state: end, norm: id(norm.name))
        } else {
            return
        }
        streams[streams.count - 1].readers.append(reading)
        anatomy.streams = streams
        anatomy.output = OutputPart(reading: reading, layer: id(name))
    }
}
