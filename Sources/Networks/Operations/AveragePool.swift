import Tensors
import Text

/// The mean of each window: [B, C, H, W] becomes [B, C, H', W'] (PyTorch's `AvgPool2d`).
package struct AveragePool: LayerOperation {
    /// Whether the places of the padding count in a mean.
    package enum Padding: String, Sendable {
        /// They count as zeros, except for those beyond the padding, which windows rounded up reach.
        case counted
        /// They do not count.
        case ignored
    }

    let windows: ImageWindows
    package let paddingCounts: Padding

    /// Pairs go down, then across.
    ///
    /// - Parameter stride: the kernel's size if nil.
    package init(
        kernel: (Int, Int), stride: (Int, Int)? = nil, padding: (Int, Int) = (0, 0), rounding: WindowAxis.Rounding = .down,
        paddingCounts: Padding = .counted
    ) {
        windows = ImageWindows(kernel: kernel, stride: stride ?? kernel, padding: padding, dilation: (1, 1), rounding: rounding)
        self.paddingCounts = paddingCounts
    }

    package var name: String { "average pool" }
    package var gradientReading: GradientReading { [] }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { Array((0..<rank).dropFirst(2)) }
    package var neurons: NeuronRule { .windows(keepsConstants: keepsConstants) }

    /// Whether an image of one number stays that: no zeros come into the means.
    private var keepsConstants: Bool { windows.padding == (0, 0) || paddingCounts != .counted }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? {
        RestrictedOperation(operation: self, parameters: parameters, reading: .same)
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        let (samples, channels, size) = try Problem.images(inputs[0])
        let (rows, columns) = try windows.poolAxes(over: size)
        let shape = [samples, channels, rows.count, columns.count]
        try Problem.check(sizeOf: shape)
        return shape
    }

    private func means(of input: Tensor) -> (rows: Pooling.Means, columns: Pooling.Means) { means(of: windows.checkedAxes(of: input)) }

    package var kind: LayerPart.Kind { .pool }

    package func rule(input: [Int], parameters: [Tensor]) -> LayerRule? {
        guard let axes = try? windows.poolAxes(over: (input[2], input[3])) else { return nil }
        let (rows, columns) = means(of: axes)
        return .means(rows, columns)
    }

    private func means(of axes: (rows: WindowAxis, columns: WindowAxis)) -> (rows: Pooling.Means, columns: Pooling.Means) {
        let (rows, columns) = axes
        switch paddingCounts {
        case .counted: return (.countingPadding(rows), .countingPadding(columns))
        case .ignored: return (.ignoringPadding(rows), .ignoringPadding(columns))
        }
    }

    package func forward(_ pass: ForwardPass) {
        let (rows, columns) = means(of: pass.inputs[0])
        Pooling.means(pass.inputs[0], rows: rows, columns: columns, into: pass.output, team: pass.team)
    }

    /// dx += dy / the number of places that count, at every place of the window.
    package func backward(_ pass: BackwardPass) {
        guard let gradient = pass.inputGradients[0] else { return }
        let (rows, columns) = means(of: pass.inputs[0])
        Pooling.addMeanGradient(pass.outputGradient, rows: rows, columns: columns, to: gradient, team: pass.team)
    }
}
