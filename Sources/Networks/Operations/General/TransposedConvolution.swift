import Tensors
import Text

/// Filters laid over a larger image, one for each place of the smaller: x [B, C, H, W], b [out], y [B, out, H', W'].
///
/// y is the gradient that a convolution of as many groups with these filters sends back (PyTorch's `ConvTranspose2d`), so that
/// H' = (H - 1) stride - 2 padding + (kh - 1) dilation + 1 + extra. Parameters: the weight, then the bias if there is one.
package struct TransposedConvolution: Operation {
    /// The dimensions of the weight.
    package enum Layout: Sendable {
        /// [out, C, kh, kw]; one group.
        case outIn
        /// [C, out / groups, kh, kw], as PyTorch has it.
        case inOut(groups: Int)
    }

    package let layout: Layout
    package let stride: (Int, Int)
    package let padding: (Int, Int)
    package let dilation: (Int, Int)
    /// Places added after the last row and column; left out if negative.
    package let extra: (Int, Int)

    /// Pairs go down, then across.
    package init(
        layout: Layout = .outIn, stride: (Int, Int) = (1, 1), padding: (Int, Int) = (0, 0), dilation: (Int, Int) = (1, 1),
        extra: (Int, Int) = (0, 0)
    ) {
        self.layout = layout
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.extra = extra
    }

    package var name: String { "transposed convolution" }
    package var gradientReading: GradientReading { .inputs }
    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { Array((0..<rank).dropFirst()) }
    package var neurons: NeuronRule {
        switch layout {
        case .outIn: .produces(NeuronWeights(outDimension: 0, inDimension: 1, form: .images))
        case .inOut(groups: 1): .produces(NeuronWeights(outDimension: 1, inDimension: 0, form: .images))
        case .inOut: .fixed
        }
    }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? {
        guard case .outIn = layout else { return nil }
        return RestrictedOperation(operation: self, parameters: parameters.map { WeightSlices.entries(neurons, of: $0) }, reading: .all)
    }

    private func length(_ length: Int, _ kernel: Int, _ stride: Int, _ padding: Int, _ dilation: Int, _ extra: Int) throws(Problem) -> Int {
        for value in [length, kernel, stride, dilation] where value < 1 || value > 1 << 30 {
            throw Problem("a setting that lays no filters", expected: "1 to \(1 << 30)", found: "\(value)")
        }
        guard padding >= 0, padding <= WindowAxis.limit, extra.magnitude <= WindowAxis.limit else {
            throw Problem("a padding that lays no filters", found: "\(padding) and \(extra)")
        }
        let whole = (length - 1) * stride - 2 * padding + (kernel - 1) * dilation + 1 + extra
        guard whole > 0, whole <= WindowAxis.limit else {
            throw Problem("an image without places", expected: "at least 1", found: "\(whole)")
        }
        return whole
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        let (samples, channels, size) = try Problem.images(inputs[0])
        let weight = parameters[0]
        let wanted = if case .outIn = layout { "filters x \(channels) x rows x columns" } else { "\(channels) x filters x rows x columns" }
        guard weight.count == 4, weight.allSatisfy({ $0 > 0 }), channels == (groups == nil ? weight[1] : weight[0]) else {
            throw Problem("the filters have the wrong shape", expected: wanted, found: words(weight))
        }
        let (filters, overflow) = (groups == nil ? weight[0] : weight[1]).multipliedReportingOverflow(by: groups ?? 1)
        guard !overflow, filters > 0 else { throw Problem("too many filters", found: "\(groups ?? 1) groups of \(weight[1])") }
        if parameters.count > 1, parameters[1] != [filters] {
            throw Problem("the bias has the wrong shape", expected: "\(filters)", found: words(parameters[1]))
        }
        let shape = [
            samples, filters, try length(size.0, weight[2], stride.0, padding.0, dilation.0, extra.0),
            try length(size.1, weight[3], stride.1, padding.1, dilation.1, extra.1),
        ]
        try Problem.check(sizeOf: shape)
        let laid = isWhole ? shape : try whole(inputs[0], weight)
        try Problem.check(sizeOf: laid)
        _ = try laying.sizes(input: laid, weight: backwards(weight))
        return shape
    }

    /// nil for a weight with the filters first.
    private var groups: Int? { if case .inOut(let groups) = layout { groups } else { nil } }

    /// The shape of the weight for the convolution that goes the other way.
    private func backwards(_ weight: [Int]) -> [Int] { groups == nil ? [weight[1], weight[0], weight[2], weight[3]] : weight }

    /// Whether the convolution that goes the other way reads exactly the output's places.
    ///
    /// If not, the filters are laid over an image without padding, of which the output is a window.
    private var isWhole: Bool { (0..<stride.0).contains(extra.0) && (0..<stride.1).contains(extra.1) }

    /// The convolution that goes the other way, over the image that the filters are laid on.
    private var laying: Convolution {
        Convolution(stride: stride, padding: isWhole ? padding : (0, 0), dilation: dilation, groups: groups ?? 1)
    }

    /// The shape of all that the filters cover.
    private func whole(_ input: [Int], _ weight: [Int]) throws(Problem) -> [Int] {
        [
            input[0], (groups == nil ? weight[0] : weight[1]) * (groups ?? 1),
            try length(input[2], weight[2], stride.0, 0, dilation.0, 0), try length(input[3], weight[3], stride.1, 0, dilation.1, 0),
        ]
    }

    /// The convolution's shape, and that of the image that the filters are laid on if it is not the output.
    private func shape(_ input: [Int], _ output: [Int], _ weight: [Int]) -> (ConvolutionShape, whole: [Int]?) {
        let whole = isWhole ? nil : try? whole(input, weight)
        guard isWhole || whole != nil, let shape = try? laying.sizes(input: whole ?? output, weight: backwards(weight)) else {
            preconditionFailure("\(input) to \(output)")
        }
        return (shape, whole)
    }

    /// Copies the window that two images share, of which the smaller begins at the padding of the larger.
    ///
    /// - Parameter isOutput: whether `source` is the output, not the image that the filters are laid on.
    private func copyWindow(_ source: Tensor, isOutput: Bool, to target: MutableTensor, _ team: Team) {
        let (sourceSize, targetSize) = ((source.shape[2], source.shape[3]), (target.shape[2], target.shape[3]))
        let move = isOutput ? (-padding.0, -padding.1) : padding
        target.fill(0)
        let columns = max(0, -move.1)..<max(0, -move.1, min(targetSize.1, sourceSize.1 - move.1))
        team.forEach(source.shape[0] * source.shape[1]) { plane in
            source.withElements { x in
                target.withMutableElements { y in
                    for row in 0..<targetSize.0 where (0..<sourceSize.0).contains(row + move.0) {
                        let from = (plane * sourceSize.0 + row + move.0) * sourceSize.1 + move.1
                        let to = (plane * targetSize.0 + row) * targetSize.1
                        for column in columns { y[to + column] = x[from + column] }
                    }
                }
            }
        }
    }

    /// The weight with the input's channels first.
    private func turned(_ weight: Tensor) -> Tensor {
        guard groups == nil else { return weight }
        let turned = MutableTensor(uninitialized: [weight.shape[1], weight.shape[0]] + weight.shape[2...])
        copy(weight, to: turned, adding: false)
        return turned
    }

    private func copy(_ source: Tensor, to target: MutableTensor, adding: Bool) {
        let (rows, columns) = (source.shape[0], source.shape[1])
        let block = source.shape[2] * source.shape[3]
        source.withElements { x in
            target.withMutableElements { y in
                for row in 0..<rows {
                    for column in 0..<columns {
                        for place in 0..<block {
                            let (from, to) = ((row * columns + column) * block + place, (column * rows + row) * block + place)
                            y[to] = adding ? y[to] + x[from] : x[from]
                        }
                    }
                }
            }
        }
    }

    package func forward(_ pass: ForwardPass) {
        let (input, weight, output) = (pass.inputs[0], pass.parameters[0], pass.output)
        let (shape, whole) = shape(input.shape, output.shape, weight.shape)
        let scratch = MutableTensor(uninitialized: [Correlation.imageGradientScratch(shape)])
        let image = whole.map { MutableTensor(uninitialized: $0) } ?? output
        Correlation.addImageGradient(shape, input, filters: turned(weight), to: image, .overwrite, scratch: scratch, team: pass.team)
        if whole != nil { copyWindow(image, isOutput: false, to: output, pass.team) }
        guard pass.parameters.count > 1 else { return }
        let bias = pass.parameters[1]
        let plane = output.shape[2] * output.shape[3]
        pass.team.forEach(output.shape[0] * output.shape[1]) { index in
            let number = bias.withElements { $0[index % bias.count] }
            output.withMutableElements { y in for place in index * plane..<(index + 1) * plane { y[place] += number } }
        }
    }

    /// dx += the convolution of dy, dW += the filters' gradient of that convolution at dy with x as the output's gradient, db += the sums of dy.
    package func backward(_ pass: BackwardPass) {
        let (input, weight) = (pass.inputs[0], pass.parameters[0])
        let (shape, whole) = shape(input.shape, pass.outputGradient.shape, weight.shape)
        var dy = pass.outputGradient
        if let whole {
            let image = MutableTensor(uninitialized: whole)
            copyWindow(dy, isOutput: true, to: image, pass.team)
            dy = image
        }
        if let gradient = pass.inputGradients[0] {
            let part = MutableTensor(uninitialized: input.shape)
            let scratch = MutableTensor(uninitialized: [Correlation.forwardScratch(shape)])
            Correlation.forward(shape, dy, filters: turned(weight), bias: nil, into: part, scratch: scratch, team: pass.team)
            Elementwise.add(part, to: gradient, team: pass.team)
        }
        if let gradient = pass.parameterGradients[0] {
            let part = groups == nil ? MutableTensor.zeros([weight.shape[1], weight.shape[0]] + weight.shape[2...]) : gradient
            let scratch = MutableTensor(uninitialized: [Correlation.filterGradientScratch(shape)])
            Correlation.addFilterGradient(shape, dy, input, to: part, scratch: scratch, team: pass.team)
            if groups == nil { copy(part, to: gradient, adding: true) }
        }
        if pass.parameterGradients.count > 1, let gradient = pass.parameterGradients[1] {
            ChannelStatistics.addSums(of: pass.outputGradient, to: gradient, team: pass.team)
        }
    }
}
