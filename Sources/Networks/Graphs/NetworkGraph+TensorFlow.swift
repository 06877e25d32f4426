/// What TensorFlow writes out otherwise than PyTorch.
extension DecompositionSearch {
    /// x / 2 erfc(-x / root 2).
    func geluOfComplement(_ place: Int) -> Found? {
        for (part, other) in factors(place) {
            guard let half = scaled(part, by: 0.5), let error = curve(other, { $0 == .complementaryError }) else { continue }
            let root = Float(0.5).squareRoot()
            var steps = [half.place, error.place]
            if let turned = scaled(error.input, by: -root), turned.input == half.input {
                steps.append(turned.place)
            } else if let scaled = scaled(error.input, by: root), let negative = curve(scaled.input, { $0 == .negative }),
                negative.input == half.input
            {
                steps += [scaled.place, negative.place]
            } else {
                continue
            }
            return Found(operation: Activation(.gelu), input: half.input, steps: steps.sorted())
        }
        return nil
    }

    /// Layer norm as TensorFlow writes it: x m + (b - mean m) with m = w / root(variance + epsilon), where variance is the mean of (x - mean)^2.
    func layerNormOfMoments(_ place: Int) -> Found? {
        let node = nodes[place]
        guard node.operation is Sum, node.inputs.count == 2, node.parameters.isEmpty else { return nil }
        for (first, second) in [(node.inputs[0], node.inputs[1]), (node.inputs[1], node.inputs[0])] {
            guard let product = maker(first), let shift = shift(second) else { continue }
            for (x, multiplier) in factors(product) where multiplier == shift.multiplier {
                guard let scale = scale(multiplier), let variance = mean(scale.variance), let square = squared(variance.input),
                    let difference = maker(square.input), (nodes[difference].operation as? Arithmetic)?.function == .subtract,
                    nodes[difference].inputs == [x, shift.mean], let mean = mean(shift.mean), mean.input == x,
                    let weight = vector(scale.weight), let bias = vector(shift.bias), weight.shape == bias.shape
                else { continue }
                let steps = [product, mean.place, difference, square.place, variance.place] + shift.steps + scale.steps
                return Found(
                    operation: LayerNorm(epsilon: scale.epsilon), input: x, parameters: [weight, bias], steps: Set(steps).sorted())
            }
        }
        return nil
    }

    /// A parameter without the dimensions of length 1 before its last.
    private func vector(_ parameter: NetworkGraph.Parameter) -> NetworkGraph.Parameter? {
        guard let width = parameter.shape.last, width > 1, parameter.shape.reduce(1, *) == width else { return nil }
        var vector = parameter
        vector.shape = [width]
        return vector
    }

    /// The parts of b - mean m, however the sign is written.
    private func shift(_ site: String) -> (mean: String, multiplier: String, bias: NetworkGraph.Parameter, steps: [Int])? {
        guard let place = maker(site), let sum = nodes[place].operation as? Arithmetic, nodes[place].inputs.count == 1,
            let bias = nodes[place].parameters.first, let product = maker(nodes[place].inputs[0])
        else { return nil }
        for (mean, multiplier) in factors(product) {
            switch sum.function {
            case .subtract where sum.parameterFirst:
                if self.mean(mean) != nil { return (mean, multiplier, bias, [product, place]) }
            case .add:
                if let negative = curve(mean, { $0 == .negative }) ?? scaled(mean, by: -1) {
                    return (negative.input, multiplier, bias, [negative.place, product, place])
                }
            default: return nil
            }
        }
        return nil
    }

    /// The parts of w / root(variance + epsilon).
    private func scale(
        _ site: String
    ) -> (variance: String, epsilon: Float, weight: NetworkGraph.Parameter, steps: [Int])? {
        guard let place = maker(site), (nodes[place].operation as? Arithmetic)?.function == .multiply, nodes[place].inputs.count == 1,
            let weight = nodes[place].parameters.first
        else { return nil }
        var steps = [place]
        var moved: String?
        if let inverse = curve(nodes[place].inputs[0], { $0 == .power(-0.5) }) {
            steps.append(inverse.place)
            moved = inverse.input
        } else if let inverse = curve(nodes[place].inputs[0], { $0 == .reciprocal || $0 == .power(-1) }),
            let root = curve(inverse.input, { $0 == .squareRoot || $0 == .power(0.5) })
        {
            steps += [inverse.place, root.place]
            moved = root.input
        }
        guard let moved, let last = maker(moved), case .shift(let epsilon)? = (nodes[last].operation as? ElementCurve)?.function else {
            return nil
        }
        return (nodes[last].inputs[0], epsilon, weight, steps + [last])
    }

    // MARK: Biases

    /// A bias that is added to a layer's output in the dimensions that this was given: those of heads, as Keras's attention has them, or those of a
    /// sequence that was computed as an image; the layer, and the bias in the layer's own shape.
    func biasedBehindReshaping(_ place: Int) -> (layer: Int, bias: NetworkGraph.Parameter)? {
        guard (nodes[place].operation as? Arithmetic)?.function == .add, nodes[place].inputs.count == 1,
            var bias = nodes[place].parameters.first, let last = maker(nodes[place].inputs[0]),
            let shape = (nodes[last].operation as? Reshape)?.template.lengths
        else { return nil }
        var (layer, isCut) = (last, false)
        func isPassed(_ operation: any Operation) -> Bool { operation is Reshape || operation is Identity || cutsPlaces(operation) }
        while readers[nodes[layer].name] == 1, isPassed(nodes[layer].operation),
            let before = maker(nodes[layer].inputs[0])
        {
            isCut = isCut || cutsPlaces(nodes[layer].operation)
            layer = before
        }
        guard readers[nodes[layer].name] == 1, nodes[layer].parameters.count == 1, let weight = nodes[layer].parameters.first,
            uses[bias.tensor] == 1 || uses[bias.tensor] == uses[weight.tensor]
        else { return nil }
        let lengths = Array(bias.shape.drop { $0 == 1 })
        let width = lengths.reduce(1, *)
        guard let first = lengths.first, lengths.count < shape.count else { return nil }
        switch nodes[layer].operation {
        case let linear as Linear:
            guard !isCut, width == (linear.layout == .outIn ? weight.shape[0] : weight.shape[1]),
                shape.suffix(lengths.count) == lengths.map({ .fixed($0) })
            else { return nil }
        case is Convolution, is TransposedConvolution:
            // Channels come after the samples, places after them.
            let isOfSamples = shape[0] == .same(0) || shape[0] == .number(factor: 1, perSample: true, perPosition: false, offset: 0)
            guard isOfSamples, shape[1] == .fixed(first), lengths.count == shape.count - 1, width == first,
                width == filters(nodes[layer].operation, weight.shape)
            else { return nil }
        default: return nil
        }
        bias.shape = [width]
        return (layer, bias)
    }

    /// Whether an operation leaves out places of images, not channels.
    private func cutsPlaces(_ operation: any Operation) -> Bool {
        if let slice = operation as? Slice { return slice.blocks == 1 }
        guard case .sliced(let axis, _, _, _)? = (operation as? Rearrangement)?.kind else { return false }
        return axis >= 2
    }

    /// How many filters a convolution has whose weight has a shape.
    private func filters(_ operation: any Operation, _ weight: [Int]) -> Int {
        guard let transposed = operation as? TransposedConvolution, case .inOut(let groups) = transposed.layout else { return weight[0] }
        return weight[1] * groups
    }
}
