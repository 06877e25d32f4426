import Tensors
import Text

/// The operations of a chain other than its modules, and the settings of modules.
enum ChainOperations {
    /// The operations without parameters.
    static let names =
        Activation.Function.allCases.map(name) + [
            "leakyrelu(SLOPE)", "elu(ALPHA)", "selu", "celu(ALPHA)", "softplus", "relu6", "hardtanh", "hardsigmoid", "hardswish", "mish",
            "softsign", "logsigmoid", "softmax", "maxpool(KERNEL)", "avgpool(KERNEL)", "adaptiveavgpool(SIZE)", "flatten", "dropout",
            "identity",
        ]

    private static func name(_ function: Activation.Function) -> String { function.rawValue }

    /// The operation that an element names; nil if it names none.
    static func operation(_ element: Architecture.Element) throws(Problem) -> (any LayerOperation)? {
        var settings = SettingsReader(element)
        let operation: any LayerOperation
        switch element.name.lowercased() {
        case "gelu":
            let kind = try settings.choice("approximate", of: ["none", "tanh"], default: "none", isPositional: true)
            operation = Activation(kind == "tanh" ? .geluTanh : .gelu)
        case "softmax": operation = Softmax()
        case "maxpool", "maxpool2d":
            let kernel = try settings.pair("kernel", default: nil, minimum: 1, isPositional: true)
            operation = MaxPool(
                kernel: kernel, stride: try settings.pair("stride", default: kernel, minimum: 1, isPositional: true),
                padding: try settings.pair("padding", default: (0, 0), minimum: 0),
                dilation: try settings.pair("dilation", default: (1, 1), minimum: 1),
                rounding: try settings.choice("ceil", of: ["true", "false"], default: "false") == "true" ? .up : .down)
        case "avgpool", "avgpool2d":
            let kernel = try settings.pair("kernel", default: nil, minimum: 1, isPositional: true)
            operation = AveragePool(
                kernel: kernel, stride: try settings.pair("stride", default: kernel, minimum: 1, isPositional: true),
                padding: try settings.pair("padding", default: (0, 0), minimum: 0),
                rounding: try settings.choice("ceil", of: ["true", "false"], default: "false") == "true" ? .up : .down,
                paddingCounts: try settings.choice("count_include_pad", of: ["true", "false"], default: "true") == "true"
                    ? .counted : .ignored)
        case "adaptiveavgpool", "adaptiveavgpool2d", "globalavgpool":
            let size = try settings.pair(
                "size", default: element.name.lowercased() == "globalavgpool" ? (1, 1) : nil, minimum: 1, isPositional: true)
            operation = AdaptiveAveragePool(output: size)
        case "flatten": operation = Flatten()
        case "dropout", "identity":
            if element.name.lowercased() == "dropout" { _ = try settings.real("p", default: 0.5, isPositional: true) }
            operation = Identity(name: element.name.lowercased())
        case let name where curves.contains(name): operation = CurvedActivation(try curve(name, &settings), name: name)
        default:
            guard let function = Activation.Function(rawValue: element.name.lowercased()) else { return nil }
            operation = Activation(function)
        }
        try settings.end()
        return operation
    }

    private static let curves: Set<String> = [
        "leakyrelu", "elu", "selu", "celu", "softplus", "relu6", "hardtanh", "hardsigmoid", "hardswish", "mish", "softsign", "logsigmoid",
    ]

    /// The function with settings that a name means.
    private static func curve(_ name: String, _ settings: inout SettingsReader) throws(Problem) -> ScalarCurve {
        switch name {
        case "leakyrelu": return .leakyReLU(slope: try settings.signed("slope", default: 0.01, isPositional: true))
        case "elu": return .elu(alpha: try settings.signed("alpha", default: 1, isPositional: true))
        case "selu": return .selu
        case "celu":
            let alpha = try settings.signed("alpha", default: 1, isPositional: true)
            guard alpha != 0 else { throw settings.failure("setting 'alpha'", expected: "a number other than 0", found: "0") }
            return .celu(alpha: alpha)
        case "softplus":
            let beta = try settings.signed("beta", default: 1)
            guard beta != 0 else { throw settings.failure("setting 'beta'", expected: "a number other than 0", found: "0") }
            return .softplus(beta: beta, threshold: try settings.signed("threshold", default: 20))
        case "relu6": return .hardtanh(low: 0, high: 6)
        case "hardtanh":
            let (low, high) = (try settings.signed("min", default: -1), try settings.signed("max", default: 1))
            guard low < high else { throw settings.failure("setting 'max'", expected: "more than \(low)", found: "\(high)") }
            return .hardtanh(low: low, high: high)
        case "hardsigmoid": return .hardsigmoid
        case "hardswish": return .hardswish
        case "mish": return .mish
        case "softsign": return .softsign
        case "logsigmoid": return .logSigmoid
        default: preconditionFailure("no curve is called \(name)")
        }
    }

    static func convolution(_ settings: inout SettingsReader) throws(Problem) -> any LayerOperation {
        Convolution(
            stride: try settings.pair("stride", default: (1, 1), minimum: 1),
            padding: try settings.pair("padding", default: (0, 0), minimum: 0),
            dilation: try settings.pair("dilation", default: (1, 1), minimum: 1),
            groups: try settings.integer("groups", default: 1, minimum: 1))
    }

    static func batchNorm(_ settings: inout SettingsReader, parameterCount: Int, subject: String) throws(Problem) -> any LayerOperation {
        guard parameterCount == 0 || parameterCount == 2 else {
            throw Problem("has one of weight and bias", setting: .architecture, subject: subject, expected: "both or none")
        }
        return BatchNorm(
            epsilon: try settings.real("eps", default: 1e-5), momentum: try settings.real("momentum", default: 0.1))
    }

    static func layerNorm(_ settings: inout SettingsReader) throws(Problem) -> any LayerOperation {
        LayerNorm(epsilon: try settings.real("eps", default: 1e-5))
    }
}

extension Architecture {
    /// The operations without parameters that a chain may have, with their settings in parentheses.
    package static var operationNames: [String] { ChainOperations.names }
}
