import Tensors
import Text

/// Filters that slide over images: x [B, C, H, W], W [out, C / groups, kh, kw], b [out], y [B, out, H', W'].
///
/// y[n, o, i, j] = b[o] + the sum over c, k, l of W[o, c, k, l] x[n, g + c, i stride - padding + k dilation, j stride - padding +
/// l dilation], where g is the first channel of o's group and the padding is zero (PyTorch's `Conv2d`). Parameters: the weight,
/// then the bias if there is one.
package struct Convolution: LayerOperation {
    package let stride: (Int, Int)
    package let padding: (Int, Int)
    package let dilation: (Int, Int)
    package let groups: Int

    /// Pairs go down, then across.
    package init(stride: (Int, Int) = (1, 1), padding: (Int, Int) = (0, 0), dilation: (Int, Int) = (1, 1), groups: Int = 1) {
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.groups = groups
    }

    package var name: String { "convolution" }
    package var overwritesGradients: Bool { true }

    /// What is wrong where images have other channels than a layer.
    static let channelProblem = "the layer reads a different number of channels"

    /// The sizes of the convolution, every one of which can be computed with.
    package func sizes(input: [Int], weight: [Int]) throws(Problem) -> ConvolutionShape {
        let (samples, channels, size) = try Problem.images(input)
        guard weight.count == 4, weight[0] > 0, weight[1] > 0 else {
            throw Problem(
                "the filters have the wrong shape", expected: "filters x channels x rows x columns", found: words(weight))
        }
        guard groups > 0, weight[0] % groups == 0, channels % groups == 0 else {
            throw Problem(
                "the groups do not divide the channels", expected: "a divisor of \(channels) and \(weight[0])", found: "\(groups) groups")
        }
        guard channels / groups == weight[1] else {
            let wanted = weight[1].multipliedReportingOverflow(by: groups)
            throw Problem(
                Self.channelProblem,
                expected: wanted.overflow ? "\(groups) groups of \(weight[1])" : "\(wanted.partialValue)", found: "\(channels)")
        }
        let (rows, columns) = try ImageWindows(
            kernel: (weight[2], weight[3]), stride: stride, padding: padding, dilation: dilation
        ).axes(over: size)
        try Problem.check(sizeOf: [samples, channels, rows.length + 2 * rows.padding, columns.length + 2 * columns.padding])
        // The output's gradient is padded by the filter's extent on its way back.
        try Problem.check(sizeOf: [
            samples, weight[0], rows.length + WindowAxis.extent(kernel: rows.kernel, dilation: rows.dilation),
            columns.length + WindowAxis.extent(kernel: columns.kernel, dilation: columns.dilation),
        ])
        try Problem.check(sizeOf: [samples, weight[0], rows.count, columns.count])
        if rows.stride > 1 || columns.stride > 1 || rows.padding >= rows.kernel * rows.dilation
            || columns.padding >= columns.kernel * columns.dilation
        {
            try Problem.check(sizeOf: [samples, channels, rows.kernel, columns.kernel, rows.count, columns.count + 16])
        }
        return ConvolutionShape(samples: samples, channels: channels, filters: weight[0], groups: groups, rows: rows, columns: columns)
    }

    package var kind: LayerPart.Kind { .weights }

    package func rule(input: [Int], parameters: [Tensor]) -> LayerRule? {
        (try? sizes(input: input, weight: parameters[0].shape)).map(LayerRule.convolution)
    }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { Array((0..<rank).dropFirst()) }
    package var neurons: NeuronRule {
        .produces(
            NeuronWeights(outDimension: 0, inDimension: 1, form: .images, groups: groups, padsWithZeros: padding != (0, 0)))
    }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? {
        guard groups == 1 else { return nil }
        return RestrictedOperation(operation: self, parameters: parameters.map { WeightSlices.entries(neurons, of: $0) }, reading: .all)
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        let shape = try sizes(input: inputs[0], weight: parameters[0])
        if parameters.count > 1, parameters[1] != [shape.filters] {
            throw Problem("the bias has the wrong shape", expected: "\(shape.filters)", found: words(parameters[1]))
        }
        return [shape.samples, shape.filters, shape.rows.count, shape.columns.count]
    }

    /// The sizes with the largest kernel that makes this output: it bounds the scratch memory of all others.
    private func largest(input: [Int], output: [Int]) -> ConvolutionShape {
        func axis(_ length: Int, _ count: Int, _ stride: Int, _ padding: Int, _ dilation: Int) -> WindowAxis {
            let kernel = (length + 2 * padding - (count - 1) * stride - 1) / dilation + 1
            return WindowAxis(length: length, kernel: kernel, stride: stride, padding: padding, dilation: dilation)
        }
        return ConvolutionShape(
            samples: input[0], channels: input[1], filters: output[1], groups: groups,
            rows: axis(input[2], output[2], stride.0, padding.0, dilation.0),
            columns: axis(input[3], output[3], stride.1, padding.1, dilation.1))
    }

    package func forwardScratch(inputs: [[Int]], output: [Int], team: Int) -> Int {
        Correlation.forwardScratch(largest(input: inputs[0], output: output))
    }

    package func backwardScratch(inputs: [[Int]], output: [Int], team: Int) -> Int {
        let shape = largest(input: inputs[0], output: output)
        return max(Correlation.imageGradientScratch(shape), Correlation.filterGradientScratch(shape))
    }

    /// The sizes that have been checked when the run was planned.
    private func checked(_ input: Tensor, _ weight: Tensor) -> ConvolutionShape {
        guard let shape = try? sizes(input: input.shape, weight: weight.shape) else {
            preconditionFailure("\(input.shape) under \(weight.shape)")
        }
        return shape
    }

    package func forward(_ pass: ForwardPass) {
        Correlation.forward(
            checked(pass.inputs[0], pass.parameters[0]), pass.inputs[0], filters: pass.parameters[0],
            bias: pass.parameters.count > 1 ? pass.parameters[1] : nil, into: pass.output, scratch: pass.scratch, team: pass.team)
    }

    /// dW += the sums over samples and positions of dy times the input under each tap, db += the sums of dy, dx += each position's dy times
    /// the filter that read it.
    package func backward(_ pass: BackwardPass) {
        let shape = checked(pass.inputs[0], pass.parameters[0])
        for (gradient, target) in zip(pass.parameterGradients, pass.parameterTargets) where target == .overwrite { gradient?.fill(0) }
        if let gradient = pass.parameterGradients[0] {
            Correlation.addFilterGradient(
                shape, pass.inputs[0], pass.outputGradient, to: gradient, scratch: pass.scratch, team: pass.team)
        }
        if pass.parameterGradients.count > 1, let gradient = pass.parameterGradients[1] {
            ChannelStatistics.addSums(of: pass.outputGradient, to: gradient, team: pass.team)
        }
        if let gradient = pass.inputGradients[0] {
            Correlation.addImageGradient(
                shape, pass.outputGradient, filters: pass.parameters[0], to: gradient, pass.inputTargets[0], scratch: pass.scratch,
                team: pass.team)
        }
    }
}
