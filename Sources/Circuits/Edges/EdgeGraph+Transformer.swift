import Networks
import Tensors
import Text

extension EdgeGraph {
    /// The graph of a transformer.
    ///
    /// - Parameter groups: of the MLPs that are cut, by a layer that makes their neurons.
    static func transformer(_ network: Network, _ granularity: EdgeGranularity, groups: [NodeID: [NeuronGroup]]) throws(Problem)
        -> EdgeGraph
    {
        let anatomy = network.anatomy
        if case .states = anatomy.outputKind {
            throw Problem("the model has no head that scores answers", expected: "a checkpoint with a head")
        }
        let reading = try Self.lastReading(anatomy)
        var edges = try TransformerEdges(network)
        for (place, block) in anatomy.blocks.enumerated() {
            if let attention = block.attention { try edges.addAttention(place, attention) }
            if let mlp = block.mlp {
                // The two input matrices of a gated MLP have the same neurons.
                try edges.addMLP(place, mlp, groups: mlp.layers.compactMap { groups[$0] }.first)
            }
            guard let experts = block.experts else { continue }
            if granularity == .expert { try edges.addEachExpert(place, experts) } else { try edges.addExperts(place, experts) }
        }
        return try edges.graph(granularity, reading)
    }

    /// Where the answers are read: by the last linear layer, or by all that follows the last state of the blocks.
    private static func lastReading(_ anatomy: Anatomy) throws(Problem) -> TransformerEdges.LastReading {
        guard let last = anatomy.blocks.last, let stream = anatomy.streams.first(where: { $0.states.contains(last.after) }) else {
            throw Problem("the network has no stream of blocks whose last state the answers are read from")
        }
        switch anatomy.outputKind {
        case .answers:
            guard let output = anatomy.output, stream.states.contains(output.reading.state) else {
                throw Problem("the network has no stream of blocks whose last state the answers are read from")
            }
            return .layer(output)
        case .maskedTokens: return .rest(last.after, .lastPosition)
        case .classes, .states: return .rest(last.after, .sample)
        }
    }
}

/// Adds the attention and the MLP of each block in turn.
private struct TransformerEdges {
    /// Where the answers are read.
    enum LastReading {
        /// By a layer from the stream.
        case layer(OutputPart)
        /// By everything that follows a state.
        case rest(NodeID, EdgeAnswer)
    }

    private var builder: EdgeGraphBuilder
    private let network: Network
    /// Which of the network's streams is being added to.
    private var place: Int
    private var stream: Stream { network.anatomy.streams[place] }
    /// The streams' width.
    private let width: Int
    /// The first of the stream's sources.
    private var first = 0
    /// The contents of the stream after each of its writers: the number of sources, and the sum of the biases that no source holds.
    private var written: [(sources: Int, constant: Tensor?)] = [(1, nil)]
    /// The spaces before the stream's, and the stages that begin the others.
    private var spaces: [Range<Int>] = []
    private var beginnings: [Int] = []
    /// The part that wrote last: `a0`, `m0`.
    private var writer = "input"

    init(_ network: Network) throws(Problem) {
        let streams = network.anatomy.streams
        guard let before = network.anatomy.blocks.first?.before, let place = streams.firstIndex(where: { $0.states.contains(before) })
        else { throw Problem("the network has no stream that its blocks add to", found: network.anatomy.gap) }
        builder = EdgeGraphBuilder(network, input: streams[place].states[0])
        self.network = network
        self.place = place
        let block = network.anatomy.blocks[0]
        guard let output = block.attention?.output ?? block.mlp?.output ?? block.experts?.experts.first?.output else {
            throw Problem("the network has blocks without parts")
        }
        width = builder.width(of: output)
    }

