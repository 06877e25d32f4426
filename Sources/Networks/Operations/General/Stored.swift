import Tensors
import Text

/// A parameter as a value of its own, or numbers that the graph fixes.
package struct StoredValues: Operation {
    /// The numbers; nil for the parameter.
    private let constant: Tensor?
    /// The numbers that are no parameter.
    var numbers: Tensor? { constant }

    /// A parameter.
    package init() { constant = nil }

    /// Numbers that are no parameter.
    package init(_ constant: Tensor) { self.constant = constant }

    package var name: String { constant == nil ? "parameter" : "constant" }
    package var gradientReading: GradientReading { [] }
    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [] }
    package var neurons: NeuronRule { .fixed }
    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? { nil }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        constant?.shape ?? parameters[0]
    }

    package func forward(_ pass: ForwardPass) { pass.output.copy(from: constant ?? pass.parameters[0]) }

    /// dparameter += dy.
    package func backward(_ pass: BackwardPass) {
        guard constant == nil, let gradient = pass.parameterGradients[0] else { return }
        Elementwise.add(pass.outputGradient, to: gradient, team: pass.team)
    }
}

/// Numbers that follow from the batch's size alone: 0, 1, 2 and so on, one number that fills a shape, or a triangle.
package struct BatchNumbers: Operation {
    package enum Kind: Sendable {
        /// first, first + step, ... in every row.
        case range(first: ShapeTemplate.Length, step: Float)
        case fill(Float)
        /// In squares of the last two dimensions.
        case triangle(below: Float, diagonal: Float, above: Float)
        /// In squares of the last two dimensions, `inside` at the last `size` positions up to each, itself among them.
        case band(size: Int, inside: Float, outside: Float)
        /// One number: a length of the batch.
        case length(ShapeTemplate.Length)
    }

    package let kind: Kind
    package let template: ShapeTemplate

    package init(_ kind: Kind, _ template: ShapeTemplate) {
        self.kind = kind
        self.template = template
    }

    package var name: String { "numbers" }
    package var gradientReading: GradientReading { [] }
    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [] }
    package var neurons: NeuronRule { .fixed }
    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? { nil }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        try template.shape(batch, input: inputs.first ?? [])
    }

    /// The sizes of the batch are those of the first input: the tokens, or the numbers, that the network reads.
    package func forward(_ pass: ForwardPass) {
        let batch: BatchShape =
            pass.tokens.map { .tokens(samples: $0.samples, length: $0.length) } ?? .values(pass.inputs.first?.shape ?? [1])
        func number(_ length: ShapeTemplate.Length) -> Float {
            Float((try? ShapeTemplate([length]).shape(batch, input: pass.inputs.first?.shape ?? []))?.first ?? 0)
        }
        switch kind {
        case .fill(let value): pass.output.fill(value)
        case .length(let length): pass.output.fill(number(length))
        case .range(let first, let step):
            let start = number(first)
            let width = max(1, pass.output.width)
            pass.output.withMutableElements { target in
                for place in target.indices { target[place] = start + Float(place % width) * step }
            }
        case .band(let size, let inside, let outside):
            let width = max(1, pass.output.width)
            pass.output.withMutableElements { target in
                for place in target.indices {
                    target[place] = (0..<size).contains(place / width % width - place % width) ? inside : outside
                }
            }
        case .triangle(let below, let diagonal, let above):
            let width = max(1, pass.output.width)
            pass.output.withMutableElements { target in
                for place in target.indices {
                    let (row, column) = (place / width % width, place % width)
                    target[place] = column < row ? below : column == row ? diagonal : above
                }
            }
        }
    }

    package func backward(_ pass: BackwardPass) {}
}

/// The tokens of the batch as numbers, [samples, length].
package struct TokenNumbers: Operation {
    package init() {}
    package var name: String { "tokens" }
    package var gradientReading: GradientReading { [] }
    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [] }
    package var neurons: NeuronRule { .fixed }
    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? { nil }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        guard case .tokens(let samples, let length) = batch else {
            throw Problem("the model reads tokens", expected: "token ids or text", found: "samples of numbers")
        }
        return [samples, length]
    }

    package func forward(_ pass: ForwardPass) {
        guard let tokens = pass.tokens else { preconditionFailure("tokens without tokens") }
        pass.output.withMutableElements { target in for place in target.indices { target[place] = Float(tokens.ids[place]) } }
    }

    package func backward(_ pass: BackwardPass) {}
}
