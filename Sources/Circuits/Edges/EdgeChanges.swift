import Tensors

/// The differences of a run, or of several variants of it side by side, from the run that it starts from.
///
/// [variants * samples, ...] each; what matters only at the last positions may be [variants * samples, 1, width].
struct EdgeChanges: Sendable {
    /// The units' outputs, with their stages.
    var outputs: [(unit: EdgeUnit, stage: Int, value: Tensor)] = []
    /// The readers' outputs, in units with several readers.
    var targets: [(target: EdgeUnit.Target, value: Tensor)] = []
    /// nil if the output is the same.
    var logits: Tensor?

    /// One of `count` variants.
    func variant(_ place: Int, of count: Int) -> EdgeChanges {
        func part(_ value: Tensor) -> Tensor {
            let samples = value.shape[0] / count
            return value[place * samples..<(place + 1) * samples]
        }
        return EdgeChanges(
            outputs: outputs.map { ($0.unit, $0.stage, part($0.value)) }, targets: targets.map { ($0.target, part($0.value)) },
            logits: logits.map { part($0).copied() })
    }
}
