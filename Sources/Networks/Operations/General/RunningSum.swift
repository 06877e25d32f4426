import Tensors
import Text

/// The sums of the numbers up to each along a dimension (`CumSum`).
package struct RunningSum: Operation {
    package let axis: Int
    /// Whether a number is left out of its own sum.
    package let isExclusive: Bool
    /// Whether sums are of the numbers from each on.
    package let isReversed: Bool

    package init(axis: Int, isExclusive: Bool = false, isReversed: Bool = false) {
        self.axis = axis
        self.isExclusive = isExclusive
        self.isReversed = isReversed
    }

    package var name: String { "running sum" }
    package var gradientReading: GradientReading { [] }
    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [axis] }
    package var neurons: NeuronRule { .fixed }
    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? { nil }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        guard inputs[0].indices.contains(axis) else {
            throw Problem("has no such dimension", expected: "0 to \(inputs[0].count - 1)", found: "\(axis)")
        }
        return inputs[0]
    }

    /// Adds to each number of `target` the sum of those of `source` before it, or after it if `isReversed`.
    private func add(_ source: Tensor, to target: MutableTensor, isReversed: Bool, team: Team) {
        let length = source.shape[axis]
        guard length > 0, source.count > 0 else { return }
        let inner = source.shape[(axis + 1)...].reduce(1, *)
        team.forEach(source.count / length, step: max(1, (1 << 14) / length)) { range in
            source.withElements { x in
                target.withMutableElements { y in
                    for line in range {
                        let start = line / inner * inner * length + line % inner
                        var sum = 0.0
                        for step in 0..<length {
                            let place = start + (isReversed ? length - 1 - step : step) * inner
                            if isExclusive { y[place] += Float(sum) }
                            sum += Double(x[place])
                            if !isExclusive { y[place] += Float(sum) }
                        }
                    }
                }
            }
        }
    }

    package func forward(_ pass: ForwardPass) {
        pass.output.fill(0)
        add(pass.inputs[0], to: pass.output, isReversed: isReversed, team: pass.team)
    }

    /// dx += the sums of dy the other way.
    package func backward(_ pass: BackwardPass) {
        guard let gradient = pass.inputGradients[0] else { return }
        add(pass.outputGradient, to: gradient, isReversed: !isReversed, team: pass.team)
    }
}
