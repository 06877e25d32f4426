import Tensors
import Text

/// scores = scale q k^T for each head, adjusted; minus infinity where the mask forbids: [samples, heads, length, length].
///
/// Inputs: queries [samples, length, heads * headDimension], keys [samples, length, keyHeads * headDimension].
package struct AttentionScores: Operation {
    package let heads: AttentionHeads
    package let scale: Float
    package let adjustment: ScoreAdjustment
    package let mask: AttentionMask

    package init(
        heads: Int, keyHeads: Int, headDimension: Int, scale: Float, adjustment: ScoreAdjustment = .none, mask: AttentionMask
    ) {
        self.init(
            heads: AttentionHeads(heads: heads, keyHeads: keyHeads, headDimension: headDimension), scale: scale, adjustment: adjustment,
            mask: mask)
    }

    private init(heads: AttentionHeads, scale: Float, adjustment: ScoreAdjustment, mask: AttentionMask) {
        self.heads = heads
        self.scale = scale
        self.adjustment = adjustment
        self.mask = mask
    }

    package var name: String { "attention scores" }
    package var gradientReading: GradientReading { adjustment.bends ? [.inputs, .output] : .inputs }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { Array((0..<rank).dropFirst()) }
    package var neurons: NeuronRule { .fixed }

    /// The neurons are heads.
    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? {
        guard let part = heads.part(neurons) else { return nil }
        return RestrictedOperation(
            operation: AttentionScores(heads: part.heads, scale: scale, adjustment: adjustment.part(neurons), mask: mask),
            parameters: parameters, reading: .each([part.queries, part.keys]))
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        try heads.check(queries: inputs[0], keys: [inputs[1]])
        try mask.check()
        try adjustment.check(heads: heads.heads)
        return [inputs[0][0], heads.heads, inputs[0][1], inputs[0][1]]
    }

    package func forward(_ pass: ForwardPass) {
        AttentionProducts.scores(
            pass.inputs[0], pass.inputs[1], heads.shape(pass.inputs[0].shape), scale: scale, adjustment: adjustment, mask: mask,
            into: pass.output, team: pass.team)
    }

    package func backwardScratch(inputs: [[Int]], output: [Int], team: Int) -> Int {
        AttentionProducts.scoresGradientScratch(heads.shape(inputs[0]), team: team)
    }

    /// dq += scale ds k, dk += scale ds^T q; what the mask forbids has no gradient.
    package func backward(_ pass: BackwardPass) {
        AttentionProducts.addScoresGradient(
            pass.outputGradient, at: pass.output, pass.inputs[0], pass.inputs[1], heads.shape(pass.inputs[0].shape), scale: scale,
            adjustment: adjustment, mask: mask, toQueries: pass.inputGradients[0], toKeys: pass.inputGradients[1], scratch: pass.scratch,
            team: pass.team)
    }
}

/// output = pattern v for each head, the heads side by side: [samples, length, heads * headDimension].
///
/// Inputs: the pattern [samples, heads, length, length], values [samples, length, keyHeads * headDimension].
package struct AttentionValues: Operation {
    package let heads: AttentionHeads

    package init(heads: Int, keyHeads: Int, headDimension: Int) {
        self.heads = AttentionHeads(heads: heads, keyHeads: keyHeads, headDimension: headDimension)
    }

    package var name: String { "attention values" }
    package var gradientReading: GradientReading { .inputs }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { Array((0..<rank).dropFirst()) }
    package var neurons: NeuronRule { .fixed }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? {
        guard let chosen = AttentionHeads.whole(neurons, headDimension: heads.headDimension), let part = heads.part(chosen) else {
            return nil
        }
        return RestrictedOperation(
            operation: AttentionValues(
                heads: part.heads.heads, keyHeads: part.heads.keyHeads, headDimension: part.heads.headDimension),
            parameters: parameters, reading: .each([chosen, part.keys]))
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        let (pattern, values) = (inputs[0], inputs[1])
        guard pattern.count == 4, pattern[1] == heads.heads, pattern[2] == pattern[3] else {
            throw Problem(
                "the pattern is not the heads'", expected: "samples x \(heads.heads) x length x length", found: words(pattern))
        }
        let output = [pattern[0], pattern[2], try heads.width()]
        try heads.check(queries: output, keys: [values])
        return output
    }

    package func forward(_ pass: ForwardPass) {
        AttentionProducts.values(pass.inputs[0], pass.inputs[1], heads.shape(pass.output.shape), into: pass.output, team: pass.team)
    }

    /// dpattern += dz v^T, dv += pattern^T dz.
    package func backward(_ pass: BackwardPass) {
        AttentionProducts.addValuesGradient(
            pass.outputGradient, pass.inputs[0], pass.inputs[1], heads.shape(pass.outputGradient.shape),
            toPattern: pass.inputGradients[0], toValues: pass.inputGradients[1], team: pass.team)
    }
}
