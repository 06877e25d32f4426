import Networks
import Tensors

/// One batch's run with some edges outside the circuit, kept so that other runs can start from it.
///
/// A reader's input is what it reads where all sources are ablated, plus the differences of the sources that an edge of the circuit leads from.
struct EdgeState: Sendable {
    let graph: EdgeGraph
    let recording: EdgeRecording
    private(set) var kept: EdgeSet
    /// For each space the sources as the run has them minus ablated, [sources, samples, ...].
    private(set) var differences: [Tensor]
    /// The stages' emissions in this run.
    private var emissions: [Tensor]
    private var targets: [NodeID: Tensor]
    private(set) var logits: Tensor
    /// For each stage its readers by what they read: those of one class have the same edges.
    private var classes: [[[Int]]]

    /// The readers whose inputs are in memory at one time.
    private static let chunk = 64

    /// The clean run: all edges.
    init(cleanOf recording: EdgeRecording, _ graph: EdgeGraph, team: Team) {
        self.graph = graph
        self.recording = recording
        kept = graph.whole
        differences = recording.clean.combined(with: recording.ablated) { $0.minus($1) }.contributions(graph, team: team)
        // In memory of their own, which changes of the circuit write into.
        emissions = recording.clean.stages.map { $0.copied() }
        targets = recording.targets.mapValues { $0.copied() }
        logits = recording.cleanLogits
        classes = graph.stages.map { [Array($0.readers)] }
    }

    /// The run of a circuit.
    init(_ kept: EdgeSet, of recording: EdgeRecording, _ graph: EdgeGraph, team: Team) {
        precondition(kept.count == graph.edgeCount, "\(kept.count) of \(graph.edgeCount) edges")
        self.graph = graph
        self.recording = recording
        self.kept = kept
        differences = graph.spaces.enumerated().map { space, sources in
            Tensor(uninitialized: [sources.count] + recording.clean.streamShape(graph, space: space))
        }
        differences[0][0..<1].copy(from: recording.clean.input.minus(recording.ablated.input))
        emissions = recording.ablated.stages
        targets = [:]
        logits = recording.cleanLogits
        classes = []
        for stage in graph.stages { classes.append(Self.classes(stage, kept, graph)) }
        for (place, stage) in graph.stages.enumerated() { run(stage, place, team: team) }
    }

    /// The readers of a stage by their edges.
    private static func classes(_ stage: EdgeStage, _ kept: EdgeSet, _ graph: EdgeGraph) -> [[Int]] {
        var places: [ArraySlice<Bool>: Int] = [:]
        var classes: [[Int]] = []
        for reader in stage.readers {
            let row = kept[graph.edges(to: reader)]
            if let place = places[row] {
                classes[place].append(reader)
            } else {
                places[row] = classes.count
                classes.append([reader])
            }
        }
        return classes
    }

    /// Runs a stage of a circuit from the differences before it.
    private mutating func run(_ stage: EdgeStage, _ place: Int, team: Team) {
        let runner = StageRun(stage: stage, team: team)
        if stage.isOutput {
            let input = inputs([row(stage.readers.lowerBound)], stage, place, team: team)
            logits = EdgeOutput(graph).logits(input.reshaped(streamShape(stage, samples: recording.pairs)), team: team)
            return
        }
        let classOf = Dictionary(uniqueKeysWithValues: classes[place].enumerated().flatMap { index, readers in readers.map { ($0, index) } })
        emissions[place] = Tensor(uninitialized: recording.clean.stages[place].shape)
        var start = 0
        while start < stage.units.count {
            var end = start
            var count = 0
            while end < stage.units.count, end == start || count + stage.units[end].readers.count <= Self.chunk {
                count += stage.units[end].readers.count
                end += 1
            }
            let units = stage.units[start..<end]
            let wanted = Set(units.flatMap { $0.readers.map { classOf[$0.reader]! } }).sorted()
            let rows = inputs(wanted.map { row(classes[place][$0][0]) }, stage, place, team: team)
            let samples = recording.pairs
            let normalized = runner.normalized(rows.reshaped(streamShape(stage, samples: wanted.count * samples)))
            let at = Dictionary(uniqueKeysWithValues: wanted.enumerated().map { ($1, $0) })
            for unit in units {
                let output = runner.output(
                    unit,
                    inputs: { reader in
                        let index = at[classOf[reader]!]!
                        return normalized[index * samples..<(index + 1) * samples]
                    }, targets: [:], copies: 1, record: { target, value in self.keep(target, value) })
                write(unit, output, stage: place, team: team)
            }
            start = end
        }
    }

    private mutating func keep(_ target: EdgeUnit.Target, _ value: Tensor) {
        let whole =
            targets[target.node]
            ?? Tensor(uninitialized: Channels.shape(value.shape, channels: width(target.node), samples: value.shape[0]))
        Channels.spread(value, to: target.channels, of: whole)
        targets[target.node] = whole
    }

    /// The channels of a node's output.
    private func width(_ node: NodeID) -> Int { recording.targets[node].map { NeuronPlaces($0.shape).neurons } ?? 0 }

