import Tensors
import Text

/// A norm of each head's vectors alone: of rows [samples, length, heads * headDimension], headDimension elements at a time.
///
/// Parameters: the weight [headDimension], which all heads share, and maybe the bias of a layer norm [headDimension]; none for vectors that
/// are not multiplied by a weight.
package struct HeadNorm: Operation {
    /// `.layer` as ``LayerNorm``, or `.rootMeanSquare` as ``RMSNorm``.
    package typealias Kind = Normalization.Kind

    package let headDimension: Int
    package let kind: Kind
    package let epsilon: Float
    /// The weight of a norm that has none.
    private let ones: Tensor

    package init(headDimension: Int, kind: Kind, epsilon: Float) {
        self.headDimension = headDimension
        ones = Tensor(shape: [max(headDimension, 0)], [Float](repeating: 1, count: max(headDimension, 0)))
        self.kind = kind
        self.epsilon = epsilon
    }

    package var name: String { "head norm" }
    package var gradientReading: GradientReading { .inputs }
    package var worksInPlace: Bool { true }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [rank - 1] }
    package var neurons: NeuronRule { .fixed }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? {
        guard AttentionHeads.whole(neurons, headDimension: headDimension) != nil else { return nil }
        return RestrictedOperation(operation: self, parameters: parameters, reading: .same)
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        let input = inputs[0]
        guard headDimension > 0, let width = input.last, width % headDimension == 0 else {
            throw Problem("the rows are not heads side by side", expected: "heads of \(headDimension)", found: words(input))
        }
        if let other = parameters.first(where: { $0 != [headDimension] }) {
            throw Problem("the norm reads a different width", expected: "\(words(other)) numbers", found: "\(headDimension)")
        }
        return input
    }

    /// The heads' vectors as separate rows.
    private func heads(_ tensor: Tensor) -> Tensor { tensor.reshaped(rows(tensor)) }
    private func heads(_ tensor: MutableTensor) -> MutableTensor { tensor.reshaped(rows(tensor)) }
    private func rows(_ tensor: Tensor) -> [Int] { [tensor.count / headDimension, headDimension] }

    package func forward(_ pass: ForwardPass) {
        Normalization.apply(
            kind, epsilon: epsilon, to: heads(pass.inputs[0]), weight: pass.parameters.first ?? ones,
            bias: pass.parameters.dropFirst().first, into: heads(pass.output), team: pass.team)
    }

    package func backwardScratch(inputs: [[Int]], output: [Int], team: Int) -> Int {
        Normalization.gradientScratch(rows: output.reduce(1, *) / headDimension, width: headDimension)
    }

    /// The rule of ``LayerNorm`` or ``RMSNorm`` for each head's vector; the heads' parts of dweight and dbias are added up.
    package func backward(_ pass: BackwardPass) {
        Normalization.addGradients(
            kind, epsilon: epsilon, at: heads(pass.inputs[0]), weight: pass.parameters.first ?? ones,
            outputGradient: heads(pass.outputGradient), to: pass.inputGradients[0].map { heads($0) },
            weightGradient: pass.parameterGradients.first ?? nil,
            biasGradient: pass.parameterGradients.dropFirst().first ?? nil, scratch: pass.scratch, team: pass.team)
    }
}