    /// Ends the stream if a state belongs to another, which a norm of all that was added begins.
    private mutating func moveOn(to state: NodeID) throws(Problem) {
        while !stream.states.contains(state) {
            let streams = network.anatomy.streams
            guard place + 1 < streams.count, let end = stream.states.last, let contents = written.last else {
                throw Problem("site '\(site(state))': is in no stream of the blocks")
            }
            let next = streams[place + 1].states[0]
            let slice = EdgeUnit.ReaderSlice(operation: Identity(name: "stream"), parameters: [], target: 0, channels: 0..<width)
            let name = "\(writer).norm"
            let unit = EdgeGraphBuilder.Draft(
                readers: [(name, [slice], 0..<1)], targets: [EdgeUnit.Target(node: end, channels: Array(0..<width))],
                steps: try builder.steps(from: [end], to: next), output: next, sources: [(name, nil, .output)])
            let start = builder.sourceCount
            beginnings.append(builder.stageCount)
            try builder.add(
                [unit], reading: first..<first + contents.sources, space: spaces.count, stream: end, norm: nil, emission: next,
                constant: contents.constant)
            spaces.append(first..<start)
            first = start
            written = [(1, nil)]
            place += 1
        }
    }

    private func site(_ node: NodeID) -> String { network.nodes[node.index].site }

    private func parameters(_ node: NodeID) -> [Tensor] { network.nodes[node.index].parameters.map { network.values[$0] } }

    /// Adds a stage that reads the stream as a part reads it.
    private mutating func add(
        _ units: [EdgeGraphBuilder.Draft], _ reading: Stream.Reader, emission: NodeID
    ) throws(Problem) {
        let before = written[stream.writerCount(in: reading.state)]
        try builder.add(
            units, reading: first..<first + before.sources, space: spaces.count, stream: reading.state,
            norm: builder.reading(reading), emission: emission,
            constant: before.constant)
    }

    /// Counts a writer whose sources have been added.
    ///
    /// - Parameter bias: what is written in addition to them.
    private mutating func endWriter(bias: Tensor?) {
        var constant = written[written.count - 1].constant
        if let bias {
            let sum = bias.copied()
            if let constant { Elementwise.add(constant, to: sum, team: Team(size: 1)) }
            constant = sum
        }
        written.append((builder.sourceCount - first, constant))
    }

    /// The in-neurons of an output layer as [neurons, width], and its bias, both as they reach the stream.
    ///
    /// - Parameter scaling: the multiplication with a constant after the layer.
    private func outputWeights(_ layer: NodeID, _ scaling: NodeID?) throws(Problem) -> (rows: ([Int]) -> Tensor, bias: Tensor?) {
        let parameters = parameters(layer)
        guard case .produces(let weights) = network.nodes[layer.index].operation.neurons, let dimension = weights.inDimension else {
            throw Problem("site '\(site(layer))': its in-neurons cannot be taken one by one", expected: "a linear layer")
        }
        func scaled(_ rows: Tensor) -> Tensor {
            guard let scaling else { return rows }
            return network.nodes[scaling.index].operation.applied(to: [rows], self.parameters(scaling), team: Team(size: 1))
        }
        if let scaling {
            let operation = network.nodes[scaling.index].operation
            guard operation is Scaling || operation is ChannelScale else { throw builder.mixes(scaling) }
        }
        let bias = parameters.dropFirst().first.map { bias in scaled(bias.reshaped([1, bias.count])).reshaped([bias.count]) }
        return ({ scaled(WeightSlices.rows($0, of: parameters[0], along: dimension)) }, bias)
    }

