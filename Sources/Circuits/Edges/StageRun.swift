import Networks
import Tensors

/// Computes the units of a stage whose readers have inputs of their own.
struct StageRun {
    let stage: EdgeStage
    let team: Team

    /// What a reader reads, after the norm.
    func normalized(_ input: Tensor) -> Tensor { stage.norm.map { $0.apply([input], team: team) } ?? input }

    /// The output of a unit, and what the readers that have an input made of it.
    ///
    /// - Parameters:
    ///   - unit: of the stage.
    ///   - inputs: for each of the unit's readers that changes its normalised input [samples, ...]; of a query that matters at the last
    ///     position alone, [samples, 1, ...].
    ///   - targets: what the readers made before, for fewer samples: `copies` of them are taken of readers without an input.
    func output(
        _ unit: EdgeUnit, inputs: (Int) -> Tensor?, targets: (NodeID) -> Tensor?, copies: Int
    ) -> (output: Tensor, targets: [(target: EdgeUnit.Target, value: Tensor)]) {
        var values: [NodeID: Tensor] = [:]
        var made: [Int: MutableTensor] = [:]
        for reader in unit.readers {
            let input = inputs(reader.reader)
            for slice in reader.slices {
                guard let input else { continue }
                let part = slice.operation.applied(to: [input], slice.parameters, team: team)
                let target = unit.targets[slice.target]
                let known = targets(target.node)
                let isAtEnd = known.map { part.shape.count == 3 && part.shape[1] < $0.shape[1] } ?? false
                if !isAtEnd, slice.channels.count == target.channels.count {
                    made[slice.target] = part
                    continue
                }
                let whole = made[slice.target] ?? base(target, targets, like: part, copies: copies)
                if isAtEnd {
                    Channels.spread(part, to: Array(slice.channels), ofLastPositionsOf: whole)
                } else {
                    Channels.spread(part, to: Array(slice.channels), of: whole)
                }
                made[slice.target] = whole
            }
        }
        for (place, target) in unit.targets.enumerated() {
            let value = made[place] ?? base(target, targets, like: nil, copies: copies)
            values[target.node] = value
        }
        for step in unit.steps { values[step.output] = step.apply(step.inputs.map { values[$0]! }, team: team) }
        guard let output = values[unit.output] else { preconditionFailure("a unit without an output") }
        return (output, unit.targets.enumerated().compactMap { place, target in made[place].map { (target, $0) } })
    }

    /// What a unit's readers made before, repeated; not initialised where nothing is known and `part` says the shape.
    private func base(_ target: EdgeUnit.Target, _ targets: (NodeID) -> Tensor?, like part: Tensor?, copies: Int) -> MutableTensor {
        if let known = targets(target.node) {
            let samples = known.shape[0] * copies
            let value = MutableTensor(uninitialized: Channels.shape(known.shape, channels: target.channels.count, samples: samples))
            Channels.copy(target.channels, of: known, to: value, copies: copies)
            return value
        }
        guard let part else { preconditionFailure("a reader without an input") }
        return MutableTensor(uninitialized: Channels.shape(part.shape, channels: target.channels.count, samples: part.shape[0]))
    }
}
