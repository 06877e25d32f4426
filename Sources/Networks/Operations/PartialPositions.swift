import Tensors
import Text

/// An operation that computes the positions of sequences from one on, and which inputs it reads at all positions; of the others it is
/// given those from the same position on.
package struct LateOperation: Sendable {
    package let operation: any Operation
    package var whole: Set<Int> = []

    package init(_ operation: any Operation, whole: Set<Int> = []) {
        self.operation = operation
        self.whole = whole
    }
}

/// What each position gives for itself, whatever its number: the same for fewer positions.
package protocol PositionwiseOperation: Operation {}

extension PositionwiseOperation {
    package func late(from first: Int) -> LateOperation? { LateOperation(self) }
}

extension Linear: PositionwiseOperation {}
extension LayerNorm: PositionwiseOperation {}
extension RMSNorm: PositionwiseOperation {}
extension HeadNorm: PositionwiseOperation {}
extension Activation: PositionwiseOperation {}
extension GatedProduct: PositionwiseOperation {}
extension Sum: PositionwiseOperation {}
extension Scaling: PositionwiseOperation {}
extension SoftCap: PositionwiseOperation {}
extension Slice: PositionwiseOperation {}
extension Identity: PositionwiseOperation {}
extension RoutedLinear: PositionwiseOperation {}
extension ExpertChoice: PositionwiseOperation {}
extension ExpertSum: PositionwiseOperation {}
extension ExpertContributions: PositionwiseOperation {}
extension BlockSum: PositionwiseOperation {}

extension Rotary {
    package func late(from first: Int) -> LateOperation? {
        LateOperation(
            Rotary(
                headDimension: headDimension, rotated: rotated, frequencies: frequencies, pairing: pairing,
                attentionScale: attentionScale, stretch: stretch, firstPosition: first))
    }
}

extension Attention {
    package func late(from first: Int) -> LateOperation? {
        guard firstQuery == 0 else { return nil }
        return LateOperation(
            Attention(heads: heads, scale: scale, adjustment: adjustment, mask: mask, firstQuery: first), whole: [1, 2])
    }
}

/// The positions of sequences from one on: [samples, length - dropped, width] of [samples, length, width].
struct LaterPositions: Operation {
    /// How many positions are left out.
    let dropped: Int

    var name: String { "later positions" }
    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [1] }
    var neurons: NeuronRule { .fixed }
    func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? { nil }

    func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        [inputs[0][0], inputs[0][1] - dropped, inputs[0][2]]
    }

    func forward(_ pass: ForwardPass) {
        let (length, width) = (pass.inputs[0].shape[1], pass.output.shape[2])
        for sample in 0..<pass.output.shape[0] {
            let part = pass.inputs[0].view(at: (sample * length + dropped) * width, shape: [length - dropped, width])
            pass.output[sample..<sample + 1].copy(from: part)
        }
    }

    /// Runs that use it have no gradients.
    func backward(_ pass: BackwardPass) { preconditionFailure("a gradient of some positions") }
}

/// Sequences of which the first positions are those of one input, [samples, length, width], and the others another, [samples, length - first,
/// width].
struct JoinedPositions: Operation {
    let first: Int

    var name: String { "joined positions" }
    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [1] }
    var neurons: NeuronRule { .fixed }
    func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? { nil }

    func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] { inputs[0] }

    func forward(_ pass: ForwardPass) {
        let (length, width) = (pass.output.shape[1], pass.output.shape[2])
        for sample in 0..<pass.output.shape[0] {
            let start = sample * length * width
            pass.output.view(at: start, shape: [first, width]).copy(from: pass.inputs[0].view(at: start, shape: [first, width]))
            pass.output.view(at: start + first * width, shape: [length - first, width]).copy(from: pass.inputs[1][sample..<sample + 1])
        }
    }

    /// Runs that use it have no gradients.
    func backward(_ pass: BackwardPass) { preconditionFailure("a gradient of some positions") }
}
