import Tensors
import Text

/// The elements of a tensor along other steps: dimensions in another order, every nth entry of one, repetitions.
package struct Rearrangement: Operation {
    package enum Kind: Sendable {
        /// Dimension i of the output is dimension order[i] of the input.
        case transposed([Int])
        /// Of dimension `axis` the entries first, first + step, ... before `end`; bounds below 0 count from the dimension's end, and those
        /// beyond it are cut, as in ONNX.
        case sliced(axis: Int, first: Int, end: Int, step: Int)
        /// Repeated along dimensions of length 1 to fill a shape.
        case repeated(ShapeTemplate)
    }

    package let kind: Kind

    package init(_ kind: Kind) { self.kind = kind }

    package var name: String {
        switch kind {
        case .transposed: "transpose"
        case .sliced: "slice"
        case .repeated: "expand"
        }
    }

    package var gradientReading: GradientReading { [] }
    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] {
        if case .sliced(let axis, _, _, _) = kind { [axis] } else { [] }
    }
    package var neurons: NeuronRule { .fixed }
    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? { nil }

    /// The entries of a slice of a dimension: the first, and how many.
    static func entries(first: Int, end: Int, step: Int, of length: Int) -> (first: Int, count: Int) {
        func placed(_ bound: Int, _ low: Int, _ high: Int) -> Int { min(high, max(low, bound < 0 ? bound &+ length : bound)) }
        if step > 0 {
            let (from, to) = (placed(first, 0, length), placed(end, 0, length))
            return (from, to > from ? (to - from - 1) / step + 1 : 0)
        }
        let from = placed(first, 0, length - 1)
        let to = end < -length ? -1 : placed(end, -1, length - 1)
        return (from, from > to && length > 0 ? (from - to - 1) / (step == .min ? .max : -step) + 1 : 0)
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        let shape = inputs[0]
        switch kind {
        case .transposed(let order):
            guard order.sorted() == Array(shape.indices) else {
                throw Problem("is no order of the dimensions", expected: "0 to \(shape.count - 1)", found: "\(order)")
            }
            return order.map { shape[$0] }
        case .sliced(let axis, let first, let end, let step):
            guard shape.indices.contains(axis), step != 0 else {
                throw Problem("cannot be sliced", expected: "one of \(shape.count) dimensions by a step", found: "\(axis) by \(step)")
            }
            var sliced = shape
            sliced[axis] = Self.entries(first: first, end: end, step: step, of: shape[axis]).count
            return sliced
        case .repeated(let template):
            let wanted = try template.shape(batch, input: shape)
            let filled = try repeatedShape(shape, wanted)
            return filled
        }
    }

    private func steps(_ input: [Int], _ output: [Int]) -> IndexSteps {
        let own = IndexSteps.ofStored(input)
        let target = (0, IndexSteps.ofStored(output))
        switch kind {
        case .transposed(let order): return IndexSteps(output, [(0, order.map { own[$0] }), target])
        case .sliced(let axis, let first, let end, let step):
            let start = Self.entries(first: first, end: end, step: step, of: input[axis]).first
            var steps = own
            steps[axis] = output[axis] > 1 ? own[axis] * step : own[axis]
            return IndexSteps(output, [(start * own[axis], steps), target])
        case .repeated: return IndexSteps(output, [(0, IndexSteps.repeated(input, to: output)), target])
        }
    }

    package func forward(_ pass: ForwardPass) {
        let (input, output) = (pass.inputs[0], pass.output)
        guard output.count > 0 else { return }
        let steps = steps(input.shape, output.shape)
        let (width, step) = (steps.width, steps.step(0))
        pass.team.forEach(steps.rows, step: max(1, (1 << 14) / max(1, width))) { range in
            input.withElements { x in
                output.withMutableElements { y in
                    for row in range {
                        let start = steps.start(of: row, 0)
                        if step == 1 {
                            _ = UnsafeMutableBufferPointer(rebasing: y[row * width..<(row + 1) * width]).update(
                                fromContentsOf: UnsafeBufferPointer(rebasing: x[start..<start + width]))
                        } else {
                            for place in 0..<width { y[row * width + place] = x[start + place * step] }
                        }
                    }
                }
            }
        }
    }

    /// The gradient of each element of the input is the sum of those of its copies.
    package func backward(_ pass: BackwardPass) {
        guard let gradient = pass.inputGradients[0] else { return }
        let dy = pass.outputGradient
        guard dy.count > 0 else { return }
        let steps = steps(gradient.shape, dy.shape)
        let (width, step) = (steps.width, steps.step(0))
        @Sendable func add(_ row: Int) {
            let start = steps.start(of: row, 0)
            dy.withElements { g in
                gradient.withMutableElements { d in for place in 0..<width { d[start + place * step] += g[row * width + place] } }
            }
        }
        if case .repeated = kind {
            for row in 0..<steps.rows { add(row) }
        } else {
            pass.team.forEach(steps.rows, step: max(1, (1 << 14) / max(1, width))) { range in for row in range { add(row) } }
        }
    }
}