    mutating func addAttention(_ block: Int, _ attention: AttentionPart) throws(Problem) {
        try moveOn(to: attention.reading.state)
        writer = "a\(block)"
        let sizes = attention.heads
        let (group, dimension) = (sizes.heads / sizes.keyHeads, sizes.headDimension)
        guard attention.norms.isEmpty else {
            // A norm after the output combines all heads: they write as one.
            var unit = try heads(0..<sizes.keyHeads, of: attention, block)
            unit.steps += try builder.steps(from: [attention.mixed], to: attention.written)
            unit.output = attention.written
            unit.readers = unit.readers.map { ($0.name, $0.slices, 0..<1) }
            unit.sources = [("a\(block)", nil, .output)]
            try add([unit], attention.reading, emission: attention.written)
            return endWriter(bias: nil)
        }
        let (rows, bias) = try outputWeights(attention.output, attention.scaling)
        func sources(_ heads: Range<Int>) -> [(name: String, emitted: [Int]?, writing: EdgeUnit.Writing)] {
            heads.enumerated().map { index, head in
                let columns = Array(head * dimension..<(head + 1) * dimension)
                return (
                    name: "a\(block).h\(head)", emitted: Optional(columns),
                    writing: EdgeUnit.Writing.product(channels: index * dimension..<(index + 1) * dimension, weight: rows(columns))
                )
            }
        }
        var units: [EdgeGraphBuilder.Draft] = []
        if combinesHeads(attention) {
            // What one head reads decides what is left of the others.
            var unit = try heads(0..<sizes.keyHeads, of: attention, block)
            unit.readers = unit.readers.map { ($0.name, $0.slices, 0..<sizes.heads) }
            unit.sources = sources(0..<sizes.heads)
            units = [unit]
        } else {
            for key in 0..<sizes.keyHeads {
                var unit = try heads(key..<key + 1, of: attention, block)
                unit.sources = sources(key * group..<(key + 1) * group)
                units.append(unit)
            }
        }
        try add(units, attention.reading, emission: attention.mixed)
        endWriter(bias: bias)
    }

    /// Whether the heads' queries, keys or values go through an operation that looks at all of them.
    private func combinesHeads(_ attention: AttentionPart) -> Bool {
        attention.projections.contains { $0.steps.contains { network.nodes[$0.index].operation.neurons == .mixes } }
    }

    /// The heads of some key heads, from the stream to what their patterns mix; without sources.
    ///
    /// With a single key head, each head is a source, and the reader of a query writes the source of its head.
    private func heads(_ keys: Range<Int>, of attention: AttentionPart, _ block: Int) throws(Problem) -> EdgeGraphBuilder.Draft {
        let sizes = attention.heads
        let (group, dimension) = (sizes.heads / sizes.keyHeads, sizes.headDimension)
        let heads = keys.lowerBound * group..<keys.upperBound * group
        var unit = EdgeGraphBuilder.Draft(kind: .attention, readers: [], targets: [], steps: [], output: attention.mixed)
        for (place, projection) in attention.projections.enumerated() {
            // The heads that share a key head have separate queries; only one of them owns its key and its value.
            let members = Array(place == 0 ? heads : keys)
            let channels = members.flatMap { Array($0 * dimension..<($0 + 1) * dimension) }
            unit.targets.append(EdgeUnit.Target(node: projection.node, channels: channels))
            for (index, member) in members.enumerated() {
                let rows = (member * dimension..<(member + 1) * dimension).map(projection.row)
                let slice = try builder.slice(of: projection.layer, rows: rows, target: place, at: index * dimension, width: dimension)
                let owner = place > 0 && group > 1 ? "kv\(member)" : "h\(member)"
                unit.readers.append(
                    ("a\(block).\(owner)<\(["q", "k", "v"][place])>", [slice], place == 0 ? index..<index + 1 : 0..<group))
            }
            for step in projection.steps {
                unit.steps.append(try builder.step(step, channels: channels, "'\(site(step))': works on several heads at once"))
            }
        }
        let elements = heads.flatMap { Array($0 * dimension..<($0 + 1) * dimension) }
        guard let fusion = network.nodes[attention.mixed.index].fusion,
            let part = fusion.operation.restricted(to: elements, parameters: fusion.parameters.map { network.values[$0] })
        else { throw Problem("site '\(site(attention.mixed))': no attention that can be divided into heads") }
        unit.steps.append(UnitStep(operation: part.operation, inputs: fusion.inputs, parameters: part.parameters, output: attention.mixed))
        return unit
    }

