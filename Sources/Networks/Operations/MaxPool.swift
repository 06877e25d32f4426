import Tensors
import Text

/// The largest number of each window: [B, C, H, W] becomes [B, C, H', W'] (PyTorch's `MaxPool2d`).
///
/// The padding never is the largest. A window with something that is not a number gives that. Of equals the first, row after row,
/// gets the gradient.
package struct MaxPool: LayerOperation {
    let windows: ImageWindows

    /// Pairs go down, then across.
    ///
    /// - Parameter stride: the kernel's size if nil.
    package init(
        kernel: (Int, Int), stride: (Int, Int)? = nil, padding: (Int, Int) = (0, 0), dilation: (Int, Int) = (1, 1),
        rounding: WindowAxis.Rounding = .down
    ) {
        windows = ImageWindows(kernel: kernel, stride: stride ?? kernel, padding: padding, dilation: dilation, rounding: rounding)
    }

    package var name: String { "max pool" }
    package var gradientReading: GradientReading { .inputs }
    package var overwritesGradients: Bool { true }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { Array((0..<rank).dropFirst(2)) }
    package var neurons: NeuronRule { .windows(keepsConstants: true) }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? {
        RestrictedOperation(operation: self, parameters: parameters, reading: .same)
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        let (samples, channels, size) = try Problem.images(inputs[0])
        let (rows, columns) = try windows.poolAxes(over: size)
        let shape = [samples, channels, rows.count, columns.count]
        try Problem.check(sizeOf: inputs[0])
        try Problem.check(sizeOf: shape)
        return shape
    }

    package var kind: LayerPart.Kind { .pool }

    package func rule(input: [Int], parameters: [Tensor]) -> LayerRule? {
        guard let axes = try? windows.poolAxes(over: (input[2], input[3])) else { return nil }
        return .maxima(axes.rows, axes.columns)
    }

    package func forward(_ pass: ForwardPass) {
        let (rows, columns) = windows.checkedAxes(of: pass.inputs[0])
        Pooling.maxima(pass.inputs[0], rows: rows, columns: columns, into: pass.output, team: pass.team)
    }

    /// dx += dy at the position of the window's largest number.
    package func backward(_ pass: BackwardPass) {
        guard let gradient = pass.inputGradients[0] else { return }
        let (rows, columns) = windows.checkedAxes(of: pass.inputs[0])
        Pooling.addMaximumGradient(
            pass.inputs[0], pass.outputGradient, rows: rows, columns: columns, to: gradient, pass.inputTargets[0], team: pass.team)
    }
}