/// A shape that depends on the batch and on what is reshaped.
package struct ShapeTemplate: Sendable, Equatable {
    /// One length.
    package enum Length: Sendable, Equatable {
        /// factor * samples^(0 or 1) * length^(0 or 1) + offset: `length` is that of the batch's sequences.
        case number(factor: Int, perSample: Bool, perPosition: Bool, offset: Int)
        /// That of the same dimension of the input.
        case same(Int)
        /// What is left of the elements.
        case rest

        package static func fixed(_ length: Int) -> Length { .number(factor: length, perSample: false, perPosition: false, offset: 0) }
    }

    package let lengths: [Length]

    package init(_ lengths: [Length]) { self.lengths = lengths }

    /// The shape for a batch and an input.
    func shape(_ batch: BatchShape, input: [Int]) throws(Problem) -> [Int] {
        var shape: [Int] = []
        var rest: Int?
        for length in lengths {
            switch length {
            case .number(let factor, let perSample, let perPosition, let offset):
                var (value, overflows) = (factor, false)
                if perSample { (value, overflows) = value.multipliedReportingOverflow(by: batch.samples) }
                if perPosition, !overflows, case .tokens(_, let positions) = batch {
                    (value, overflows) = value.multipliedReportingOverflow(by: positions)
                }
                let (sum, overflow) = value.addingReportingOverflow(offset)
                guard !overflows, !overflow, sum >= 0 else { throw Problem("a length that cannot be computed with", found: "\(length)") }
                shape.append(sum)
            case .same(let axis):
                guard input.indices.contains(axis) else { throw Problem("has no dimension \(axis)", found: words(input)) }
                shape.append(input[axis])
            case .rest:
                rest = shape.count
                shape.append(1)
            }
        }
        try Problem.check(elementsOf: shape)
        if let rest {
            let (all, others) = (input.reduce(1, *), shape.reduce(1, *))
            guard others > 0, all % others == 0 else {
                throw Problem("the shape does not hold the elements", expected: "a multiple of \(others)", found: "\(all)")
            }
            shape[rest] = all / others
        }
        return shape
    }
}

/// The same elements in another shape.
package struct Reshape: LayerOperation {
    package let template: ShapeTemplate

    package init(_ template: ShapeTemplate) { self.template = template }

    package var name: String { "reshape" }
    package var gradientReading: GradientReading { [] }
    package var worksInPlace: Bool { true }
    package var overwritesGradients: Bool { true }
    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [] }
    package var neurons: NeuronRule { .fixed }
    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? { nil }
    package var kind: LayerPart.Kind { .passage }
    package func rule(input: [Int], parameters: [Tensor]) -> LayerRule? { .same }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        let shape = try template.shape(batch, input: inputs[0])
        guard shape.reduce(1, *) == inputs[0].reduce(1, *) else {
            throw Problem("the shape does not hold the elements", expected: words(inputs[0]), found: words(shape))
        }
        return shape
    }

    package func forward(_ pass: ForwardPass) { pass.output.copy(from: pass.inputs[0]) }

    /// dx += dy.
    package func backward(_ pass: BackwardPass) {
        guard let gradient = pass.inputGradients[0] else { return }
        switch pass.inputTargets[0] {
        case .overwrite: gradient.copy(from: pass.outputGradient)
        case .add: Elementwise.add(pass.outputGradient, to: gradient, team: pass.team)
        }
    }
}
