import Tensors
import Text

/// Consecutive entries of a dimension, which and how many of them depending on the batch's size: the positions of a table of masks.
///
/// Inputs: the table, and what the network reads.
package struct BatchSlice: Operation {
    package let axis: Int
    package let first: ShapeTemplate.Length
    package let length: ShapeTemplate.Length

    package init(axis: Int, first: ShapeTemplate.Length, length: ShapeTemplate.Length) {
        self.axis = axis
        self.first = first
        self.length = length
    }

    package var name: String { "slice" }
    package var gradientReading: GradientReading { [] }
    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { input == 0 ? [axis] : [] }
    package var neurons: NeuronRule { .fixed }
    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? { nil }

    private func range(_ batch: BatchShape, _ shape: [Int]) throws(Problem) -> Range<Int> {
        let bounds = try ShapeTemplate([first, length]).shape(batch, input: [])
        guard shape.indices.contains(axis), bounds[0] <= shape[axis], bounds[1] <= shape[axis] - bounds[0] else {
            throw Problem(
                "a batch larger than the model allows", expected: "at most \(shape.indices.contains(axis) ? shape[axis] : 0) entries",
                found: "\(bounds[0] + bounds[1])")
        }
        return bounds[0]..<bounds[0] + bounds[1]
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        var shape = inputs[0]
        shape[axis] = try range(batch, shape).count
        return shape
    }

    /// Calls `body` with the place of each run of consecutive elements in the table and in the output, and its length.
    private func forEachRun(_ table: [Int], _ tokens: TokenBatch?, _ input: Tensor, _ body: (_ from: Int, _ to: Int, _ count: Int) -> Void)
    {
        let batch: BatchShape = tokens.map { .tokens(samples: $0.samples, length: $0.length) } ?? .values(input.shape)
        guard let range = try? range(batch, table) else { preconditionFailure("\(table) in \(batch)") }
        let inner = table[(axis + 1)...].reduce(1, *)
        for row in 0..<table[..<axis].reduce(1, *) {
            body((row * table[axis] + range.lowerBound) * inner, row * range.count * inner, range.count * inner)
        }
    }

    package func forward(_ pass: ForwardPass) {
        forEachRun(pass.inputs[0].shape, pass.tokens, pass.inputs[1]) { from, to, count in
            pass.output.view(at: to, shape: [count]).copy(from: pass.inputs[0].view(at: from, shape: [count]))
        }
    }

    /// The entries' gradients += dy.
    package func backward(_ pass: BackwardPass) {
        guard let gradient = pass.inputGradients[0] else { return }
        forEachRun(gradient.shape, pass.tokens, pass.inputs[1]) { from, to, count in
            Elementwise.add(
                pass.outputGradient.view(at: to, shape: [count]), to: gradient.view(at: from, shape: [count]), team: pass.team)
        }
    }
}
