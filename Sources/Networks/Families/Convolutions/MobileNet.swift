import Checkpoints
import Tensors
import Text

/// MobileNet 2 and 3 by torchvision's names, whose number of blocks tells which one it is, and by timm's.
///
/// Source: torchvision's `mobilenetv2.py`, `mobilenetv3.py`: the strides and nonlinearities of their standard settings.
enum MobileNet {
    static let family = RunnableFamily(
        .mobilenet, modelTypes: [],
        assumption: { source, _ throws(Problem) in
            if let timm = try timmStages(source) {
                let kind = timm.isSecond ? "ReLU6, the strides of MobileNet 2" : "ReLU, hardswish, the strides of MobileNet 3"
                return try StandardModels.assumption(
                    source, unseen: "activations, strides and how images are padded",
                    "\(kind) and the same padding on all sides are assumed")
            }
            return try StandardModels.assumption(
                source, unseen: "activations and strides",
                source.names.has("features.1.conv.0.0.weight")
                    ? "ReLU6 and the strides of MobileNet 2 are assumed" : "ReLU, hardswish and the strides of MobileNet 3 are assumed")
        }
    ) { source throws(Problem) in
        try StandardModels.checkArchitecture(source)
        if let timm = try timmStages(source) { return try network(source, timm.stages, isSecond: timm.isSecond) }
        return source.names.has("features.1.conv.0.0.weight") ? try second(source) : try third(source)
    }

    private static func second(_ source: FamilySource) throws(Problem) -> Network {
        let strides = [1, 2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1]
        var parts = ImageParts(source)
        parts.activation = Activation(.hardtanh(low: 0, high: 6), name: "relu6")
        try checkBlocks(source, [strides.count])
        let stem = try parts.shape(of: "features.0.0", rank: 4)
        var last = try layer(&parts, "features.0", parts.add("input", InputOperation()), stride: 2, channels: stem[1])
        var channels = stem[0]
        for (place, stride) in strides.enumerated() {
            let front = "features.\(place + 1).conv"
            let (input, width) = (last, channels)
            // One layer widens, one filters each channel alone, one makes fewer again; the first block does not widen.
            let count = source.names.has("\(front).3.weight") ? 2 : 1
            for part in 0..<count {
                last = try layer(&parts, "\(front).\(part)", last, stride: part + 1 == count ? stride : 1, channels: channels)
                channels = try parts.shape(of: "\(front).\(part).0", rank: 4)[0]
            }
            last = try parts.convolution("\(front).\(count)", last, channels: channels)
            channels = try parts.shape(of: "\(front).\(count)", rank: 4)[0]
            last = try parts.batchNorm("\(front).\(count + 1)", last)
            if stride == 1, channels == width { last = parts.add("features.\(place + 1).add", Sum(), input, last) }
        }
        last = try layer(&parts, "features.\(strides.count + 1)", last, stride: 1, channels: channels)
        channels = try parts.shape(of: "features.\(strides.count + 1).0", rank: 4)[0]
        let ending = try parts.classify(last, channels: channels, head: "classifier.1")
        return try parts.network(channels: stem[1], ending, kind: "a MobileNet 2")
    }

    /// The strides of the standard settings, and the blocks from which on the nonlinearity is hardswish instead of ReLU.
    private static let settings = [
        11: (strides: [2, 2, 1, 2, 1, 1, 1, 1, 2, 1, 1], firstHardswish: 3),
        15: (strides: [1, 2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1], firstHardswish: 6),
    ]

    private static func third(_ source: FamilySource) throws(Problem) -> Network {
        let count = try checkBlocks(source, settings.keys.sorted())
        guard let (strides, firstHardswish) = settings[count] else { preconditionFailure("\(count) blocks") }
        var parts = ImageParts(source)
        let hardswish = Activation(.hardswish, name: "hardswish")
        parts.epsilon = 1e-3
        parts.activation = hardswish
        let stem = try parts.shape(of: "features.0.0", rank: 4)
        var last = try layer(&parts, "features.0", parts.add("input", InputOperation()), stride: 2, channels: stem[1])
        var channels = stem[0]
        for (place, stride) in strides.enumerated() {
            parts.activation = place < firstHardswish ? Activation(.relu) : hardswish
            let front = "features.\(place + 1).block"
            let (input, width) = (last, channels)
            let layers = source.names.blocks(front)
            for part in 0..<layers {
                let module = "\(front).\(part)"
                if parts.has(module + ".fc1") {
                    last = try squeeze(&parts, module, last)
                    continue
                }
                let isLast = part + 1 == layers
                // The layer that filters each channel alone is the one of groups; it has the stride.
                let shape = try parts.shape(of: module + ".0", rank: 4)
                let isFilter = shape[1] == 1 && !isLast
                last = try layer(&parts, module, last, stride: isFilter ? stride : 1, channels: channels, isActive: !isLast)
                channels = shape[0]
            }
            if stride == 1, channels == width { last = parts.add("features.\(place + 1).add", Sum(), input, last) }
        }
        parts.activation = hardswish
        last = try layer(&parts, "features.\(count + 1)", last, stride: 1, channels: channels)
        channels = try parts.shape(of: "features.\(count + 1).0", rank: 4)[0]
        let ending = try parts.classify(last, channels: channels, head: "classifier.3") { parts, rows throws(Problem) in
            let inner = try parts.linear("classifier.0", rows)
            return parts.activate("classifier.1", inner)
        }
        return try parts.network(channels: stem[1], ending, kind: "a MobileNet 3")
    }

    /// The number of blocks between the first and the last layer.
    @discardableResult
    private static func checkBlocks(_ source: FamilySource, _ known: [Int]) throws(Problem) -> Int {
        let count = source.names.blocks("features") - 2
        guard known.contains(count) else {
            throw Problem(
                "is no standard MobileNet", subject: "'features'", expected: known.map { "\($0)" }.joined(separator: " or ") + " blocks",
                found: "\(max(0, count))")
        }
        return count
    }

    /// A convolution, its norm and its nonlinearity, called `MODULE.0` to `MODULE.2`.
    private static func layer(
        _ parts: inout ImageParts, _ module: String, _ input: NodeID, stride: Int, channels: Int, isActive: Bool = true
    ) throws(Problem) -> NodeID {
        let filtered = try parts.convolution(module + ".0", input, stride: stride, channels: channels)
        let normed = try parts.batchNorm(module + ".1", filtered)
        return isActive ? parts.activate(module + ".2", normed) : normed
    }

    /// Squeeze and excitation: each channel times a number that follows from the means of all.
    static func squeeze(
        _ parts: inout ImageParts, _ module: String, _ input: NodeID, _ layers: (inner: String, outer: String) = ("fc1", "fc2")
    ) throws(Problem) -> NodeID {
        let pooled = parts.add(module + ".avgpool", AdaptiveAveragePool(output: (1, 1)), input)
        let inner = try parts.convolution("\(module).\(layers.inner)", pooled)
        let active = parts.add(module + ".activation", Activation(.relu), inner)
        let outer = try parts.convolution("\(module).\(layers.outer)", active)
        let gate = parts.add(module + ".scale_activation", Activation(.hardsigmoid, name: "hardsigmoid"), outer)
        return parts.add(module, ChannelGate(), input, gate)
    }
}
