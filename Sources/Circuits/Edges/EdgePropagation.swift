import Networks
import Tensors

/// Runs that differ from a state's run in the edges of one reader: what lies downstream of it, along the circuit's edges alone.
struct EdgePropagation {
    /// Prepared for the readers behind the stage where the runs begin.
    let state: EdgeState
    let team: Team
    /// What is needed at the last positions alone; nil where all positions are wanted.
    let ends: EdgeEnds?

    private var graph: EdgeGraph { state.graph }

    /// Numbers of a run at all positions, [samples, ...], or at the last one of each sequence, [samples, 1, width].
    private struct Values {
        let tensor: Tensor
        let isAtEnd: Bool

        /// The last positions alone.
        var end: Values { isAtEnd ? self : Values(tensor: tensor.lastPositions, isAtEnd: true) }
    }

    /// - Parameters:
    ///   - rows: for each variant the weights of the reader's sources.
    ///   - record: called with what readers made.
    ///   - commit: called with the outputs of units and their stages.
    ///   - answer: called with the logits, [variants * samples, classes], where they depend on the reader.
    func run(
        from reader: Int, rows: [[Float]], record: (EdgeUnit.Target, Tensor) -> Void = { _, _ in },
        commit: (EdgeUnit, Tensor, Int) -> Void = { _, _, _ in }, answer: (Tensor) -> Void
    ) {
        let first = graph.readers[reader].stage
        // What sources have more than in the state's run.
        var changed: [Int: Values] = [:]
        for (place, stage) in graph.stages.enumerated().dropFirst(first) {
            var reads: [Int: Values] = [:]
            if place == first {
                reads[reader] = normalized(input(of: reader, rows, stage, place), stage)
            } else {
                guard !changed.isEmpty else { return }
                for members in state.classes[place] { read(members, stage, changed, copies: rows.count, into: &reads) }
            }
            if stage.isOutput {
                if let input = reads[stage.readers.lowerBound] { answer(EdgeOutput(graph).logits(input.tensor, team: team)) }
                return
            }
            guard !reads.isEmpty else { continue }
            for unit in stage.units { run(unit, place, reads, copies: rows.count, into: &changed, record: record, commit: commit) }
        }
    }

    /// What the reader reads where the runs begin.
    private func input(of reader: Int, _ rows: [[Float]], _ stage: EdgeStage, _ place: Int) -> Values {
        if let ends, ends.readers[reader] { return Values(tensor: state.endInputs(rows, stage, place, team: team), isAtEnd: true) }
        let input = state.inputs(rows, stage, place, team: team)
        return Values(tensor: input.reshaped(state.streamShape(stage, samples: state.recording.pairs * rows.count)), isAtEnd: false)
    }

    /// Behind the stage's norm; before it where the stage answers.
    private func normalized(_ input: Values, _ stage: EdgeStage) -> Values {
        guard !stage.isOutput else { return input }
        return Values(tensor: StageRun(stage: stage, team: team).normalized(input.tensor), isAtEnd: input.isAtEnd)
    }

    /// What readers of the same edges read, where that is not what they read in the state's run.
    private func read(_ members: [Int], _ stage: EdgeStage, _ changed: [Int: Values], copies: Int, into reads: inout [Int: Values]) {
        let edges = graph.edges(to: members[0])
        let sources = graph.readers[members[0]].sources
        let moved = sources.compactMap { source in state.kept[edges.lowerBound + source - sources.lowerBound] ? changed[source] : nil }
        guard !moved.isEmpty, let before = state.classInputs[members[0]] else { return }
        let atEnd = members.filter { ends?.readers[$0] ?? false }
        if atEnd.count < members.count {
            let input = before.repeated(copies)
            for change in moved { Elementwise.add(change.tensor, to: input, team: team) }
            let values = normalized(Values(tensor: input, isAtEnd: false), stage)
            for member in members { reads[member] = values }
            if !atEnd.isEmpty {
                let end = values.end
                for member in atEnd { reads[member] = end }
            }
            return
        }
        let input = before.lastPositions.repeated(copies)
        for change in moved { Elementwise.add(change.end.tensor, to: input, team: team) }
        let values = normalized(Values(tensor: input, isAtEnd: true), stage)
        for member in members { reads[member] = values }
    }

    /// Runs a unit of which some readers read something else.
    private func run(
        _ unit: EdgeUnit, _ place: Int, _ reads: [Int: Values], copies: Int, into changed: inout [Int: Values],
        record: (EdgeUnit.Target, Tensor) -> Void, commit: (EdgeUnit, Tensor, Int) -> Void
    ) {
        let members = unit.readers.filter { reads[$0.reader] != nil }
        guard !members.isEmpty else { return }
        // An MLP or a neuron of which the last position alone matters is computed there alone.
        let isAlone = unit.readers.count == 1 && reads[unit.readers[0].reader]?.isAtEnd == true
        let runner = StageRun(stage: graph.stages[place], team: team)
        var output = Values(
            tensor: runner.output(unit, inputs: { reads[$0]?.tensor }, targets: isAlone ? [:] : state.targets, copies: copies, record: record),
            isAtEnd: isAlone)
        commit(unit, output.tensor, place)
        if let ends, !isAlone, unit.sources.allSatisfy({ ends.sources[$0.source] }) { output = output.end }
        for source in unit.sources where members.contains(where: { graph.readers[$0.reader].writes.contains(source.source) }) {
            let part = source.part(of: output.tensor)
            let before = source.emitted(from: state.emissions[place], like: part)
            let difference = part.minus((output.isAtEnd ? before.lastPositions : before).repeated(copies))
            var shape = state.streamShape(ofSpaceWith: source.source, samples: state.recording.pairs * copies)
            if output.isAtEnd { shape[1] = 1 }
            let change = Tensor(uninitialized: shape)
            source.write(difference, isWholeEmission: false, to: change, team: team)
            changed[source.source] = Values(tensor: change, isAtEnd: output.isAtEnd)
        }
    }
}

/// The sources and readers of which the answer depends on the last position alone: nothing that leads from them to the output goes through a
/// key or a value.
struct EdgeEnds {
    private(set) var sources: [Bool]
    private(set) var readers: [Bool]

    /// - Parameter kept: the circuit.
    init(_ graph: EdgeGraph, _ kept: EdgeSet, isSequence: Bool) {
        sources = [Bool](repeating: isSequence, count: graph.sources.count)
        readers = [Bool](repeating: false, count: graph.readers.count)
        for (place, reader) in graph.readers.enumerated().reversed() {
            readers[place] = isSequence && !reader.movesPositions && reader.writes.allSatisfy { sources[$0] }
            if readers[place] { continue }
            for (source, edge) in zip(reader.sources, graph.edges(to: place)) where kept[edge] { sources[source] = false }
        }
    }
}