    /// Takes over the sources of a unit.
    private mutating func write(_ unit: EdgeUnit, _ output: Tensor, stage: Int, team: Team) {
        for source in unit.sources {
            let part = source.part(of: output)
            source.keep(part, in: emissions[stage])
            let place = graph.place(of: source.source)
            let slot = differences[place.space][place.index..<place.index + 1]
            let difference = part.minus(source.emitted(from: recording.ablated.stages[stage], like: part))
            source.write(difference, isWholeEmission: false, to: slot.reshaped(Array(slot.shape.dropFirst())), team: team)
        }
    }

    /// For a reader 1 at the sources whose edges are in the circuit.
    func row(_ reader: Int) -> [Float] { kept[graph.edges(to: reader)].map { $0 ? 1 : 0 } }

    /// The shape of what a stage reads.
    func streamShape(_ stage: EdgeStage, samples: Int) -> [Int] {
        [samples] + recording.clean.streamShape(graph, space: stage.space).dropFirst()
    }

    /// What readers of a stage read, [rows * samples, ...] as rows behind each other.
    ///
    /// - Parameter rows: for each the weight of each source's difference.
    func inputs(_ rows: [[Float]], _ stage: EdgeStage, _ place: Int, team: Team) -> Tensor {
        let base = recording.ablatedStreams[place]
        let result = Tensor(uninitialized: [rows.count, base.count])
        Product.repeatRow(base.reshaped([base.count]), into: result, team: team)
        let weights = Tensor(shape: [rows.count, stage.visible], rows.flatMap { $0 })
        Product.multiply(
            .init(weights), .init(differences[stage.space], stride: base.count), rows: rows.count, inner: stage.visible, columns: base.count,
            into: .init(result), .add, team: team)
        return result
    }

    /// The logits of variants of this run in which one reader has other edges, [variants * samples, classes]; nil where the output does not
    /// depend on the reader.
    ///
    /// - Parameter rows: for each variant the weights of the reader's sources.
    func logits(of reader: Int, rows: [[Float]], team: Team) -> Tensor? {
        var result: Tensor?
        propagate(from: reader, rows: rows, ends: sourcesReadAtTheEnd, team: team, record: { _, _ in }, commit: { _, _, _ in }, answer: { result = $0 })
        return result
    }

    /// Whether anything that a reader's node writes is read along an edge of the circuit.
    func isRead(_ reader: Int) -> Bool {
        let writes = graph.readers[reader].writes
        if writes.isEmpty { return true }
        return graph.readers.indices.contains { other in
            graph.readers[other].sources.overlaps(writes)
                && writes.contains { graph.readers[other].sources.contains($0) && kept[graph.edge(from: $0, to: other)] }
        }
    }

    /// Takes all edges of a reader whose node nothing reads: no value changes.
    mutating func forget(_ reader: Int) {
        for edge in graph.edges(to: reader) { kept[edge] = false }
        let stage = graph.readers[reader].stage
        classes[stage] = Self.classes(graph.stages[stage], kept, graph)
    }

    /// Gives a reader other edges for good.
    mutating func change(_ reader: Int, to edges: [Bool], team: Team) {
        for (place, edge) in graph.edges(to: reader).enumerated() { kept[edge] = edges[place] }
        let stage = graph.readers[reader].stage
        classes[stage] = Self.classes(graph.stages[stage], kept, graph)
        var changes: [(EdgeUnit, Tensor, Int)] = []
        var made: [(EdgeUnit.Target, Tensor)] = []
        var answered: Tensor?
        propagate(
            from: reader, rows: [row(reader)], ends: nil, team: team, record: { made.append(($0, $1)) }, commit: { changes.append(($0, $1, $2)) },
            answer: { answered = $0 })
        for (target, value) in made { keep(target, value) }
        for (unit, output, stage) in changes { write(unit, output, stage: stage, team: team) }
        if let answered { logits = answered }
    }

    /// The sources of which the answer depends on the last position alone: nothing that leads from them to the output goes through a key or a
    /// value.
    private var sourcesReadAtTheEnd: [Bool] {
        var ends = [Bool](repeating: true, count: graph.sources.count)
        for (place, reader) in graph.readers.enumerated().reversed() {
            let isEnd = !reader.movesPositions && reader.writes.allSatisfy { ends[$0] }
            if isEnd { continue }
            for (source, edge) in zip(reader.sources, graph.edges(to: place)) where kept[edge] { ends[source] = false }
        }
        return ends
    }

