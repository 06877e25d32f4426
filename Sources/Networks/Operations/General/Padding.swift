import Tensors
import Text

/// Numbers around a tensor: constant ones, or those of its own edges.
package struct Padding: Operation {
    package enum Mode: Sendable, Equatable {
        case constant(Float)
        /// The last number of the edge.
        case edge
        /// The numbers before the edge, in reverse.
        case reflected
        /// The numbers of the other end.
        case wrapped
    }

    /// The places before and after each dimension; negative ones cut.
    package let before: [Int]
    package let after: [Int]
    package let mode: Mode

    package init(before: [Int], after: [Int], mode: Mode = .constant(0)) {
        self.before = before
        self.after = after
        self.mode = mode
    }

    package var name: String { "padding" }
    package var gradientReading: GradientReading { [] }
    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] {
        (0..<min(rank, before.count)).filter { before[$0] != 0 || after[$0] != 0 }
    }
    package var neurons: NeuronRule { .fixed }
    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? { nil }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        let shape = inputs[0]
        guard before.count == shape.count, after.count == shape.count else {
            throw Problem("pads other dimensions", expected: "\(shape.count)", found: "\(before.count)")
        }
        var padded: [Int] = []
        for (axis, length) in shape.enumerated() {
            let limit = 1 << 31
            guard before[axis].magnitude <= limit, after[axis].magnitude <= limit, before[axis] + after[axis] + length >= 0 else {
                throw Problem("a padding that cannot be computed with", found: "\(before[axis]) and \(after[axis]) of \(length)")
            }
            if case .reflected = mode, max(before[axis], after[axis]) >= max(1, length) {
                throw Problem("reflects more than there is", expected: "less than \(length)", found: "\(max(before[axis], after[axis]))")
            }
            if mode == .wrapped, max(before[axis], after[axis]) > length {
                throw Problem("wraps more than there is", expected: "at most \(length)", found: "\(max(before[axis], after[axis]))")
            }
            if case .edge = mode, length == 0 { throw Problem("has no edge", found: words(shape)) }
            padded.append(length + before[axis] + after[axis])
        }
        try Problem.check(elementsOf: padded)
        return padded
    }

    /// The place in the input that each place of the output along a dimension shows; -1 for a constant.
    private func sources(_ axis: Int, _ length: Int, _ count: Int) -> [Int] {
        (0..<count).map { place in
            let source = place - before[axis]
            if source >= 0, source < length { return source }
            switch mode {
            case .constant: return -1
            case .edge: return source < 0 ? 0 : length - 1
            case .reflected: return source < 0 ? -source : 2 * (length - 1) - source
            case .wrapped: return source < 0 ? source + length : source - length
            }
        }
    }

    /// Calls `body` for each element of the output with the place that it shows; -1 for a constant.
    private func forEach(_ input: [Int], _ output: [Int], _ body: (_ place: Int, _ source: Int) -> Void) {
        guard let last = output.last, output.reduce(1, *) > 0 else { return output.isEmpty ? body(0, 0) : () }
        let sources = output.indices.map { self.sources($0, input[$0], output[$0]) }
        let steps = IndexSteps.ofStored(input)
        for row in 0..<output.dropLast().reduce(1, *) {
            var (rest, start, isInside) = (row, 0, true)
            for axis in (0..<output.count - 1).reversed() {
                let source = sources[axis][rest % output[axis]]
                isInside = isInside && source >= 0
                start += source * steps[axis]
                rest /= output[axis]
            }
            for place in 0..<last {
                let source = sources[output.count - 1][place]
                body(row * last + place, isInside && source >= 0 ? start + source : -1)
            }
        }
    }

    package func forward(_ pass: ForwardPass) {
        var constant: Float = 0
        if case .constant(let value) = mode { constant = value }
        pass.inputs[0].withElements { x in
            pass.output.withMutableElements { y in
                forEach(pass.inputs[0].shape, pass.output.shape) { y[$0] = $1 < 0 ? constant : x[$1] }
            }
        }
    }

    /// The gradient of each number += those of the places that show it.
    package func backward(_ pass: BackwardPass) {
        guard let gradient = pass.inputGradients[0] else { return }
        pass.outputGradient.withElements { g in
            gradient.withMutableElements { d in
                forEach(gradient.shape, pass.outputGradient.shape) { if $1 >= 0 { d[$1] += g[$0] } }
            }
        }
    }
}
