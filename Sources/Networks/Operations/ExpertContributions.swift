import Tensors
import Text

/// The outputs of experts, each times its weight at each position, side by side: [..., experts * width].
///
/// Inputs: as ``ExpertSum``, which adds them up without making them one by one.
package struct ExpertContributions: Operation {
    package init() {}

    package var name: String { "expert contributions" }
    package var gradientReading: GradientReading { .inputs }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [rank - 1] }
    package var neurons: NeuronRule { .fixed }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? { nil }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        let output = try ExpertSum().outputShape(inputs: inputs, parameters: parameters, batch: batch)
        let (width, overflows) = (output.last ?? 0).multipliedReportingOverflow(by: inputs.count - 1)
        guard !overflows else { throw Problem("the experts' outputs side by side are too wide", found: words(output)) }
        return output.dropLast() + [width]
    }

    package func forward(_ pass: ForwardPass) {
        ExpertShares.contributions(Array(pass.inputs.dropFirst()), weights: pass.inputs[0], into: pass.output, team: pass.team)
    }

    /// dy_e += w_e dz_e, dw_e += the sum of y_e dz_e over the width, where w_e is not 0.
    package func backward(_ pass: BackwardPass) {
        ExpertShares.addContributionGradients(
            Array(pass.inputs.dropFirst()), weights: pass.inputs[0], outputGradient: pass.outputGradient,
            to: Array(pass.inputGradients.dropFirst()), weightGradient: pass.inputGradients[0], team: pass.team)
    }
}

/// The sum of blocks of equal width that lie side by side: [..., width] of [..., blocks * width].
package struct BlockSum: Operation {
    package let blocks: Int

    package init(blocks: Int) { self.blocks = blocks }

    package var name: String { "sum of blocks" }
    package var gradientReading: GradientReading { [] }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [rank - 1] }
    package var neurons: NeuronRule { .fixed }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? { nil }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        guard blocks > 0, let width = inputs[0].last, width % blocks == 0 else {
            throw Problem("the rows are not blocks side by side", expected: "a multiple of \(blocks)", found: words(inputs[0]))
        }
        return inputs[0].dropLast() + [width / blocks]
    }

    package func forward(_ pass: ForwardPass) { ExpertShares.sumBlocks(pass.inputs[0], into: pass.output, team: pass.team) }

    /// dx += dy in each block.
    package func backward(_ pass: BackwardPass) {
        guard let gradient = pass.inputGradients[0] else { return }
        ExpertShares.addBlockGradients(of: pass.outputGradient, to: gradient, team: pass.team)
    }
}
