import Tensors
import Text

/// ``AttentionScores``, ``Softmax`` and ``AttentionValues`` in one, which needs no memory for the patterns.
///
/// Inputs: queries [samples, length, heads * headDimension], keys and values [samples, length, keyHeads * headDimension]; the
/// output is shaped as the queries. The queries of the first positions may be left out. Parameters: the sinks [heads] if there are some,
/// as ``SinkSoftmax`` has them.
package struct Attention: Operation {
    package let heads: AttentionHeads
    package let scale: Float
    package let adjustment: ScoreAdjustment
    package let mask: AttentionMask
    /// The position of the first query.
    let firstQuery: Int

    package init(
        heads: Int, keyHeads: Int, headDimension: Int, scale: Float, adjustment: ScoreAdjustment = .none, mask: AttentionMask,
        firstQuery: Int = 0
    ) {
        self.init(
            heads: AttentionHeads(heads: heads, keyHeads: keyHeads, headDimension: headDimension), scale: scale, adjustment: adjustment,
            mask: mask, firstQuery: firstQuery)
    }

    init(heads: AttentionHeads, scale: Float, adjustment: ScoreAdjustment, mask: AttentionMask, firstQuery: Int = 0) {
        self.heads = heads
        self.scale = scale
        self.adjustment = adjustment
        self.mask = mask
        self.firstQuery = firstQuery
    }

    private func shape(_ queries: [Int]) -> AttentionShape { heads.shape(queries, firstQuery: firstQuery) }

    package var name: String { "attention" }
    package var gradientReading: GradientReading { .inputs }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { Array((0..<rank).dropFirst()) }
    package var neurons: NeuronRule { .fixed }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? {
        guard let chosen = AttentionHeads.whole(neurons, headDimension: heads.headDimension), let part = heads.part(chosen) else {
            return nil
        }
        return RestrictedOperation(
            operation: Attention(
                heads: part.heads, scale: scale, adjustment: adjustment.part(chosen), mask: mask, firstQuery: firstQuery),
            parameters: parameters.map { WeightSlices.entries(chosen, of: $0) }, reading: .each([part.queries, part.keys, part.keys]))
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        try heads.check(queries: inputs[0], keys: [inputs[1], inputs[2]], firstQuery: firstQuery)
        try heads.check(sinks: parameters.first)
        try mask.check()
        try adjustment.check(heads: heads.heads)
        return inputs[0]
    }

    package func forwardScratch(inputs: [[Int]], output: [Int], team: Int) -> Int {
        FusedAttention.scratch(shape(output), team: team)
    }

    package func backwardScratch(inputs: [[Int]], output: [Int], team: Int) -> Int {
        FusedAttention.gradientScratch(shape(output), adjustment: adjustment, team: team)
    }

    package func forward(_ pass: ForwardPass) {
        FusedAttention.apply(
            pass.inputs[0], pass.inputs[1], pass.inputs[2], shape(pass.output.shape), scale: scale, adjustment: adjustment,
            sinks: pass.parameters.first, mask: mask, into: pass.output, scratch: pass.scratch, team: pass.team)
    }

    /// With the pattern p, computed again, and dp = dz v^T: dv += p^T dz, ds = p (dp - sum p dp), dq += scale ds k, dk += scale ds^T q;
    /// between products and scores, ds goes back through the adjustment. A sink that takes the share p' of a row gets -p' sum p dp.
    package func backward(_ pass: BackwardPass) {
        FusedAttention.addGradients(
            pass.outputGradient, pass.inputs[0], pass.inputs[1], pass.inputs[2], shape(pass.outputGradient.shape), scale: scale,
            adjustment: adjustment, sinks: pass.parameters.first, mask: mask, toQueries: pass.inputGradients[0],
            toKeys: pass.inputGradients[1], toValues: pass.inputGradients[2], toSinks: pass.parameterGradients.first ?? nil,
            scratch: pass.scratch, team: pass.team)
    }
}
