import Archives
import FoundationEssentials
import Text

/// The operations of an exported program, where they are a plain sequence: each reads what the one before it has made.
struct TorchExportGraph: Decodable {
    private let nodes: [Node]
    private let parameters: [String: String]
    private let userInputs: Set<String>
    private let outputs: [String]

    /// Reads the program in a member's JSON; nil where it is of another form.
    init?(_ program: ByteRegion) {
        guard program.count <= 1 << 26,
            let graph = try? program.withUnsafeBytes({ try JSONDecoder().decode(TorchExportGraph.self, from: Data($0)) })
        else { return nil }
        self = graph
    }

    /// The modules that would make the program, one after the other.
    var module: SavedModule {
        let whole = SavedModule.program
        var children: [SavedModule] = []
        var current: String?
        for (place, node) in nodes.enumerated() {
            let input = node.inputs.first?.value.tensor
            let continues = current == nil ? input.map(userInputs.contains) == true : input == current
            guard continues, node.outputs.count == 1 else { return SavedModule(opaque: whole) }
            children.append(child(node, place))
            current = node.outputs[0]
        }
        guard let current, outputs == [current] else { return SavedModule(opaque: whole) }
        return SavedModule(
            name: "", className: "torch.nn.modules.container.Sequential", settings: [:], hasHooks: false, children: children)
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

    /// The module of an operation, the settings that are not written where they are usual, and those that it calls otherwise.
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
            "dropout.default": ("dropout.Dropout", [:], [:]),
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

    // MARK: - JSON

    private struct Node: Decodable {
        let target: String
        let inputs: [Input]
        let outputs: [String]

        enum CodingKeys: String, CodingKey { case target, inputs, outputs }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            target = try container.decode(String.self, forKey: .target)
            inputs = try container.decode([Input].self, forKey: .inputs)
            outputs = try container.decode([Argument].self, forKey: .outputs).map { $0.tensor ?? "" }
        }
    }

    private struct Input: Decodable {
        let name: String
        let value: Argument

        enum CodingKeys: String, CodingKey {
            case name
            case value = "arg"
        }
    }

    /// A tensor's name or a plain value; others are neither.
    private struct Argument: Decodable {
        struct Name: Decodable { let name: String }

        let tensor: String?
        let setting: SavedModule.Setting?

        enum CodingKeys: String, CodingKey {
            case tensor = "as_tensor"
            case integer = "as_int"
            case integers = "as_ints"
            case real = "as_float"
            case flag = "as_bool"
            case text = "as_string"
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            tensor = try? container.decode(Name.self, forKey: .tensor).name
            if let number = try? container.decode(Int.self, forKey: .integer) {
                setting = .integer(number)
            } else if let numbers = try? container.decode([Int].self, forKey: .integers) {
                setting = .integers(numbers)
            } else if let number = try? container.decode(Double.self, forKey: .real) {
                setting = .real(number)
            } else if let flag = try? container.decode(Bool.self, forKey: .flag) {
                setting = .boolean(flag)
            } else {
                setting = (try? container.decode(String.self, forKey: .text)).map { .text($0) }
            }
        }
    }

    private struct Program: Decodable {
        struct Graph: Decodable {
            let nodes: [Node]
            let outputs: [Argument]
        }
        struct Specification: Decodable {
            struct Parameter: Decodable {
                let argument: Argument.Name
                let name: String

                enum CodingKeys: String, CodingKey {
                    case argument = "arg"
                    case name = "parameter_name"
                }
            }
            struct UserInput: Decodable {
                let argument: Argument

                enum CodingKeys: String, CodingKey { case argument = "arg" }
            }
            let parameter: Parameter?
            let input: UserInput?

            enum CodingKeys: String, CodingKey {
                case parameter
                case input = "user_input"
            }
        }
        struct Signature: Decodable {
            let inputs: [Specification]

            enum CodingKeys: String, CodingKey { case inputs = "input_specs" }
        }
        struct Module: Decodable {
            let graph: Graph
            let signature: Signature
        }
        let module: Module

        enum CodingKeys: String, CodingKey { case module = "graph_module" }
    }

    init(from decoder: any Decoder) throws {
        let program = try Program(from: decoder)
        nodes = program.module.graph.nodes
        outputs = program.module.graph.outputs.map { $0.tensor ?? "" }
        var parameters: [String: String] = [:]
        var userInputs: Set<String> = []
        for specification in program.module.signature.inputs {
            if let parameter = specification.parameter { parameters[parameter.argument.name] = parameter.name }
            if let name = specification.input?.argument.tensor { userInputs.insert(name) }
        }
        self.parameters = parameters
        self.userInputs = userInputs
    }
}

extension SavedModule {
    /// The class of an exported program whose operations are no plain sequence.
    package static let program = "torch.export.ExportedProgram"
    /// The class of a graph of ONNX.
    package static let graph = "onnx.GraphProto"

    /// A module of which nothing is known but its class.
    init(opaque className: String) {
        self.init(name: "", className: className, settings: [:], hasHooks: false, children: [])
    }
}
