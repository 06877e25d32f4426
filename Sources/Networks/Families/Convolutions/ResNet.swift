import Checkpoints
import Text

/// ResNets by torchvision's and timm's names, and by transformers': basic blocks and bottlenecks, those of ResNeXt and of wide ResNets
/// among them.
///
/// Source: torchvision's `resnet.py`; transformers' `models/resnet`.
enum ResNet {
    static let named = RunnableFamily(
        .resnetNames, modelTypes: [],
        assumption: { source, _ throws(Problem) in
            try StandardModels.assumption(
                source, unseen: "activations, strides and pools",
                "ReLU, a max pool after the first layer, strides of 2 between the stages and a mean at the end are assumed")
        }
    ) { source throws(Problem) in
        try StandardModels.checkArchitecture(source)
        var parts = ImageParts(source)
        let image = parts.add("input", InputOperation())
        let first = try parts.shape(of: "conv1", rank: 4)
        var last = try stem(&parts, image, convolution: "conv1", norm: "bn1")
        var (channels, stage) = (first[0], 1)
        while source.names.has("layer\(stage).0.conv1.weight") {
            for block in 0..<source.names.blocks("layer\(stage)") {
                let front = "layer\(stage).\(block)"
                let layers = (1...3).map { (convolution: "\(front).conv\($0)", norm: "\(front).bn\($0)") }
                    .filter { parts.has($0.convolution) }
                (last, channels) = try add(
                    Block(
                        name: front, layers: layers, shortcut: ("\(front).downsample.0", "\(front).downsample.1"),
                        stride: stage > 1 && block == 0 ? 2 : 1, stridden: layers.count == 3 ? 1 : 0),
                    to: &parts, last, channels)
            }
            stage += 1
        }
        let ending = try parts.classify(last, channels: channels, head: "fc")
        return try parts.network(channels: first[1], ending, kind: "a ResNet")
    }

    static let huggingFace = RunnableFamily(.resnet, modelTypes: ["resnet"], architectures: ["Model", "ForImageClassification"]) {
        source throws(Problem) in
        let settings = source.settings
        var parts = ImageParts(source)
        parts.activation = Activation(try Activation.Function(settings, "hidden_act", standard: "relu"))
        let isBasic = try settings.text("layer_type") == "basic"
        let stridesFirst = try settings.flag("downsample_in_bottleneck") ?? false
        let firstStride = try settings.flag("downsample_in_first_stage") ?? false ? 2 : 1
        let stem = "embedder.embedder"
        let first = try parts.shape(of: stem + ".convolution", rank: 4)
        let image = parts.add("input", InputOperation())
        var last = try Self.stem(&parts, image, convolution: stem + ".convolution", norm: stem + ".normalization")
        var channels = first[0]
        var (depths, widths): ([Int], [Int]) = ([], [])
        for stage in 0..<source.names.blocks("encoder.stages") {
            for block in 0..<source.names.blocks("encoder.stages.\(stage).layers") {
                let front = "encoder.stages.\(stage).layers.\(block)"
                let layers = (0..<3).map {
                    (convolution: "\(front).layer.\($0).convolution", norm: "\(front).layer.\($0).normalization")
                }.filter { parts.has($0.convolution) }
                guard layers.count == (isBasic ? 2 : 3) else {
                    throw settings.problem("contradicts the tensors", "layer_type", expected: layers.count == 2 ? "basic" : "bottleneck")
                }
                (last, channels) = try add(
                    Block(
                        name: front, layers: layers, shortcut: ("\(front).shortcut.convolution", "\(front).shortcut.normalization"),
                        stride: block > 0 ? 1 : stage > 0 ? 2 : firstStride, stridden: isBasic || stridesFirst ? 0 : 1),
                    to: &parts, last, channels)
            }
            depths.append(source.names.blocks("encoder.stages.\(stage).layers"))
            widths.append(channels)
        }
        try settings.check("depths", is: depths)
        try settings.check("hidden_sizes", is: widths)
        let ending = try parts.classify(last, channels: channels, head: "classifier.1")
        return try parts.network(channels: first[1], ending, kind: "a ResNet")
    }

    /// A block by the names of its modules.
    private struct Block {
        let name: String
        let layers: [(convolution: String, norm: String)]
        /// The branch that reaches the sum; the block's input reaches it unchanged if there is none.
        let shortcut: (convolution: String, norm: String)
        let stride: Int
        /// The layer that has the stride.
        let stridden: Int
    }

    private static func stem(
        _ parts: inout ImageParts, _ image: NodeID, convolution: String, norm: String
    ) throws(Problem) -> NodeID {
        let filtered = try parts.convolution(convolution, image, stride: 2)
        let active = parts.activate("stem.relu", try parts.batchNorm(norm, filtered))
        return parts.add("maxpool", MaxPool(kernel: (3, 3), stride: (2, 2), padding: (1, 1)), active)
    }

    /// Convolutions with norms, ReLU after each but the last, which is added to the shortcut and has the model's nonlinearity behind the
    /// sum. A setting of another nonlinearity reaches the stem and the sums alone, as in transformers.
    private static func add(
        _ block: Block, to parts: inout ImageParts, _ input: NodeID, _ channels: Int
    ) throws(Problem) -> (NodeID, Int) {
        guard block.layers.count > 1 else {
            throw Problem("is missing", subject: "tensor '\(block.name).conv2.weight'", expected: "a block of 2 or 3 convolutions")
        }
        var (last, width) = (input, channels)
        for (place, layer) in block.layers.enumerated() {
            last = try parts.convolution(layer.convolution, last, stride: place == block.stridden ? block.stride : 1, channels: width)
            width = try parts.shape(of: layer.convolution, rank: 4)[0]
            last = try parts.batchNorm(layer.norm, last)
            // Inside a block it is ReLU whatever the settings say: they are about its output.
            if place + 1 < block.layers.count { last = parts.add("\(block.name).relu\(place + 1)", Activation(.relu), last) }
        }
        var shortcut = input
        if parts.has(block.shortcut.convolution) {
            shortcut = try parts.convolution(block.shortcut.convolution, input, stride: block.stride)
            shortcut = try parts.batchNorm(block.shortcut.norm, shortcut)
        }
        let sum = parts.add("\(block.name).add", Sum(), last, shortcut)
        return (parts.activate("\(block.name).out", sum), width)
    }
}
