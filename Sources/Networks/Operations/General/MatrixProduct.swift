import Tensors
import Text

/// Products of matrices in the last two dimensions, for every entry of the dimensions before, which are repeated where they are 1.
///
/// Operands: the inputs, then the parameters; the parameters first where a weight is the left factor.
package struct MatrixProduct: Operation {
    package let parameterFirst: Bool
    /// By what the product is multiplied.
    package let scale: Float

    package init(parameterFirst: Bool = false, scale: Float = 1) {
        self.parameterFirst = parameterFirst
        self.scale = scale
    }

    package var name: String { "matrix product" }
    package var gradientReading: GradientReading { .inputs }
    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] {
        [rank < 2 || (input == 0 && !parameterFirst) ? rank - 1 : rank - 2]
    }
    package var neurons: NeuronRule { .fixed }
    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? { nil }

    private func operands<Value>(_ inputs: [Value], _ parameters: [Value]) -> (Value, Value) {
        let all = parameterFirst ? parameters + inputs : inputs + parameters
        return (all[0], all[1])
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        let (a, b) = operands(inputs, parameters)
        guard a.count >= 2, b.count >= 2, a[a.count - 1] == b[b.count - 2] else {
            throw Problem(
                "factors that do not go together",
                expected: "\(words(a)) times as many rows as it has columns, \(a.last ?? 0)", found: words(b))
        }
        let outer = try repeatedShape(Array(a.dropLast(2)), Array(b.dropLast(2)))
        let shape = outer + [a[a.count - 2], b[b.count - 1]]
        try Problem.check(elementsOf: shape)
        return shape
    }

    /// Calls `body` with the places of the matrices of each product.
    private func forEachProduct(_ a: [Int], _ b: [Int], _ output: [Int], _ body: (_ a: Int, _ b: Int, _ output: Int) -> Void) {
        let outer = Array(output.dropLast(2))
        let (first, second) = (Array(a.dropLast(2)), Array(b.dropLast(2)))
        let steps = IndexSteps(
            outer, [(0, IndexSteps.repeated(first, to: outer)), (0, IndexSteps.repeated(second, to: outer))])
        let sizes = (a.suffix(2).reduce(1, *), b.suffix(2).reduce(1, *), output.suffix(2).reduce(1, *))
        guard outer.reduce(1, *) > 0 else { return }
        var place = 0
        for row in 0..<steps.rows {
            let (i, j) = (steps.start(of: row, 0), steps.start(of: row, 1))
            for index in 0..<steps.width {
                body((i + index * steps.step(0)) * sizes.0, (j + index * steps.step(1)) * sizes.1, place * sizes.2)
                place += 1
            }
        }
    }

    package func forward(_ pass: ForwardPass) {
        let (a, b) = operands(pass.inputs, pass.parameters)
        let (rows, inner, columns) = (a.shape[a.shape.count - 2], a.width, b.width)
        guard pass.output.count > 0 else { return }
        forEachProduct(a.shape, b.shape, pass.output.shape) { i, j, k in
            Product.multiply(
                .init(a, offset: i), .init(b, offset: j), rows: rows, inner: inner, columns: columns, scale: scale,
                into: .init(pass.output, offset: k), team: pass.team)
        }
    }

    /// da += scale dy b^T, db += scale a^T dy, summed where a factor is repeated.
    package func backward(_ pass: BackwardPass) {
        let (a, b) = operands(pass.inputs, pass.parameters)
        let (toA, toB) = operands(pass.inputGradients, pass.parameterGradients)
        let dy = pass.outputGradient
        let (rows, inner, columns) = (a.shape[a.shape.count - 2], a.width, b.width)
        guard dy.count > 0 else { return }
        forEachProduct(a.shape, b.shape, dy.shape) { i, j, k in
            if let toA {
                Product.multiply(
                    .init(dy, offset: k), .init(b, .transposed, offset: j), rows: rows, inner: columns, columns: inner, scale: scale,
                    into: .init(toA, offset: i), .add, team: pass.team)
            }
            if let toB {
                Product.multiply(
                    .init(a, .transposed, offset: i), .init(dy, offset: k), rows: inner, inner: rows, columns: columns, scale: scale,
                    into: .init(toB, offset: j), .add, team: pass.team)
            }
        }
    }
}
