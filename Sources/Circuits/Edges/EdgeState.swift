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
    private(set) var differences: [MutableTensor]
    /// The stages' emissions in this run.
    private(set) var emissions: [MutableTensor]
    private(set) var targets: [NodeID: MutableTensor]
    private(set) var logits: Tensor
    /// For each stage, its readers in classes that have the same edges.
    private(set) var classes: [[[Int]]]
    /// The inputs of classes, by their first readers, as computed by ``prepare(behind:team:)``: [samples, ...], or if only the last
    /// positions matter, [samples, 1, width].
    private(set) var classInputs: [Int: Tensor] = [:]
    /// What mattered only at the last positions when the state was last prepared. The sources' outputs elsewhere are no longer updated, since
    /// nothing reads them.
    private(set) var ends: EdgeEnds

    /// The readers whose inputs are in memory at one time.
    private static let chunk = 64

    /// The clean run: all edges.
    init(cleanOf recording: EdgeRecording, _ graph: EdgeGraph, team: Team) {
        self.graph = graph
        self.recording = recording
        kept = graph.whole
        differences = recording.clean.contributions(graph, minus: recording.ablated, team: team)
        // Copies, because changes of the circuit write into them.
        emissions = recording.clean.stages.map { $0.copied() }
        targets = recording.targets.mapValues { $0.copied() }
        logits = recording.cleanLogits
        classes = graph.stages.map { [Array($0.readers)] }
        ends = EdgeEnds(graph, kept, isAtEnd: recording.isSequence && graph.hasEnds)
        for (stage, stream) in zip(graph.stages, recording.streams) { classInputs[stage.readers.lowerBound] = stream }
    }

    /// The run of a circuit.
    init(_ kept: EdgeSet, of recording: EdgeRecording, _ graph: EdgeGraph, team: Team) {
        precondition(kept.count == graph.edgeCount, "\(kept.count) of \(graph.edgeCount) edges")
        self.graph = graph
        self.recording = recording
        self.kept = kept
        differences = graph.spaces.enumerated().map { space, sources in
            MutableTensor(uninitialized: [sources.count] + recording.clean.streamShape(graph, space: space))
        }
        differences[0][0..<1].copy(from: recording.clean.input.minus(recording.ablated.input))
        emissions = recording.clean.stages.map { MutableTensor(uninitialized: $0.shape) }
        targets = [:]
        logits = recording.cleanLogits
        classes = []
        ends = EdgeEnds(graph, kept, isAtEnd: recording.isSequence && graph.hasEnds)
        for stage in graph.stages { classes.append(Self.classes(stage, kept, graph)) }
        var isRead = [Bool](repeating: false, count: graph.sources.count)
        for (place, reader) in graph.readers.enumerated() {
            for (source, edge) in zip(reader.sources, graph.edges(to: place)) where kept[edge] { isRead[source] = true }
        }
        for (place, stage) in graph.stages.enumerated() { run(stage, place, isRead: isRead, team: team) }
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
    ///
    /// - Parameter isRead: for each source whether an edge of the circuit leads from it; what nobody reads is not computed.
    private mutating func run(_ stage: EdgeStage, _ place: Int, isRead: [Bool], team: Team) {
        let runner = StageRun(stage: stage, team: team)
        if stage.isOutput {
            let input = inputs([row(stage.readers.lowerBound)], stage, place, team: team)
            logits = EdgeOutput(graph).logits(
                input.reshaped(streamShape(stage, samples: recording.pairs)), adding: recording.constantScores, team: team)
            return
        }
        let classOf = Dictionary(
            uniqueKeysWithValues: classes[place].enumerated().flatMap { index, readers in readers.map { ($0, index) } })
        var needed: [EdgeUnit] = []
        for unit in stage.units {
            if unit.sources.contains(where: { isRead[$0.source] }) {
                needed.append(unit)
            } else {
                for source in unit.sources { difference(of: source.source).fill(0) }
            }
        }
        var start = 0
        while start < needed.count {
            var end = start
            var count = 0
            while end < needed.count, end == start || count + needed[end].readers.count <= Self.chunk {
                count += needed[end].readers.count
                end += 1
            }
            let units = needed[start..<end]
            let wanted = Set(units.flatMap { $0.readers.map { classOf[$0.reader]! } }).sorted()
            let rows = inputs(wanted.map { row(classes[place][$0][0]) }, stage, place, team: team)
            let samples = recording.pairs
            let normalized = runner.normalized(rows.reshaped(streamShape(stage, samples: wanted.count * samples)))
            let at = Dictionary(uniqueKeysWithValues: wanted.enumerated().map { ($1, $0) })
            for unit in units {
                let made = runner.output(
                    unit,
                    inputs: { reader in
                        let index = at[classOf[reader]!]!
                        return normalized[index * samples..<(index + 1) * samples]
                    }, targets: { _ in nil }, copies: 1)
                for (target, value) in made.targets { keep(target, value) }
                write(unit, made.output, stage: place, team: team)
            }
            start = end
        }
    }

    private mutating func keep(_ target: EdgeUnit.Target, _ value: Tensor) {
        let whole =
            targets[target.node]
            ?? MutableTensor(uninitialized: Channels.shape(value.shape, channels: width(target.node), samples: value.shape[0]))
        Channels.spread(value, to: target.channels, of: whole)
        targets[target.node] = whole
    }

    /// The channels of a node's output.
    private func width(_ node: NodeID) -> Int { recording.targets[node].map { NeuronPlaces($0.shape, .usual).neurons } ?? 0 }

    /// Takes over the sources of a unit: at all positions, or where `output` has them alone at the last ones.
    private mutating func write(_ unit: EdgeUnit, _ output: Tensor, stage: Int, team: Team) {
        let emission = emissions[stage]
        let isAtEnd = output.shape.count == 3 && output.shape[1] < emission.shape[1]
        let ablated = isAtEnd ? recording.ablated.stages[stage].lastPositions : recording.ablated.stages[stage]
        for source in unit.sources {
            let part = source.part(of: output)
            let change = part.minus(source.emitted(from: ablated, like: part))
            let difference = difference(of: source.source)
            guard isAtEnd else {
                source.keep(part, in: emission)
                source.write(change, to: difference, team: team)
                continue
            }
            Channels.spread(part, to: source.emitted ?? Array(0..<part.width), ofLastPositionsOf: emission)
            source.write(change, toLastPositionsOf: difference, team: team)
        }
    }

    /// Whether a source's output differs from its ablated value.
    func isChanged(_ source: Int) -> Bool { difference(of: source).withElements { $0.contains { $0 != 0 } } }

    /// A source's place in ``differences``, [samples, ...].
    private func difference(of source: Int) -> MutableTensor {
        let place = graph.place(of: source)
        let slot = differences[place.space][place.index..<place.index + 1]
        return slot.reshaped(Array(slot.shape.dropFirst()))
    }

    /// For a reader 1 at the sources whose edges are in the circuit.
    func row(_ reader: Int) -> [Float] { kept[graph.edges(to: reader)].map { $0 ? 1 : 0 } }

    /// The shape of what a stage reads.
    func streamShape(_ stage: EdgeStage, samples: Int) -> [Int] {
        [samples] + recording.clean.streamShape(graph, space: stage.space).dropFirst()
    }

    /// What readers of a stage read, [rows * samples, ...] as consecutive rows.
    ///
    /// - Parameter rows: for each the weight of each source's difference.
    func inputs(_ rows: [[Float]], _ stage: EdgeStage, _ place: Int, team: Team) -> Tensor {
        let base = recording.ablatedStreams[place]
        let result = MutableTensor(uninitialized: [rows.count, base.count])
        Product.repeatRow(base.reshaped([base.count]), into: result, team: team)
        let weights = Tensor(shape: [rows.count, stage.visible], rows.flatMap { $0 })
        Product.multiply(
            .init(weights), .init(differences[stage.space], stride: base.count), rows: rows.count, inner: stage.visible,
            columns: base.count,
            into: .init(result), .add, team: team)
        return result
    }

    /// The same at the last positions alone, [rows * samples, 1, width].
    func endInputs(_ rows: [[Float]], _ stage: EdgeStage, _ place: Int, team: Team) -> Tensor {
        let stream = recording.ablatedStreams[place]
        let base = stream.lastPositions
        let (length, width) = (stream.shape[1], stream.shape[2])
        let result = MutableTensor(uninitialized: [rows.count, base.count])
        Product.repeatRow(base.reshaped([base.count]), into: result, team: team)
        let weights = Tensor(shape: [rows.count, stage.visible], rows.flatMap { $0 })
        for sample in 0..<recording.pairs {
            Product.multiply(
                .init(weights), .init(differences[stage.space], offset: ((sample + 1) * length - 1) * width, stride: stream.count),
                rows: rows.count, inner: stage.visible, columns: width, into: .init(result, offset: sample * width, stride: base.count),
                .add,
                team: team)
        }
        return result.reshaped([rows.count * recording.pairs, 1, width])
    }

    /// The differences of variants of this run in which one reader has other edges. The stages after the reader's must be prepared.
    ///
    /// - Parameters:
    ///   - rows: for each variant the weights of the reader's sources.
    ///   - isKept: whether more than the logits is wanted.
    func changes(of reader: Int, rows: [[Float]], isKept: Bool, team: Team) -> EdgeChanges {
        EdgePropagation(state: self, team: team).run(from: reader, rows: rows, isKept: isKept)
    }

    /// The shape of the stream that a source writes into.
    func streamShape(ofSpaceWith source: Int, samples: Int) -> [Int] {
        [samples] + recording.clean.streamShape(graph, space: graph.place(of: source).space).dropFirst()
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
        classify(graph.readers[reader].stage)
    }

    private mutating func classify(_ stage: Int) {
        classes[stage] = Self.classes(graph.stages[stage], kept, graph)
        for reader in graph.stages[stage].readers { classInputs[reader] = nil }
    }

    /// Takes edges from a reader for good.
    ///
    /// - Parameters:
    ///   - edges: those that stay; the reader had them all before.
    ///   - changes: what is other then: those of a run of these edges from this state.
    mutating func change(_ reader: Int, to edges: [Bool], _ changes: EdgeChanges, team: Team) {
        for (place, edge) in graph.edges(to: reader).enumerated() { kept[edge] = edges[place] }
        let stage = graph.readers[reader].stage
        for (target, value) in changes.targets { keep(target, value) }
        for output in changes.outputs { write(output.unit, output.value, stage: output.stage, team: team) }
        if let changed = changes.logits { logits = changed }
        classify(stage)
        let changed = Set(changes.outputs.flatMap { $0.unit.sources.map(\.source) })
        for readers in classes[(stage + 1)...].joined() where classInputs[readers[0]] != nil {
            if zip(graph.readers[readers[0]].sources, graph.edges(to: readers[0])).contains(where: { changed.contains($0) && kept[$1] }) {
                classInputs[readers[0]] = nil
            }
        }
    }

    /// Finds what matters at the last positions alone, and makes what the readers after a stage read: variants of readers of that stage
    /// start from it.
    mutating func prepare(behind first: Int, team: Team) {
        ends = EdgeEnds(graph, kept, isAtEnd: recording.isSequence && graph.hasEnds)
        for place in graph.stages.indices.dropFirst(first + 1) {
            let missing = classes[place].filter { readers in
                classInputs[readers[0]] == nil && kept[graph.edges(to: readers[0])].contains(true)
            }
            for isAtEnd in [false, true] {
                prepare(missing.filter { $0.allSatisfy { ends.readers[$0] } == isAtEnd }.map { $0[0] }, place, isAtEnd: isAtEnd, team: team)
            }
        }
    }

    /// Makes what some readers of a stage read, each the first of its class.
    private mutating func prepare(_ wanted: [Int], _ place: Int, isAtEnd: Bool, team: Team) {
        let stage = graph.stages[place]
        for start in stride(from: 0, to: wanted.count, by: Self.chunk) {
            let readers = wanted[start..<min(wanted.count, start + Self.chunk)]
            let rows = isAtEnd ? endInputs(readers.map(row), stage, place, team: team) : inputs(readers.map(row), stage, place, team: team)
            let shape = isAtEnd ? [recording.pairs, 1, rows.width] : streamShape(stage, samples: recording.pairs)
            for (index, reader) in readers.enumerated() {
                let part = rows.reshaped([readers.count, rows.count / readers.count])[index..<index + 1].reshaped(shape)
                // Alone it may outlive the others.
                classInputs[reader] = readers.count > 1 ? part.copied() : part
            }
        }
    }
}

