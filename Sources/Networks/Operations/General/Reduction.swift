import Glibc
import Tensors
import Text

/// Numbers along some dimensions reduced to one: their mean, sum, largest or smallest.
package struct Reduction: Operation {
    package enum Function: String, Sendable {
        case mean, sum, maximum, minimum
        /// The root of the sum of squares.
        case length
        case sumOfSquares = "sum of squares"
        case product
    }

    package let function: Function
    /// The dimensions that are reduced, in order; all if empty.
    package let axes: [Int]
    /// Whether they remain with length 1.
    package let keepsDimensions: Bool

    /// Whether the last dimension alone is reduced.
    package let isOverLast: Bool

    /// - Parameter rank: the dimensions of the input, if they are known.
    package init(_ function: Function, axes: [Int], keepsDimensions: Bool, rank: Int? = nil) {
        isOverLast = rank.map { axes == [$0 - 1] } ?? false
        self.function = function
        self.axes = axes
        self.keepsDimensions = keepsDimensions
    }

    package var name: String { function.rawValue }
    package var gradientReading: GradientReading {
        switch function {
        case .mean, .sum: []
        case .sumOfSquares: .inputs
        default: [.inputs, .output]
        }
    }
    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { axes.isEmpty ? Array(0..<rank) : axes }
    package var neurons: NeuronRule { .fixed }
    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? { nil }

    /// The dimensions of a shape that are reduced.
    func reduced(_ shape: [Int]) -> Set<Int> { axes.isEmpty ? Set(shape.indices) : Set(axes) }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        let shape = inputs[0]
        guard axes.allSatisfy({ shape.indices.contains($0) }) else {
            throw Problem("has no such dimension", expected: "0 to \(shape.count - 1)", found: "\(axes)")
        }
        let reduced = reduced(shape)
        if let empty = reduced.first(where: { shape[$0] == 0 }) { throw Problem("has nothing to reduce", found: "dimension \(empty) of 0") }
        return shape.indices.compactMap { reduced.contains($0) ? (keepsDimensions ? 1 : nil) : shape[$0] }
    }

    /// A walk over the kept dimensions and one over the reduced ones, both through the input.
    private func walks(_ input: [Int]) -> (kept: IndexSteps, reduced: IndexSteps, count: Int) {
        let reduced = reduced(input)
        let steps = IndexSteps.ofStored(input)
        let outer = input.indices.filter { !reduced.contains($0) }
        let inner = input.indices.filter { reduced.contains($0) }
        return (
            IndexSteps(outer.map { input[$0] }, [(0, outer.map { steps[$0] })]),
            IndexSteps(inner.map { input[$0] }, [(0, inner.map { steps[$0] })]), inner.reduce(1) { $0 * input[$1] }
        )
    }

    package func forward(_ pass: ForwardPass) {
        let (input, output) = (pass.inputs[0], pass.output)
        guard output.count > 0 else { return }
        let (kept, reduced, count) = walks(input.shape)
        let (width, keptStep, rows, step) = (kept.width, kept.step(0), reduced.rows, reduced.step(0))
        pass.team.forEach(output.count, step: max(1, (1 << 14) / max(1, count))) { range in
            input.withElements { x in
                output.withMutableElements { y in
                    for place in range {
                        let start = kept.start(of: place / width, 0) + place % width * keptStep
                        var sum = function == .product ? 1.0 : 0
                        var best: Float = function == .maximum ? -.infinity : .infinity
                        for row in 0..<rows {
                            let first = start + reduced.start(of: row, 0)
                            for index in 0..<reduced.width {
                                let value = x[first + index * step]
                                switch function {
                                case .mean, .sum: sum += Double(value)
                                case .product: sum *= Double(value)
                                case .length, .sumOfSquares: sum += Double(value) * Double(value)
                                case .maximum: best = value > best || value.isNaN ? value : best
                                case .minimum: best = value < best || value.isNaN ? value : best
                                }
                            }
                        }
                        switch function {
                        case .mean: y[place] = Float(sum / Double(count))
                        case .sum, .sumOfSquares, .product: y[place] = Float(sum)
                        case .length: y[place] = Float(sum.squareRoot())
                        case .maximum, .minimum: y[place] = best
                        }
                    }
                }
            }
        }
    }

    /// dx += dy times the derivative; of several largest or smallest numbers each has an equal share.
    package func backward(_ pass: BackwardPass) {
        guard let gradient = pass.inputGradients[0] else { return }
        let (input, output, dy) = (pass.inputs[0], pass.output, pass.outputGradient)
        guard dy.count > 0 else { return }
        let (kept, reduced, count) = walks(gradient.shape)
        let (width, keptStep, rows, step) = (kept.width, kept.step(0), reduced.rows, reduced.step(0))
        pass.team.forEach(dy.count, step: max(1, (1 << 14) / max(1, count))) { range in
            input.withElements { x in
                output.withElements { y in
                    dy.withElements { g in
                        gradient.withMutableElements { d in
                            for place in range {
                                let start = kept.start(of: place / width, 0) + place % width * keptStep
                                func forEach(_ body: (Int) -> Void) {
                                    for row in 0..<rows {
                                        let first = start + reduced.start(of: row, 0)
                                        for index in 0..<reduced.width { body(first + index * step) }
                                    }
                                }
                                switch function {
                                case .mean: forEach { d[$0] += g[place] / Float(count) }
                                case .sum: forEach { d[$0] += g[place] }
                                case .sumOfSquares: forEach { d[$0] += 2 * x[$0] * g[place] }
                                case .product:
                                    // The product of those before each, and of those after it: any of them may be 0.
                                    var factors: [(place: Int, before: Double)] = []
                                    factors.reserveCapacity(count)
                                    var product = 1.0
                                    forEach {
                                        factors.append(($0, product))
                                        product *= Double(x[$0])
                                    }
                                    var after = 1.0
                                    for factor in factors.reversed() {
                                        d[factor.place] += Float(factor.before * after) * g[place]
                                        after *= Double(x[factor.place])
                                    }
                                case .length: if y[place] > 0 { forEach { d[$0] += x[$0] / y[place] * g[place] } }
                                case .maximum, .minimum:
                                    var equal = 0
                                    forEach { equal += x[$0] == y[place] ? 1 : 0 }
                                    forEach { if x[$0] == y[place] { d[$0] += g[place] / Float(equal) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
