import Checkpoints
import Text

/// MobileNet 2 and 3 by timm's names, of any width: `conv_stem`, `blocks.STAGE.BLOCK`, `conv_head`.
///
/// Source: timm's `efficientnet.py` (`_gen_mobilenet_v2`) and `mobilenetv3.py` (`_gen_mobilenet_v3`).
extension MobileNet {
    /// The blocks of one width.
    struct Stage: Equatable {
        let blocks: Int
        /// Of the first block.
        let stride: Int
        /// The side of the filters that read each channel alone.
        let kernel: Int
        /// Whether channels are scaled by what follows from the means of all.
        var squeezes = false
        /// Whether the nonlinearity is ReLU in MobileNet 3.
        var isPlain = false
    }

    private static let secondStages = [
        Stage(blocks: 1, stride: 1, kernel: 3), Stage(blocks: 2, stride: 2, kernel: 3), Stage(blocks: 3, stride: 2, kernel: 3),
        Stage(blocks: 4, stride: 2, kernel: 3), Stage(blocks: 3, stride: 1, kernel: 3), Stage(blocks: 3, stride: 2, kernel: 3),
        Stage(blocks: 1, stride: 1, kernel: 3),
    ]
    private static let smallStages = [
        Stage(blocks: 1, stride: 2, kernel: 3, squeezes: true, isPlain: true), Stage(blocks: 2, stride: 2, kernel: 3, isPlain: true),
        Stage(blocks: 3, stride: 2, kernel: 5, squeezes: true), Stage(blocks: 2, stride: 1, kernel: 5, squeezes: true),
        Stage(blocks: 3, stride: 2, kernel: 5, squeezes: true), Stage(blocks: 1, stride: 1, kernel: 1),
    ]
    private static let largeStages = [
        Stage(blocks: 1, stride: 1, kernel: 3, isPlain: true), Stage(blocks: 2, stride: 2, kernel: 3, isPlain: true),
        Stage(blocks: 3, stride: 2, kernel: 5, squeezes: true, isPlain: true), Stage(blocks: 4, stride: 2, kernel: 3),
        Stage(blocks: 2, stride: 1, kernel: 3, squeezes: true), Stage(blocks: 3, stride: 2, kernel: 5, squeezes: true),
        Stage(blocks: 1, stride: 1, kernel: 1),
    ]

    /// The stages of the standard network that has the blocks of a checkpoint; nil if its names are not timm's.
    ///
    /// - Throws: ``Problem`` naming a block whose filters or scales are not those of the standard network.
    static func timmStages(_ source: FamilySource) throws(Problem) -> (stages: [Stage], isSecond: Bool)? {
        guard source.names.has("conv_stem.weight") else { return nil }
        let counts = (0..<source.names.blocks("blocks")).map { source.names.blocks("blocks.\($0)") }
        guard let stages = [secondStages, smallStages, largeStages].first(where: { $0.map(\.blocks) == counts }) else { return nil }
        let parts = ImageParts(source)
        for (place, stage) in stages.enumerated() {
            for block in 0..<stage.blocks {
                let front = "blocks.\(place).\(block)"
                let filter = stage.kernel == 1 ? "\(front).conv" : "\(front).conv_dw"
                let side = try parts.shape(of: filter, rank: 4)[2]
                guard side == stage.kernel else {
                    throw Problem(
                        "has filters of another size than the standard MobileNet", subject: "tensor '\(filter).weight'",
                        expected: "\(stage.kernel)", found: "\(side)")
                }
                guard parts.has(front + ".se.conv_reduce") == stage.squeezes else {
                    throw Problem(
                        "scales its channels unlike the standard MobileNet", subject: "block '\(front)'",
                        expected: stage.squeezes ? "'\(front).se.conv_reduce.weight'" : "none", found: stage.squeezes ? "none" : "one")
                }
            }
        }
        return (stages, stages == secondStages)
    }

    static func network(_ source: FamilySource, _ stages: [Stage], isSecond: Bool) throws(Problem) -> Network {
        var parts = ImageParts(source)
        let outer = isSecond ? Activation(.hardtanh(low: 0, high: 6), name: "relu6") : Activation(.hardswish, name: "hardswish")
        let stem = try parts.shape(of: "conv_stem", rank: 4)
        parts.activation = outer
        var last = try parts.convolution("conv_stem", parts.add("input", InputOperation()), stride: 2, channels: stem[1])
        last = parts.activate("act1", try parts.batchNorm("bn1", last))
        var channels = stem[0]
        for (place, stage) in stages.enumerated() {
            parts.activation = stage.isPlain ? Activation(.relu) : outer
            for block in 0..<stage.blocks {
                (last, channels) = try add(
                    stage, "blocks.\(place).\(block)", stride: block == 0 ? stage.stride : 1, to: &parts, last, channels)
            }
        }
        parts.activation = outer
        let ending: ImageParts.Ending
        if isSecond {
            last = try parts.convolution("conv_head", last, channels: channels)
            last = parts.activate("act2", try parts.batchNorm("bn2", last))
        } else {
            guard source.names.has("conv_head.bias") else {
                throw Problem("is missing", subject: "tensor 'conv_head.bias'", expected: "the bias of the standard MobileNet 3")
            }
            let pooled = parts.add("global_pool", AdaptiveAveragePool(output: (1, 1)), last)
            last = parts.activate("act2", try parts.convolution("conv_head", pooled, channels: channels))
        }
        // The mean over the one place that is left of MobileNet 3's images is what is there.
        ending = try parts.classify(last, channels: try parts.shape(of: "conv_head", rank: 4)[0], head: "classifier")
        return try parts.network(channels: stem[1], ending, kind: "a MobileNet \(isSecond ? 2 : 3)")
    }

    /// A block: one layer widens, one filters each channel alone, one makes fewer again; the first block does not widen, and the last of
    /// MobileNet 3 does nothing else.
    private static func add(
        _ stage: Stage, _ front: String, stride: Int, to parts: inout ImageParts, _ input: NodeID, _ channels: Int
    ) throws(Problem) -> (NodeID, Int) {
        var (last, width) = (input, channels)
        func layer(_ name: String, _ norm: String, stride: Int = 1, isActive: Bool = true) throws(Problem) {
            last = try parts.convolution("\(front).\(name)", last, stride: stride, channels: width)
            width = try parts.shape(of: "\(front).\(name)", rank: 4)[0]
            last = try parts.batchNorm("\(front).\(norm)", last)
            if isActive { last = parts.activate("\(front).\(norm).act", last) }
        }
        guard stage.kernel > 1 else {
            try layer("conv", "bn1")
            return (last, width)
        }
        let widens = parts.has(front + ".conv_pwl")
        if widens { try layer("conv_pw", "bn1") }
        try layer("conv_dw", widens ? "bn2" : "bn1", stride: stride)
        if stage.squeezes { last = try squeeze(&parts, "\(front).se", last, ("conv_reduce", "conv_expand")) }
        try layer(widens ? "conv_pwl" : "conv_pw", widens ? "bn3" : "bn2", isActive: false)
        if stride == 1, width == channels { last = parts.add("\(front).add", Sum(), input, last) }
        return (last, width)
    }
}
