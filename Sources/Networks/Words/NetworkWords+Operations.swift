import Tensors

extension NetworkWords {
    /// The elements that an operation of one input and no parameters is, one after the other; nil if it has no words.
    static func element(of operation: any Operation) -> [Element]? {
        func one(_ name: String, _ settings: [Setting] = []) -> [Element] { [Element(name, settings)] }
        switch operation {
        case let activation as Activation:
            if let function = activation.kernel {
                return function == .geluTanh ? one("gelu", [Setting("approximate", "tanh")]) : one(function.rawValue)
            }
            return activation.curve.flatMap { curve(of: $0) }
        case let curve as ElementCurve:
            if let name = WordOperations.curves.first(where: { $0.value == curve.function })?.key { return one(name) }
            switch curve.function {
            case .shift(let number): return one("add", [Setting(nil, "\(number)")])
            case .power(let number): return one("pow", [Setting(nil, "\(number)")])
            case .clip(let low, let high):
                let bounds = (low.isFinite ? [Setting("min", "\(low)")] : []) + (high.isFinite ? [Setting("max", "\(high)")] : [])
                return bounds.isEmpty ? nil : one("clip", bounds)
            case .hardSigmoid(let alpha, let beta) where abs(alpha - 1 / 6) < 1e-6 && beta == 0.5: return one("hardsigmoid")
            case .scaledExponential(let alpha, let gamma) where abs(alpha - 1.673_263_2) < 1e-6 && abs(gamma - 1.050_701) < 1e-6:
                return one("selu")
            default: return nil
            }
        case is Softmax: return one("softmax")
        case is Flatten: return one("flatten")
        case is Detachment: return one("detach")
        case let upsampling as Upsampling:
            let (rows, columns) = (upsampling.rows, upsampling.columns)
            return one("upsample", [Setting(nil, rows == columns ? "\(rows)" : "\(rows)x\(columns)")])
        case let identity as Identity: return one(ChainOperations.isName(identity.name) ? identity.name : "identity")
        case let pool as MaxPool: return one("maxpool", window(pool.windows))
        case let pool as AveragePool:
            return one("avgpool", window(pool.windows) + (pool.paddingCounts == .counted ? [] : [Setting("count_include_pad", "false")]))
        case let pool as AdaptiveAveragePool:
            if pool.output == (1, 1) { return one("globalavgpool") }
            let sides = [pool.output.0, pool.output.1].map { $0.map(String.init) ?? "any" }
            return one("adaptiveavgpool", [Setting(nil, sides.joined(separator: "x"))])
        case let row as SelectedRow: return one("select", [Setting(nil, "\(row.position)")])
        case let mean as MeanRow: return mean.first == 0 ? one("mean", [Setting(nil, "1")]) : nil
        case is ImageRows:
            return [
                Element("reshape", [Setting(nil, "0"), Setting(nil, "-1")]), Element("transpose", [Setting(nil, "1"), Setting(nil, "2")]),
            ]
        case let slice as Slice:
            guard slice.blocks == 1 else { return nil }
            return one("slice", [Setting(nil, "\(slice.start)"), Setting(nil, "\(slice.start + slice.length)")])
        case let lookup as EntryLookup:
            guard let constant = lookup.constant, constant.shape.isEmpty, constant.numbers.count == 1, lookup.axis > 0,
                !lookup.isOfParameter, lookup.padding == nil
            else { return nil }
            return one("select", [Setting(nil, "\(constant.numbers[0])"), Setting("axis", "\(lookup.axis)")])
        case let reduction as Reduction:
            let names: [Reduction.Function: String] = [.mean: "mean", .sum: "sum", .maximum: "max", .product: "prod"]
            guard let name = names[reduction.function], !reduction.axes.isEmpty, !reduction.axes.contains(0) else { return nil }
            return one(
                name,
                reduction.axes.map { Setting(nil, "\($0)") } + (reduction.keepsDimensions ? [Setting("keep", "true")] : []))
        case let rearrangement as Rearrangement: return element(of: rearrangement)
        case let reshape as Reshape: return element(of: reshape)
        default: return nil
        }
    }

    private static func element(of rearrangement: Rearrangement) -> [Element]? {
        switch rearrangement.kind {
        case .transposed(let order):
            guard order.first == 0 else { return nil }
            let moved = order.indices.filter { order[$0] != $0 }
            return [Element("transpose", (moved.count == 2 ? moved : order).map { Setting(nil, "\($0)") })]
        case .sliced(let axis, let first, let end, let step):
            guard axis > 0, step > 0, abs(first) < 1 << 20 else { return nil }
            let bounds = [first, min(end, 1 << 20)]
            let settings = bounds.map { Setting(nil, "\($0)") } + [Setting("axis", "\(axis)")]
            return [Element("slice", settings + (step == 1 ? [] : [Setting("step", "\(step)")]))]
        case .repeated: return nil
        }
    }

    private static func element(of reshape: Reshape) -> [Element]? {
        var lengths: [Setting] = []
        for (place, length) in reshape.template.lengths.enumerated() {
            if place == 0 {
                guard length == .same(0) || length == .number(factor: 1, perSample: true, perPosition: false, offset: 0) else { return nil }
                continue
            }
            switch length {
            case .rest: lengths.append(Setting(nil, "-1"))
            case .same(let axis):
                guard axis == place else { return nil }
                lengths.append(Setting(nil, "0"))
            case .number(let factor, false, false, 0) where factor > 0: lengths.append(Setting(nil, "\(factor)"))
            // The length of sequences, where it is that of the same dimension.
            case .number(1, false, true, 0) where place == 1: lengths.append(Setting(nil, "0"))
            case .number: return nil
            }
        }
        return lengths.isEmpty ? nil : [Element("reshape", lengths)]
    }

    private static func window(_ windows: ImageWindows) -> [Setting] {
        func pair(_ pair: (Int, Int)) -> String { pair.0 == pair.1 ? "\(pair.0)" : "\(pair.0)x\(pair.1)" }
        var settings = [Setting(nil, pair(windows.kernel))]
        if windows.stride != windows.kernel { settings.append(Setting("stride", pair(windows.stride))) }
        if windows.padding != (0, 0) { settings.append(Setting("padding", pair(windows.padding))) }
        if windows.dilation != (1, 1) { settings.append(Setting("dilation", pair(windows.dilation))) }
        if windows.rounding == .up { settings.append(Setting("ceil", "true")) }
        return settings
    }

    /// The element of an activation with settings.
    private static func curve(of curve: ScalarCurve) -> [Element]? {
        func one(_ name: String, _ settings: (String?, Double)...) -> [Element] {
            [Element(name, settings.map { setting in Setting(setting.0, Int(exactly: setting.1).map { "\($0)" } ?? "\(setting.1)") })]
        }
        switch curve {
        case .leakyReLU(let slope): return one("leakyrelu", (nil, slope))
        case .elu(let alpha): return one("elu", (nil, alpha))
        case .selu: return one("selu")
        case .celu(let alpha): return one("celu", (nil, alpha))
        case .softplus(let beta, let threshold): return one("softplus", ("beta", beta), ("threshold", threshold))
        case .hardtanh(let low, let high): return low == 0 && high == 6 ? one("relu6") : one("hardtanh", ("min", low), ("max", high))
        case .hardsigmoid: return one("hardsigmoid")
        case .hardswish: return one("hardswish")
        case .mish: return one("mish")
        case .softsign: return one("softsign")
        case .logSigmoid: return one("logsigmoid")
        case .limitedSwish, .shiftedClamp: return nil
        }
    }
}
