import Tensors
import Text

/// An operation that computes some positions of sequences, and which inputs it reads at all positions; of the others it is given the same
/// positions.
package struct PartialOperation: Sendable {
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
    package func part(_ positions: Range<Int>, of length: Int) -> PartialOperation? { PartialOperation(self) }
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
    /// Where frequencies follow the length of the sequences, positions up to the last one tell it.
    package func part(_ positions: Range<Int>, of length: Int) -> PartialOperation? {
        guard positions.upperBound == length || stretch.isSteady(upTo: length) else { return nil }
        return PartialOperation(
            Rotary(
                headDimension: headDimension, rotated: rotated, frequencies: frequencies, pairing: pairing,
                attentionScale: attentionScale, stretch: stretch, firstPosition: positions.lowerBound))
    }
}

extension Attention {
    package func part(_ positions: Range<Int>, of length: Int) -> PartialOperation? {
        guard firstQuery == 0 else { return nil }
        // Where every query sees every key alike, it does not matter at which position it is.
        var isAlike = mask == .none
        if case .slopes = adjustment { isAlike = false }
        guard positions.upperBound == length || isAlike else { return nil }
        return PartialOperation(
            Attention(heads: heads, scale: scale, adjustment: adjustment, mask: mask, firstQuery: length - positions.count),
            whole: [1, 2])
    }
}

extension SelectedRow {
    package var selectedPosition: Int? { position }
}

/// Some consecutive positions of sequences: [samples, count, width] of [samples, length, width].
struct SomePositions: Operation {
    let first: Int
    let count: Int

    var name: String { "some positions" }
    package var gradientReading: GradientReading { [] }
    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [1] }
    var neurons: NeuronRule { .fixed }
    func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? { nil }

    func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        [inputs[0][0], count, inputs[0][2]]
    }

    func forward(_ pass: ForwardPass) {
        let (length, width) = (pass.inputs[0].shape[1], pass.output.shape[2])
        for sample in 0..<pass.output.shape[0] {
            let part = pass.inputs[0].view(at: (sample * length + first) * width, shape: [count, width])
            pass.output[sample..<sample + 1].copy(from: part)
        }
    }

    /// The positions of dx += dy.
    func backward(_ pass: BackwardPass) {
        guard let gradient = pass.inputGradients[0] else { return }
        let (length, width) = (gradient.shape[1], gradient.shape[2])
        for sample in 0..<gradient.shape[0] {
            Elementwise.add(
                pass.outputGradient[sample..<sample + 1],
                to: gradient.view(at: (sample * length + first) * width, shape: [count, width]), team: pass.team)
        }
    }
}

/// Some consecutive positions of sequences: those of one input, [samples, length, width], but for some that another has, [samples, own
/// positions, width].
struct JoinedPositions: Operation {
    let positions: Range<Int>
    /// Those of the second input.
    let own: Range<Int>

    var name: String { "joined positions" }
    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [1] }
    var neurons: NeuronRule { .fixed }
    func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? { nil }

    func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        [inputs[0][0], positions.count, inputs[0][2]]
    }

    func forward(_ pass: ForwardPass) {
        let (length, width) = (pass.inputs[0].shape[1], pass.output.shape[2])
        let shared = own.clamped(to: positions)
        let pieces = [
            (source: 0, first: 0, range: positions.lowerBound..<shared.lowerBound), (source: 1, first: own.lowerBound, range: shared),
            (source: 0, first: 0, range: shared.upperBound..<positions.upperBound),
        ]
        for sample in 0..<pass.output.shape[0] {
            for piece in pieces where !piece.range.isEmpty {
                let stored = piece.source == 0 ? length : own.count
                let shape = [piece.range.count, width]
                pass.output.view(at: (sample * positions.count + piece.range.lowerBound - positions.lowerBound) * width, shape: shape)
                    .copy(
                        from: pass.inputs[piece.source].view(
                            at: (sample * stored + piece.range.lowerBound - piece.first) * width, shape: shape))
            }
        }
    }

    /// Runs that use it have no gradients.
    func backward(_ pass: BackwardPass) { preconditionFailure("a gradient of some positions") }
}
