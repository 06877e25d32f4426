import Tensors
import Text

/// Numbers around images so that windows of a size, `stride` apart, give as many outputs as there are strides: TensorFlow's padding, resolved when
/// the image's size is known.
///
/// The last two dimensions of x [B, C, H, W] are padded by max(0, (ceil(n / stride) - 1) stride + (kernel - 1) dilation + 1 - n).
package struct SamePadding: Operation {
    /// The side of the odd place.
    package enum Side: Sendable {
        /// At the end, as `SAME_UPPER`.
        case end
        /// At the beginning, as `SAME_LOWER`.
        case beginning
    }

    /// Down, then across.
    package let kernel: [Int]
    package let stride: [Int]
    package let dilation: [Int]
    package let side: Side
    package let value: Float

    package init(kernel: [Int], stride: [Int], dilation: [Int], side: Side, value: Float = 0) {
        self.kernel = kernel
        self.stride = stride
        self.dilation = dilation
        self.side = side
        self.value = value
    }

    package var name: String { "padding" }
    package var gradientReading: GradientReading { [] }
    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { Array((0..<rank).dropFirst(2)) }
    package var neurons: NeuronRule { .fixed }
    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? { nil }

    /// The places before and after a length.
    static func places(_ length: Int, kernel: Int, stride: Int, dilation: Int, side: Side) -> (before: Int, after: Int) {
        let count = length > 0 ? (length - 1) / stride + 1 : 0
        let needed = max(0, (count - 1) * stride + (kernel - 1) * dilation + 1 - length)
        let (less, more) = (needed / 2, needed - needed / 2)
        return side == .end ? (less, more) : (more, less)
    }

    private func padding(_ shape: [Int]) -> Padding {
        var (before, after) = ([0, 0], [0, 0])
        for place in 0..<2 {
            let own = Self.places(
                shape[place + 2], kernel: kernel[place], stride: stride[place], dilation: dilation[place], side: side)
            before.append(own.before)
            after.append(own.after)
        }
        return Padding(before: before, after: after, mode: .constant(value))
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        guard inputs[0].count == 4 else { throw Problem("pads images", expected: "4 dimensions", found: words(inputs[0])) }
        return try padding(inputs[0]).outputShape(inputs: inputs, parameters: parameters, batch: batch)
    }

    package func forward(_ pass: ForwardPass) { padding(pass.inputs[0].shape).forward(pass) }

    package func backward(_ pass: BackwardPass) {
        guard let gradient = pass.inputGradients[0] else { return }
        padding(gradient.shape).backward(pass)
    }
}