    /// Runs what lies downstream of a reader, along the circuit's edges alone.
    ///
    /// - Parameter ends: the sources that are needed at the last position alone; nil where all positions are wanted.
    private func propagate(
        from reader: Int, rows: [[Float]], ends: [Bool]?, team: Team, record: (EdgeUnit.Target, Tensor) -> Void, commit: (EdgeUnit, Tensor, Int) -> Void,
        answer: (Tensor) -> Void
    ) {
        let copies = rows.count
        let first = graph.readers[reader].stage
        let samples = recording.pairs * copies
        // For each source that changed by how much, [copies * samples, ...].
        var changed: [Int: Tensor] = [:]
        for place in first..<graph.stages.count {
            let stage = graph.stages[place]
            let runner = StageRun(stage: stage, team: team)
            var inputs: [Int: Tensor] = [:]
            if place == first {
                let input = self.inputs(rows, stage, place, team: team).reshaped(streamShape(stage, samples: samples))
                inputs[reader] = stage.isOutput ? input : runner.normalized(input)
            } else {
                guard !changed.isEmpty else { return }
                for members in classes[place] {
                    let edges = graph.edges(to: members[0])
                    let sources = graph.readers[members[0]].sources
                    let moved = sources.filter { changed[$0] != nil && kept[edges.lowerBound + $0 - sources.lowerBound] }
                    guard !moved.isEmpty else { continue }
                    let input = self.inputs([row(members[0])], stage, place, team: team).reshaped(streamShape(stage, samples: recording.pairs))
                        .repeated(copies)
                    for source in moved { Elementwise.add(changed[source]!, to: input, team: team) }
                    let read = stage.isOutput ? input : runner.normalized(input)
                    for member in members { inputs[member] = read }
                }
            }
            if stage.isOutput {
                if let input = inputs[stage.readers.lowerBound] { answer(EdgeOutput(graph).logits(input, team: team)) }
                return
            }
            guard !inputs.isEmpty else { continue }
            for unit in stage.units {
                let members = unit.readers.filter { inputs[$0.reader] != nil }
                guard !members.isEmpty else { continue }
                if let ends, let only = unit.readers.first, unit.readers.count == 1, let read = inputs[only.reader], read.shape.count == 3,
                    read.shape[1] > 1, unit.sources.allSatisfy({ ends[$0.source] })
                {
                    // An MLP of which the last position alone matters.
                    let output = runner.output(unit, inputs: { _ in read.lastPositions }, targets: [:], copies: copies)
                    for source in unit.sources {
                        let part = source.part(of: output)
                        let before = source.emitted(from: emissions[place], like: part).lastPositions.repeated(copies)
                        let shape = streamShape(ofSpaceWith: source.source, samples: samples)
                        let last = Tensor(uninitialized: [samples, 1, shape[2]])
                        source.write(part.minus(before), isWholeEmission: false, to: last, team: team)
                        changed[source.source] = last.spreadToLastPositions(length: shape[1])
                    }
                    continue
                }
                let output = runner.output(unit, inputs: { inputs[$0] }, targets: targets, copies: copies, record: record)
                commit(unit, output, place)
                for source in unit.sources where members.contains(where: { graph.readers[$0.reader].writes.contains(source.source) }) {
                    let part = source.part(of: output)
                    let before = source.emitted(from: emissions[place], like: part)
                    let difference = part.minus(before.repeated(copies))
                    let change = Tensor(uninitialized: streamShape(ofSpaceWith: source.source, samples: samples))
                    source.write(difference, isWholeEmission: false, to: change, team: team)
                    changed[source.source] = change
                }
            }
        }
    }

    private func streamShape(ofSpaceWith source: Int, samples: Int) -> [Int] {
        [samples] + recording.clean.streamShape(graph, space: graph.place(of: source).space).dropFirst()
    }
}

extension EdgeUnit.Source {
    /// The source's channels of its unit's output.
    func part(of output: Tensor) -> Tensor {
        guard case .product(let channels, _) = writing, channels.count < output.width else { return output }
        let part = Tensor(uninitialized: Channels.shape(output.shape, channels: channels.count, samples: output.shape[0]))
        Channels.copy(Array(channels), of: output, to: part)
        return part
    }

    /// The source's channels of a stage's emission, in the shape of a part of fewer or more samples.
    func emitted(from emission: Tensor, like part: Tensor) -> Tensor {
        guard let emitted else { return emission }
        let samples = emission.shape[0]
        if case .channels(let channels, let width) = writing {
            let inner = emission.count / max(samples * width, 1)
            let chosen = Tensor(uninitialized: [samples, channels.count, inner, 1])
            Channels.copy(channels, of: emission.reshaped([samples, width, inner, 1]), to: chosen)
            return chosen.reshaped([samples] + part.shape.dropFirst())
        }
        let chosen = Tensor(uninitialized: Channels.shape(emission.shape, channels: emitted.count, samples: samples))
        Channels.copy(emitted, of: emission, to: chosen)
        return chosen
    }

    /// Writes the source's channels into a stage's emission.
    func keep(_ part: Tensor, in emission: Tensor) {
        guard let emitted else { return emission.copy(from: part) }
        let samples = emission.shape[0]
        if case .channels(let channels, let width) = writing {
            let inner = emission.count / max(samples * width, 1)
            Channels.spread(part.reshaped([samples, channels.count, inner, 1]), to: channels, of: emission.reshaped([samples, width, inner, 1]))
            return
        }
        Channels.spread(part, to: emitted, of: emission)
    }
}
