import Tensors
import Text

/// Means that bring images to a fixed size: [B, C, H, W] becomes [B, C, h, w] (PyTorch's `AdaptiveAvgPool2d`).
///
/// Window i of h covers the rows floor(i H / h) ..< ceil((i + 1) H / h); columns alike.
package struct AdaptiveAveragePool: LayerOperation {
    /// nil for a side whose length does not change, as in PyTorch.
    package let output: (Int?, Int?)

    /// Rows, then columns; nil for as many as there are.
    package init(output: (Int?, Int?)) { self.output = output }

    package var name: String { "adaptive average pool" }
    package var gradientReading: GradientReading { [] }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { Array((0..<rank).dropFirst(2)) }
    package var neurons: NeuronRule { .windows(keepsConstants: true) }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? {
        RestrictedOperation(operation: self, parameters: parameters, reading: .same)
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        let (samples, channels, size) = try Problem.images(inputs[0])
        let pooled = (output.0 ?? size.0, output.1 ?? size.1)
        for length in [size.0, size.1] where length < 1 || length > WindowAxis.limit {
            throw Problem("images without places", expected: "at least 1x1", found: "\(size.0)x\(size.1)")
        }
        for length in [pooled.0, pooled.1] where length < 1 || length > WindowAxis.limit {
            throw Problem("a size that makes no windows", expected: "1 to \(WindowAxis.limit)", found: "\(length)")
        }
        let shape = [samples, channels, pooled.0, pooled.1]
        try Problem.check(sizeOf: shape)
        return shape
    }

    /// The windows over images of a size that has been checked.
    private func shares(_ input: [Int]) -> (rows: Pooling.Means, columns: Pooling.Means) {
        (.shares(length: input[2], count: output.0 ?? input[2]), .shares(length: input[3], count: output.1 ?? input[3]))
    }

    package var kind: LayerPart.Kind { .pool }

    package func rule(input: [Int], parameters: [Tensor]) -> LayerRule? {
        let (rows, columns) = shares(input)
        return .means(rows, columns)
    }

    package func forward(_ pass: ForwardPass) {
        let (rows, columns) = shares(pass.inputs[0].shape)
        Pooling.means(pass.inputs[0], rows: rows, columns: columns, into: pass.output, team: pass.team)
    }

    /// dx += dy / the number of places of the window, at every one of them.
    package func backward(_ pass: BackwardPass) {
        guard let gradient = pass.inputGradients[0] else { return }
        let (rows, columns) = shares(pass.inputs[0].shape)
        Pooling.addMeanGradient(pass.outputGradient, rows: rows, columns: columns, to: gradient, team: pass.team)
    }
}