    mutating func addMLP(_ block: Int, _ mlp: MLPPart, groups: [NeuronGroup]?) throws(Problem) {
        try moveOn(to: mlp.reading.state)
        writer = "m\(block)"
        let layers = mlp.layers
        let width = builder.width(of: layers[0])
        // A layer of one cluster followed by a norm that combines all neurons stays whole.
        if let groups, mlp.norms.isEmpty || groups.count > 1 {
            if let norm = mlp.norms.first { throw builder.mixes(norm) }
            let (rows, bias) = try outputWeights(mlp.output, mlp.scaling)
            var units: [EdgeGraphBuilder.Draft] = []
            for group in groups {
                var slices: [EdgeUnit.ReaderSlice] = []
                for (place, layer) in layers.enumerated() {
                    slices.append(try builder.slice(of: layer, rows: group.neurons, target: place, width: width))
                }
                let name = "m\(block).\(group.name)"
                units.append(
                    EdgeGraphBuilder.Draft(
                        readers: [(name, slices, 0..<1)], targets: layers.map { EdgeUnit.Target(node: $0, channels: group.neurons) },
                        steps: try builder.steps(from: Set(layers), to: mlp.post, channels: group.neurons, of: width), output: mlp.post,
                        sources: [(name, group.neurons, .product(channels: 0..<group.neurons.count, weight: rows(group.neurons)))]))
            }
            try add(units, mlp.reading, emission: mlp.post)
            return endWriter(bias: bias)
        }
        var slices: [EdgeUnit.ReaderSlice] = []
        for (place, layer) in layers.enumerated() { slices.append(try builder.slice(of: layer, rows: nil, target: place, width: width)) }
        let unit = EdgeGraphBuilder.Draft(
            readers: [("m\(block)", slices, 0..<1)], targets: layers.map { EdgeUnit.Target(node: $0, channels: Array(0..<width)) },
            steps: try builder.steps(from: Set(layers), to: mlp.written), output: mlp.written, sources: [("m\(block)", nil, .output)])
        try add([unit], mlp.reading, emission: mlp.written)
        endWriter(bias: nil)
    }

    /// Router and experts as one node, which reads the stream once.
    mutating func addExperts(_ block: Int, _ experts: ExpertPart) throws(Problem) {
        guard experts.reading.norm != nil, experts.reading.steps.isEmpty else {
            throw Problem("site '\(site(experts.output))': experts that do not read a norm of the stream cannot be a node")
        }
        try moveOn(to: experts.reading.state)
        writer = "m\(block)"
        let read = experts.reading.node
        let width = network.nodes[experts.router.index].parameters.first.map { network.parameters[$0.index].shape[1] } ?? 0
        let slice = EdgeUnit.ReaderSlice(operation: Identity(name: "stream"), parameters: [], target: 0, channels: 0..<width)
        let unit = EdgeGraphBuilder.Draft(
            readers: [("m\(block)", [slice], 0..<1)], targets: [EdgeUnit.Target(node: read, channels: Array(0..<width))],
            steps: try builder.steps(from: [read], to: experts.written), output: experts.written, sources: [("m\(block)", nil, .output)])
        try add([unit], experts.reading, emission: experts.written)
        endWriter(bias: nil)
    }

