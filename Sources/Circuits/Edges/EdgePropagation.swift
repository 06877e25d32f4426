import Networks
import Tensors

/// Runs that differ from a state's run in the edges of one reader; they compute what is downstream of it, along the circuit's edges only.
struct EdgePropagation {
    /// Prepared for the readers after the stage where the runs begin.
    let state: EdgeState
    let team: Team

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
    ///   - isKept: whether more than the logits is wanted.
    func run(from reader: Int, rows: [[Float]], isKept: Bool) -> EdgeChanges {
        let first = graph.readers[reader].stage
        var result = EdgeChanges()
        // What sources have more than in the state's run.
        var changed: [Int: Values] = [:]
        for (place, stage) in graph.stages.enumerated().dropFirst(first) {
            var reads: [Int: Values] = [:]
            if place == first {
                reads[reader] = normalized(input(of: reader, rows, stage, place), stage)
            } else {
                guard !changed.isEmpty else { break }
                for members in state.classes[place] { read(members, stage, changed, copies: rows.count, into: &reads) }
            }
            if stage.isOutput {
                if let input = reads[stage.readers.lowerBound] {
                    result.logits = EdgeOutput(graph).logits(input.tensor, adding: state.recording.constantScores, team: team)
                }
                break
            }
            guard !reads.isEmpty else { continue }
            for unit in stage.units {
                guard let made = run(unit, place, reads, copies: rows.count, into: &changed), isKept else { continue }
                result.outputs.append((unit, place, made.output))
                // A unit's only reader recomputes all of it.
                if unit.readers.count > 1 { result.targets += made.targets }
            }
        }
        return result
    }

    /// The input of the reader at which the runs begin.
    private func input(of reader: Int, _ rows: [[Float]], _ stage: EdgeStage, _ place: Int) -> Values {
        if state.ends.readers[reader] { return Values(tensor: state.endInputs(rows, stage, place, team: team), isAtEnd: true) }
        let input = state.inputs(rows, stage, place, team: team)
        return Values(tensor: input.reshaped(state.streamShape(stage, samples: state.recording.pairs * rows.count)), isAtEnd: false)
    }

    /// Behind the stage's norm; before it where the stage answers.
    private func normalized(_ input: Values, _ stage: EdgeStage) -> Values {
        guard !stage.isOutput else { return input }
        return Values(tensor: StageRun(stage: stage, team: team).normalized(input.tensor), isAtEnd: input.isAtEnd)
    }

    /// What readers of the same edges read, if that is not what they read in the state's run.
    private func read(_ members: [Int], _ stage: EdgeStage, _ changed: [Int: Values], copies: Int, into reads: inout [Int: Values]) {
        let edges = graph.edges(to: members[0])
        let sources = graph.readers[members[0]].sources
        let moved = sources.compactMap { source in state.kept[edges.lowerBound + source - sources.lowerBound] ? changed[source] : nil }
        guard !moved.isEmpty, let before = state.classInputs[members[0]] else { return }
        let atEnd = members.filter { state.ends.readers[$0] }
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
    ///
    /// - Returns: its output and what those readers made; nil if none does.
    private func run(
        _ unit: EdgeUnit, _ place: Int, _ reads: [Int: Values], copies: Int, into changed: inout [Int: Values]
    ) -> (output: Tensor, targets: [(target: EdgeUnit.Target, value: Tensor)])? {
        let members = unit.readers.filter { reads[$0.reader] != nil }
        guard !members.isEmpty else { return nil }
        // An MLP or a neuron of which the last position alone matters is computed there alone.
        let isAlone = unit.readers.count == 1 && reads[unit.readers[0].reader]?.isAtEnd == true
        let runner = StageRun(stage: graph.stages[place], team: team)
        let made = runner.output(unit, inputs: { reads[$0]?.tensor }, targets: { isAlone ? nil : state.targets[$0] }, copies: copies)
        var output = Values(tensor: made.output, isAtEnd: isAlone)
        if !isAlone, unit.sources.allSatisfy({ state.ends.sources[$0.source] }) { output = output.end }
        for source in unit.sources where members.contains(where: { graph.readers[$0.reader].writes.contains(source.source) }) {
            let part = source.part(of: output.tensor)
            let emission = output.isAtEnd ? state.emissions[place].lastPositions : state.emissions[place]
            let difference = part.minus(source.emitted(from: emission, like: part).repeated(copies))
            var shape = state.streamShape(ofSpaceWith: source.source, samples: state.recording.pairs * copies)
            if output.isAtEnd { shape[1] = 1 }
            let change = MutableTensor(uninitialized: shape)
            source.write(difference, to: change, team: team)
            changed[source.source] = Values(tensor: change, isAtEnd: output.isAtEnd)
        }
        return (output.tensor, made.targets)
    }
}

/// The sources and readers of which the answer depends on the last position alone: nothing that leads from them to the output goes through a
/// key or a value.
struct EdgeEnds: Sendable {
    private(set) var sources: [Bool]
    private(set) var readers: [Bool]

    /// - Parameters:
    ///   - kept: the circuit.
    ///   - isAtEnd: whether the answer is read from the last position of a sequence.
    init(_ graph: EdgeGraph, _ kept: EdgeSet, isAtEnd: Bool) {
        sources = [Bool](repeating: isAtEnd, count: graph.sources.count)
        readers = [Bool](repeating: false, count: graph.readers.count)
        guard isAtEnd else { return }
        for (place, reader) in graph.readers.enumerated().reversed() {
            readers[place] = !reader.movesPositions && reader.writes.allSatisfy { sources[$0] }
            if readers[place] { continue }
            for (source, edge) in zip(reader.sources, graph.edges(to: place)) where kept[edge] { sources[source] = false }
        }
    }
}
