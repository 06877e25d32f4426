import Networks
import Tensors

/// Computes the units of a stage whose readers have separate inputs.
struct StageRun {
    let stage: EdgeStage
    let team: Team

    /// The input of a reader, after the norm.
    func normalized(_ input: Tensor) -> Tensor { stage.norm.map { $0.apply([input], team: team) } ?? input }

    /// The output of a unit, and the outputs of those readers that have an input.
    ///
    /// - Parameters:
    ///   - unit: of the stage.
    ///   - inputs: for each of the unit's readers that changes, its normalised input [samples, ...]; for a query that matters only at the last
    ///     position, [samples, 1, ...].
    ///   - targets: the readers' earlier outputs, for fewer samples; for readers without an input, they are repeated `copies` times.
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

    /// The earlier outputs of a unit's readers, repeated; if there are none, uninitialised memory in the shape of `part`.
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