extension EdgeUnit.Source {
    /// The source's channels of its unit's output.
    func part(of output: Tensor) -> Tensor {
        let channels: Range<Int>
        switch writing {
        case .product(let part, _), .part(let part): channels = part
        case .output, .channels: return output
        }
        guard channels.count < output.width else { return output }
        let part = MutableTensor(uninitialized: Channels.shape(output.shape, channels: channels.count, samples: output.shape[0]))
        Channels.copy(Array(channels), of: output, to: part)
        return part
    }

    /// The source's channels of a stage's emission, in the shape of a part of fewer or more samples.
    func emitted(from emission: Tensor, like part: Tensor) -> Tensor {
        emitted == nil ? emission : emitted(from: emission).reshaped([emission.shape[0]] + part.shape.dropFirst())
    }

    /// The source's channels of a stage's emission.
    func emitted(from emission: Tensor) -> Tensor {
        guard let emitted else { return emission }
        let samples = emission.shape[0]
        if case .channels(let channels, let width) = writing {
            let inner = emission.count / max(samples * width, 1)
            let chosen = MutableTensor(uninitialized: [samples, channels.count, inner, 1])
            Channels.copy(channels, of: emission.reshaped([samples, width, inner, 1]), to: chosen)
            return chosen
        }
        let chosen = MutableTensor(uninitialized: Channels.shape(emission.shape, channels: emitted.count, samples: samples))
        Channels.copy(emitted, of: emission, to: chosen)
        return chosen
    }

    /// Writes the source's channels into a stage's emission.
    func keep(_ part: Tensor, in emission: MutableTensor) {
        guard let emitted else { return emission.copy(from: part) }
        let samples = emission.shape[0]
        if case .channels(let channels, let width) = writing {
            let inner = emission.count / max(samples * width, 1)
            Channels.spread(
                part.reshaped([samples, channels.count, inner, 1]), to: channels, of: emission.reshaped([samples, width, inner, 1]))
            return
        }
        Channels.spread(part, to: emitted, of: emission)
    }
}