    /// The router and each expert as nodes, and the MLP for every position as another.
    mutating func addEachExpert(_ block: Int, _ experts: ExpertPart) throws(Problem) {
        if let norm = experts.norms.first { throw builder.mixes(norm) }
        try moveOn(to: experts.reading.state)
        writer = "m\(block)"
        let scores = builder.width(of: experts.router)
        let width = experts.experts.first.map { builder.width(of: $0.output) } ?? 0
        var unit = EdgeGraphBuilder.Draft(
            readers: [], targets: [EdgeUnit.Target(node: experts.router, channels: Array(0..<scores))],
            steps: try builder.steps(from: Set(experts.inputs + [experts.router]), to: experts.contributions),
            output: experts.contributions)
        unit.readers.append(
            ("m\(block).router", [try builder.slice(of: experts.router, rows: nil, target: 0, width: scores)], 0..<experts.experts.count))
        for (expert, input) in experts.inputs.enumerated() {
            let name = "m\(block).e\(expert)"
            let columns = expert * width..<(expert + 1) * width
            unit.targets.append(EdgeUnit.Target(node: input, channels: Array(0..<width)))
            let slice = EdgeUnit.ReaderSlice(
                operation: Identity(name: "stream"), parameters: [], target: expert + 1, channels: 0..<width)
            unit.readers.append((name, [slice], expert..<expert + 1))
            unit.sources.append((name, Array(columns), .part(columns)))
        }
        try add([unit], experts.reading, emission: experts.contributions)
        if let shared = experts.shared, let output = experts.sharedContribution {
            let layers = shared.layers + [experts.sharedRouter].compactMap(\.self)
            var slices: [EdgeUnit.ReaderSlice] = []
            var targets: [EdgeUnit.Target] = []
            for (place, layer) in layers.enumerated() {
                let width = builder.width(of: layer)
                slices.append(try builder.slice(of: layer, rows: nil, target: place, width: width))
                targets.append(EdgeUnit.Target(node: layer, channels: Array(0..<width)))
            }
            let name = "m\(block).shared"
            let unit = EdgeGraphBuilder.Draft(
                readers: [(name, slices, 0..<1)], targets: targets, steps: try builder.steps(from: Set(layers), to: output), output: output,
                sources: [(name, nil, .output)])
            try add([unit], experts.reading, emission: output)
        }
        endWriter(bias: nil)
    }

    mutating func graph(_ granularity: EdgeGranularity, _ last: LastReading) throws(Problem) -> EdgeGraph {
        let (state, norm, slice, target, answer): (NodeID, UnitStep?, EdgeUnit.ReaderSlice, EdgeUnit.Target, EdgeAnswer)
        var (end, scores): (NodeID, Tensor?) = (network.output, nil)
        switch last {
        case .layer(let output):
            let entries = builder.width(of: output.layer)
            (state, norm, answer) = (output.reading.state, builder.reading(output.reading), .lastPosition)
            if let added = output.tokenScores { (end, scores) = (output.layer, parameters(added).first) }
            slice = try builder.slice(of: output.layer, rows: nil, target: 0, width: entries)
            target = EdgeUnit.Target(node: output.layer, channels: Array(0..<entries))
        case .rest(let read, let kind):
            (state, norm, answer) = (read, nil, kind)
            slice = EdgeUnit.ReaderSlice(operation: Identity(name: "stream"), parameters: [], target: 0, channels: 0..<width)
            target = EdgeUnit.Target(node: read, channels: Array(0..<width))
        }
        try moveOn(to: state)
        let unit = EdgeGraphBuilder.Draft(
            readers: [("logits", [slice], 0..<0)], targets: [target], steps: try builder.steps(from: [target.node], to: end), output: end)
        spaces.append(first..<builder.sourceCount)
        let space = spaces.count - 1
        let before = written[stream.writerCount(in: state)]
        try builder.add(
            [unit], reading: first..<first + before.sources, space: space, stream: state, norm: norm,
            emission: network.output, constant: before.constant, isOutput: true)
        let steps = network.anatomy.streams.flatMap(\.readers).flatMap(\.steps)
        return builder.graph(
            granularity, spaces: spaces, beginnings: beginnings, answer: answer,
            readsPositions: steps.contains { network.nodes[$0.index].operation.joinedDimensions(ofInput: 0, rank: 3).contains(1) },
            tokenScores: scores)
    }
}
