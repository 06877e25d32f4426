import Checkpoints
import Text

/// ConvNeXt by transformers', torchvision's and timm's names.
///
/// Source: transformers' `models/convnext`, torchvision's `convnext.py`, timm's `convnext.py`.
enum ConvNeXt {
    static let huggingFace = RunnableFamily(.convnext, modelTypes: ["convnext"], architectures: ["Model", "ForImageClassification"]) {
        source throws(Problem) in
        let function = Activation(try Activation.Function(source.settings, "hidden_act", standard: "gelu"))
        try source.settings.check(
            "depths", is: (0..<source.names.blocks("encoder.stages")).map { source.names.blocks("encoder.stages.\($0).layers") })
        return try network(
            source,
            Names(
                stem: (["embeddings.patch_embeddings"], "embeddings.layernorm"),
                stages: (0..<source.names.blocks("encoder.stages")).map { stage in
                    Stage(
                        blocks: "encoder.stages.\(stage).layers",
                        reduction: ("encoder.stages.\(stage).downsampling_layer.0", "encoder.stages.\(stage).downsampling_layer.1"))
                },
                filter: "dwconv", norm: "layernorm", input: "pwconv1", output: "pwconv2", scale: "layer_scale_parameter",
                headNorm: "layernorm", head: "classifier"),
            function, headEpsilon: Float(try source.settings.number("layer_norm_eps") ?? 1e-12))
    }

    static let named = RunnableFamily(
        .convnextNames, modelTypes: [],
        assumption: { source, _ throws(Problem) in
            try StandardModels.assumption(source, unseen: "activations and pools", "GELU and a mean at the end are assumed")
        }
    ) { source throws(Problem) in
        try StandardModels.checkArchitecture(source)
        let names = source.names
        if names.has("stem.0.weight") {
            return try network(
                source,
                Names(
                    stem: stem(source),
                    stages: (0..<names.blocks("stages")).map { stage in
                        Stage(blocks: "stages.\(stage).blocks", reduction: ("stages.\(stage).downsample.0", "stages.\(stage).downsample.1"))
                    },
                    filter: "conv_dw", norm: "norm", input: "mlp.fc1", output: "mlp.fc2", scale: "gamma", headNorm: "head.norm",
                    head: "head.fc"),
                Activation(.gelu), headEpsilon: 1e-6)
        }
        return try network(
            source,
            Names(
                stem: (["features.0.0"], "features.0.1"),
                stages: (0..<names.blocks("features") / 2).map { stage in
                    Stage(
                        blocks: "features.\(2 * stage + 1)", reduction: ("features.\(2 * stage).0", "features.\(2 * stage).1"))
                },
                filter: "block.0", norm: "block.2", input: "block.3", output: "block.5", scale: "layer_scale", headNorm: "classifier.0",
                head: "classifier.2"),
            Activation(.gelu), headEpsilon: 1e-6)
    }

    /// The layers in front by timm's names: one, or two of overlapping filters without anything between them.
    private static func stem(_ source: FamilySource) -> (convolutions: [String], norm: String) {
        let second = (try? source.names.fullName("stem.1.weight")).flatMap { source.checkpoint[$0]?.shape }
        return second?.count == 4 ? (["stem.0", "stem.1"], "stem.2") : (["stem.0"], "stem.1")
    }

    private struct Stage {
        let blocks: String
        /// The norm and the convolution before a stage, which halves the images; none before the first.
        let reduction: (norm: String, convolution: String)
    }

    /// What a library calls the modules; those of a block are relative to it.
    private struct Names {
        let stem: (convolutions: [String], norm: String)
        let stages: [Stage]
        let filter, norm, input, output, scale: String
        let headNorm, head: String
    }

    private static func network(
        _ source: FamilySource, _ names: Names, _ activation: Activation, headEpsilon: Float
    ) throws(Problem) -> Network {
        var parts = ImageParts(source)
        var last = parts.add("input", InputOperation())
        let imageChannels = try parts.shape(of: names.stem.convolutions[0], rank: 4)[1]
        var channels = imageChannels
        for layer in names.stem.convolutions {
            let shape = try parts.shape(of: layer, rank: 4)
            let isPatch = names.stem.convolutions.count == 1
            last = try parts.convolution(layer, last, stride: isPatch ? shape[2] : 2, padding: isPatch ? 0 : nil, channels: channels)
            channels = shape[0]
        }
        last = try parts.channelNorm(names.stem.norm, last, epsilon: 1e-6)
        for (place, stage) in names.stages.enumerated() {
            if place > 0 {
                let shape = try parts.shape(of: stage.reduction.convolution, rank: 4)
                last = try parts.channelNorm(stage.reduction.norm, last, epsilon: 1e-6)
                last = try parts.convolution(stage.reduction.convolution, last, stride: shape[2], padding: 0)
                channels = shape[0]
            }
            for block in 0..<source.names.blocks(stage.blocks) {
                let front = "\(stage.blocks).\(block)"
                let filtered = try parts.convolution("\(front).\(names.filter)", last, channels: channels)
                let rows = parts.add("\(front).rows", ImageRows(), filtered)
                let normed = try parts.layerNorm("\(front).\(names.norm)", rows, epsilon: 1e-6)
                let inner = try parts.linear("\(front).\(names.input)", normed)
                let active = parts.add("\(front).act", activation, inner)
                let outer = try parts.linear("\(front).\(names.output)", active)
                let scale = "\(front).\(names.scale)"
                let stored = source.checkpoint[try source.names.fullName(scale)]?.shape
                let scaled = try parts.scale(scale, outer, width: channels, stored: stored?.count == 3 ? [channels, 1, 1] : nil)
                let branch = parts.add("\(front).image", RowsImage(), scaled, last)
                last = parts.add("\(front).add", Sum(), last, branch)
            }
        }
        let ending = try parts.classify(last, channels: channels, head: names.head) { parts, rows throws(Problem) in
            try parts.layerNorm(names.headNorm, rows, epsilon: headEpsilon)
        }
        return try parts.network(channels: imageChannels, ending, kind: "a ConvNeXt")
    }
}
