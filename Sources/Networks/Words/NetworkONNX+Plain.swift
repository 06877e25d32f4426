import Checkpoints
import Tensors
import Text

extension NetworkONNX {
    /// An operation of one input and no parameters; nil for any other.
    mutating func plain(_ node: Node, _ x: String) throws(Problem) -> String? {
        switch node.operation {
        case let activation as Activation:
            if let function = activation.kernel { return kernel(function, node, x) }
            return activation.curve.flatMap { curve($0, node, x) }
        case let element as ElementCurve: return curve(element.function, node, x)
        case is Softmax: return add(node, "Softmax", [x], [("axis", .integer(-1))])
        case let scaling as Scaling: return add(node, "Mul", [x, writer.constant(scaling.factor)])
        case is Flatten: return add(node, "Flatten", [x], [("axis", .integer(1))])
        case is Identity: return x
        case is Detachment: return writer.detached(x, output: writer.unused(node.site))
        case let upsampling as Upsampling:
            let scales: [Float] = [1, 1, Float(upsampling.rows), Float(upsampling.columns)]
            return writer.add(
                "Resize", [x, "", writer.constant(scales)],
                [("mode", .text("nearest")), ("coordinate_transformation_mode", .text("asymmetric")), ("nearest_mode", .text("floor"))],
                output: writer.unused(node.site))
        case let pool as MaxPool: return self.pool(pool.windows, counts: nil, node, x)
        case let pool as AveragePool: return self.pool(pool.windows, counts: pool.paddingCounts == .counted, node, x)
        case let pool as AdaptiveAveragePool:
            guard pool.output.0 == 1, pool.output.1 == 1 else { return adaptive(pool, node, x) }
            return add(node, "GlobalAveragePool", [x])
        case let row as SelectedRow: return add(node, "Gather", [x, writer.constant(row.position)], [("axis", .integer(1))])
        case let mean as MeanRow where mean.first == 0:
            return add(node, "ReduceMean", [x, writer.constant([1])], [("keepdims", .integer(0))])
        case let slice as Slice where slice.blocks == 1:
            return add(
                node, "Slice",
                [x, writer.constant([slice.start]), writer.constant([slice.start + slice.length]), writer.constant([-1])])
        case let lookup as EntryLookup:
            guard let constant = lookup.constant, constant.shape.isEmpty, constant.numbers.count == 1, !lookup.isOfParameter,
                lookup.padding == nil
            else {
                return nil
            }
            return add(node, "Gather", [x, writer.constant(constant.numbers[0])], [("axis", .integer(lookup.axis))])
        case let reduction as Reduction:
            let names: [Reduction.Function: String] = [
                .mean: "ReduceMean", .sum: "ReduceSum", .maximum: "ReduceMax", .product: "ReduceProd",
            ]
            guard let name = names[reduction.function], !reduction.axes.isEmpty else { return nil }
            return add(
                node, name, [x, writer.constant(reduction.axes)], [("keepdims", .integer(reduction.keepsDimensions ? 1 : 0))])
        case let rearrangement as Rearrangement:
            switch rearrangement.kind {
            case .transposed(let order): return add(node, "Transpose", [x], [("perm", .integers(order))])
            case .sliced(let axis, let first, let end, let step):
                let settings = [first, end, axis, step].map { writer.constant([$0]) }
                return add(node, "Slice", [x] + settings)
            case .repeated: return nil
            }
        case let reshape as Reshape:
            var lengths: [Int] = []
            for (place, length) in reshape.template.lengths.enumerated() {
                switch length {
                case .same(let axis) where axis == place: lengths.append(0)
                case .rest: lengths.append(-1)
                case .number(let factor, false, false, 0): lengths.append(factor)
                case .number(1, true, false, 0) where place == 0: lengths.append(0)
                default: return nil
                }
            }
            return add(node, "Reshape", [x, writer.constant(lengths)])
        default: return nil
        }
    }

    private mutating func pool(_ windows: ImageWindows, counts: Bool?, _ node: Node, _ x: String) -> String {
        writer.pool(
            x,
            .init(
                kernel: [windows.kernel.0, windows.kernel.1], stride: [windows.stride.0, windows.stride.1],
                padding: [windows.padding.0, windows.padding.1], dilation: [windows.dilation.0, windows.dilation.1],
                roundsUp: windows.rounding == .up), counts: counts, over: sizes(of: node.inputs[0]), output: writer.unused(node.site))
    }

    private mutating func kernel(_ function: ActivationFunction, _ node: Node, _ x: String) -> String {
        switch function {
        case .relu: add(node, "Relu", [x])
        case .tanh: add(node, "Tanh", [x])
        case .sigmoid: add(node, "Sigmoid", [x])
        case .silu: add(node, "Mul", [x, writer.add("Sigmoid", [x])])
        case .gelu: add(node, "Gelu", [x], [("approximate", .text("none"))])
        case .geluTanh: add(node, "Gelu", [x], [("approximate", .text("tanh"))])
        }
    }

    private mutating func curve(_ curve: ScalarCurve, _ node: Node, _ x: String) -> String? {
        switch curve {
        case .leakyReLU(let slope): return add(node, "LeakyRelu", [x], [("alpha", .real(Float(slope)))])
        case .elu(let alpha): return add(node, "Elu", [x], [("alpha", .real(Float(alpha)))])
        case .selu: return add(node, "Selu", [x])
        case .celu(let alpha): return add(node, "Celu", [x], [("alpha", .real(Float(alpha)))])
        case .softplus(let beta, let threshold):
            let last = writer.softplus(x, beta: beta, threshold: threshold)
            return add(node, last.operation, last.inputs)
        case .hardtanh(let low, let high): return add(node, "Clip", [x, writer.constant(Float(low)), writer.constant(Float(high))])
        case .hardsigmoid: return add(node, "HardSigmoid", [x], [("alpha", .real(1 / 6)), ("beta", .real(0.5))])
        case .hardswish: return add(node, "HardSwish", [x])
        case .mish: return add(node, "Mish", [x])
        case .softsign: return add(node, "Softsign", [x])
        case .logSigmoid: return add(node, "Neg", [writer.add("Softplus", [writer.add("Neg", [x])])])
        case .limitedSwish, .shiftedClamp: return nil
        }
    }

    private mutating func curve(_ function: ElementCurve.Function, _ node: Node, _ x: String) -> String? {
        switch function {
        case .shift(let number): return add(node, "Add", [x, writer.constant(number)])
        case .power(let number): return add(node, "Pow", [x, writer.constant(number)])
        case .clip(let low, let high):
            return add(node, "Clip", [x, low.isFinite ? writer.constant(low) : "", high.isFinite ? writer.constant(high) : ""])
        default:
            guard let name = WordOperations.curves.first(where: { $0.value == function })?.key else { return nil }
            return add(node, name.prefix(1).uppercased() + name.dropFirst(), [x])
        }
    }
}
