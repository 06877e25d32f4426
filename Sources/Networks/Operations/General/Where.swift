import Tensors
import Text

/// The second input where the first is not 0, the third elsewhere; each is repeated along its dimensions of length 1.
package struct Where: Operation {
    package init() {}

    package var name: String { "where" }
    package var gradientReading: GradientReading { .inputs }
    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [] }
    package var neurons: NeuronRule { .fixed }
    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? { nil }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        try repeatedShape(repeatedShape(inputs[0], inputs[1]), inputs[2])
    }

    private func steps(_ inputs: [[Int]], _ output: [Int]) -> IndexSteps {
        IndexSteps(output, inputs.map { (0, IndexSteps.repeated($0, to: output)) } + [(0, IndexSteps.ofStored(output))])
    }

    package func forward(_ pass: ForwardPass) {
        let (inputs, output) = (pass.inputs, pass.output)
        guard output.count > 0 else { return }
        let steps = steps(inputs.map(\.shape), output.shape)
        let width = steps.width
        pass.team.forEach(steps.rows, step: max(1, (1 << 14) / max(1, width))) { range in
            inputs[0].withElements { c in
                inputs[1].withElements { x in
                    inputs[2].withElements { y in
                        output.withMutableElements { z in
                            for row in range {
                                let (i, j, k) = (steps.start(of: row, 0), steps.start(of: row, 1), steps.start(of: row, 2))
                                for place in 0..<width {
                                    let isFirst = c[i + place * steps.step(0)] != 0
                                    z[row * width + place] = isFirst ? x[j + place * steps.step(1)] : y[k + place * steps.step(2)]
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// dy goes to the chosen input; what chooses has no gradient.
    package func backward(_ pass: BackwardPass) {
        let dy = pass.outputGradient
        guard dy.count > 0 else { return }
        let steps = steps(pass.inputs.map(\.shape), dy.shape)
        for own in [1, 2] {
            guard let gradient = pass.inputGradients[own] else { continue }
            pass.inputs[0].withElements { c in
                dy.withElements { g in
                    gradient.withMutableElements { d in
                        for row in 0..<steps.rows {
                            let (i, j) = (steps.start(of: row, 0), steps.start(of: row, own))
                            for place in 0..<steps.width where (c[i + place * steps.step(0)] != 0) == (own == 1) {
                                d[j + place * steps.step(own)] += g[row * steps.width + place]
                            }
                        }
                    }
                }
            }
        }
    }
}
