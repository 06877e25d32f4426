import Tensors
import Text

/// Inputs one after another along one dimension; the others have the same lengths.
package struct Concatenation: Operation {
    package let axis: Int

    package init(axis: Int) { self.axis = axis }

    package var name: String { "concat" }
    package var gradientReading: GradientReading { [] }
    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [axis] }
    package var neurons: NeuronRule { .fixed }
    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? { nil }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        var shape = inputs[0]
        guard shape.indices.contains(axis) else {
            throw Problem("has no such dimension", expected: "0 to \(shape.count - 1)", found: "\(axis)")
        }
        for input in inputs.dropFirst() {
            guard input.count == shape.count, shape.indices.allSatisfy({ $0 == axis || input[$0] == shape[$0] }) else {
                throw Problem("shapes that do not go together", expected: words(inputs[0]), found: words(input))
            }
            let (sum, overflow) = shape[axis].addingReportingOverflow(input[axis])
            guard !overflow else { throw Problem("an output too large to be computed", found: words(shape)) }
            shape[axis] = sum
        }
        try Problem.check(elementsOf: shape)
        return shape
    }

    /// Calls `body` for each block of consecutive elements with the input's number, its place there and in the output, and its length.
    private func forEachBlock(_ inputs: [[Int]], _ output: [Int], _ body: (_ input: Int, _ from: Int, _ to: Int, _ count: Int) -> Void) {
        let outer = output[..<axis].reduce(1, *)
        let whole = output[axis...].reduce(1, *)
        var start = 0
        for (place, shape) in inputs.enumerated() {
            let count = shape[axis...].reduce(1, *)
            for row in 0..<outer { body(place, row * count, row * whole + start, count) }
            start += count
        }
    }

    package func forward(_ pass: ForwardPass) {
        forEachBlock(pass.inputs.map(\.shape), pass.output.shape) { input, from, to, count in
            pass.output.view(at: to, shape: [count]).copy(from: pass.inputs[input].view(at: from, shape: [count]))
        }
    }

    /// Each input's gradient += its part of dy.
    package func backward(_ pass: BackwardPass) {
        forEachBlock(pass.inputs.map(\.shape), pass.outputGradient.shape) { input, from, to, count in
            guard let gradient = pass.inputGradients[input] else { return }
            Elementwise.add(
                pass.outputGradient.view(at: to, shape: [count]), to: gradient.view(at: from, shape: [count]), team: pass.team)
        }
    }
}
