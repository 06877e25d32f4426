import Tensors
import Text

/// The place of the largest or smallest number along a dimension (`ArgMax`, `ArgMin`).
///
/// The first of several equal ones, unless the last is asked for; a number that is none counts as the extreme. It has no gradient.
package struct ExtremePlace: Operation {
    package let axis: Int
    package let isLargest: Bool
    /// Whether the dimension remains with length 1.
    package let keepsDimension: Bool
    /// Whether the last of several equal numbers counts.
    package let isLast: Bool

    package init(axis: Int, isLargest: Bool, keepsDimension: Bool, isLast: Bool = false) {
        self.axis = axis
        self.isLargest = isLargest
        self.keepsDimension = keepsDimension
        self.isLast = isLast
    }

    package var name: String { isLargest ? "argmax" : "argmin" }
    package var gradientReading: GradientReading { [] }
    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [axis] }
    package var neurons: NeuronRule { .fixed }
    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? { nil }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        var shape = inputs[0]
        guard shape.indices.contains(axis) else {
            throw Problem("has no such dimension", expected: "0 to \(shape.count - 1)", found: "\(axis)")
        }
        guard shape[axis] > 0 else { throw Problem("has nothing to choose from", found: words(shape)) }
        if keepsDimension { shape[axis] = 1 } else { shape.remove(at: axis) }
        return shape
    }

    package func forward(_ pass: ForwardPass) {
        let input = pass.inputs[0]
        let length = input.shape[axis]
        let inner = input.shape[(axis + 1)...].reduce(1, *)
        guard pass.output.count > 0 else { return }
        input.withElements { x in
            pass.output.withMutableElements { y in
                for line in 0..<input.count / length {
                    let start = line / inner * inner * length + line % inner
                    var (best, place) = (x[start], 0)
                    for step in 1..<max(1, length) where !best.isNaN {
                        let value = x[start + step * inner]
                        let isBetter = value.isNaN || (isLargest ? value > best : value < best)
                        if isBetter || isLast && value == best { (best, place) = (value, step) }
                    }
                    y[line] = Float(place)
                }
            }
        }
    }

    /// A place has no gradient.
    package func backward(_ pass: BackwardPass) {}
}
