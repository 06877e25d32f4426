import Archives
import Text

/// Programs that are plain sequences, as the modules that would make them.
extension TorchExportGraph {
    /// The modules that would make the program, one after the other, if it is a plain sequence: each operation reads what the one before it has
    /// made.
    var module: SavedModule {
        let whole = SavedModule.program
        var children: [SavedModule] = []
        var current: String?
        var weights: Set<String> = []
        for (place, node) in nodes.enumerated() {
            let input = node.inputs.first?.value.tensor
            let continues = current == nil ? input.map(userInputs.contains) == true : input == current
            guard continues, node.outputs.count == 1, isOfChain(node) else { return SavedModule(opaque: whole) }
            // A module that runs twice is no part of a plain chain.
            if let weight = node.inputs.first(where: { $0.name == "weight" })?.value.tensor, !weights.insert(weight).inserted {
                return SavedModule(opaque: whole)
            }
            children.append(child(node, place))
            current = node.outputs[0]
        }
        guard let current, outputs == [current] else { return SavedModule(opaque: whole) }
        return SavedModule(
            name: "", className: "torch.nn.modules.container.Sequential", settings: [:], hasHooks: false, children: children)
    }

    /// Whether an operation does what a module of a plain chain does: on rows of features or on images, along the last dimension.
    private func isOfChain(_ node: Node) -> Bool {
        let rank = node.inputs.first?.value.tensor.flatMap { shapes[$0] }?.count
        if let weight = node.inputs.first(where: { $0.name == "weight" })?.value.tensor, parameters[weight]?.hasSuffix(".weight") != true {
            return false
        }
        switch node.name {
        case "linear": return rank == 2
        case "softmax", "log_softmax":
            let dimension = node.inputs.first { $0.name == "dim" }?.value.setting
            return dimension == .integer(-1) || rank.map { dimension == .integer($0 - 1) } ?? false
        default: return true
        }
    }

    /// The module that a node would be.
    private func child(_ node: Node, _ place: Int) -> SavedModule {
        var settings: [String: SavedModule.Setting] = [:]
        for input in node.inputs { settings[input.name] = input.value.setting }
        let weight = node.inputs.first { $0.name == "weight" }?.value.tensor.flatMap { parameters[$0] }
        var name = "operation \(place)"
        if let weight, weight.hasSuffix(".weight") { name = String(weight.dropLast(7)) }
        guard let (className, defaults, renamed) = Self.classes[node.target] else {
            return SavedModule(name: name, className: node.target, settings: [:], hasHooks: false, children: [])
        }
        var meant = defaults.merging(settings) { _, given in given }
        for (old, new) in renamed { meant[new] = meant[old] }
        // An empty list is the window itself.
        if meant["stride"] == .integers([]) { meant["stride"] = meant["kernel_size"] }
        return SavedModule(name: name, className: "torch.nn.modules." + className, settings: meant, hasHooks: false, children: [])
    }

    /// The module of an operation, the settings that are not written if they are usual, and those that it calls otherwise.
    private static let classes: [String: (String, [String: SavedModule.Setting], [String: String])] = {
        var classes: [String: (String, [String: SavedModule.Setting], [String: String])] = [
            "linear.default": ("linear.Linear", [:], [:]),
            "conv2d.default": (
                "conv.Conv2d",
                [
                    "stride": .integer(1), "padding": .integer(0), "dilation": .integer(1), "groups": .integer(1),
                    "padding_mode": .text("zeros"),
                ],
                [:]
            ),
            "flatten.using_ints": ("flatten.Flatten", ["start_dim": .integer(0), "end_dim": .integer(-1)], [:]),
            "gelu.default": ("activation.GELU", ["approximate": .text("none")], [:]),
            "leaky_relu.default": ("activation.LeakyReLU", ["negative_slope": .real(0.01)], [:]),
            "elu.default": ("activation.ELU", ["alpha": .real(1)], [:]),
            "celu.default": ("activation.CELU", ["alpha": .real(1)], [:]),
            "softplus.default": ("activation.Softplus", ["beta": .real(1), "threshold": .real(20)], [:]),
            "hardtanh.default": ("activation.Hardtanh", ["min_val": .real(-1), "max_val": .real(1)], [:]),
            "softmax.int": ("activation.Softmax", [:], [:]),
            "max_pool2d.default": (
                "pooling.MaxPool2d",
                [
                    "stride": .integers([]), "padding": .integer(0), "dilation": .integer(1), "ceil_mode": .boolean(false),
                    "return_indices": .boolean(false),
                ], [:]
            ),
            "adaptive_avg_pool2d.default": ("pooling.AdaptiveAvgPool2d", [:], [:]),
            "dropout.default": ("dropout.Dropout", [:], [:]), "dropout_.default": ("dropout.Dropout", [:], [:]),
        ]
        let plain = [
            "relu": "ReLU", "silu": "SiLU", "tanh": "Tanh", "sigmoid": "Sigmoid", "selu": "SELU", "relu6": "ReLU6",
            "hardswish": "Hardswish",
            "hardsigmoid": "Hardsigmoid", "mish": "Mish", "log_sigmoid": "LogSigmoid",
        ]
        for (name, module) in plain { classes[name + ".default"] = ("activation." + module, [:], [:]) }
        for (name, module) in classes { classes["torch.ops.aten." + name] = module }
        return classes
    }()
}

extension SavedModule {
    /// The class of an exported program whose operations are not a plain sequence.
    package static let program = "torch.export.ExportedProgram"
    /// The class of a graph of ONNX.
    package static let graph = "onnx.GraphProto"

    /// A module of which nothing is known but its class.
    init(opaque className: String) {
        self.init(name: "", className: className, settings: [:], hasHooks: false, children: [])
    }
}
