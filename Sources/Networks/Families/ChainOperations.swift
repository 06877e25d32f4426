import Tensors
import Text

/// The operations of a chain other than its modules, and the settings of modules.
enum ChainOperations {
    /// An operation without parameters.
    private struct Entry: Sendable {
        /// The names that an element may have, in lower case.
        let names: [String]
        /// The name in help, with the setting that must be given or usually is.
        let shown: String
        let make: @Sendable (inout SettingsReader, _ name: String) throws(Problem) -> any LayerOperation

        init(
            _ names: String..., setting: String? = nil,
            make: @escaping @Sendable (inout SettingsReader, _ name: String) throws(Problem) -> any LayerOperation
        ) {
            self.names = names
            shown = names[0] + (setting.map { "(\($0))" } ?? "")
            self.make = make
        }
    }

    /// The names of the operations without parameters, for help.
    static let names = entries.map(\.shown)

    /// Whether a word names an operation.
    static func isName(_ word: String) -> Bool { entries.contains { $0.names.contains(word.lowercased()) } }

    /// The operation that an element names; nil if it names none.
    static func operation(_ element: Architecture.Element) throws(Problem) -> (any LayerOperation)? {
        let name = element.name.lowercased()
        guard let entry = entries.first(where: { $0.names.contains(name) }) else { return nil }
        var settings = SettingsReader(element)
        let operation = try entry.make(&settings, name)
        try settings.end()
        return operation
    }

    private static let entries = functions + curves + others

    private static let functions = Activation.Function.allCases.map { function in
        guard function == .gelu else { return Entry(function.rawValue) { (_, _) throws(Problem) in Activation(function) } }
        return Entry(function.rawValue) { (settings, _) throws(Problem) in
            let kind = try settings.choice("approximate", of: ["none", "tanh"], default: "none", isPositional: true)
            return Activation(kind == "tanh" ? .geluTanh : .gelu)
        }
    }

    private static let curves = [
        curve("leakyrelu", setting: "SLOPE") { (settings) throws(Problem) in
            .leakyReLU(slope: try settings.signed("slope", default: 0.01, isPositional: true))
        },
        curve("elu", setting: "ALPHA") { (settings) throws(Problem) in
            .elu(alpha: try settings.signed("alpha", default: 1, isPositional: true))
        },
        curve("selu") { (_) throws(Problem) in .selu },
        curve("celu", setting: "ALPHA") { (settings) throws(Problem) in
            let alpha = try settings.signed("alpha", default: 1, isPositional: true)
            guard alpha != 0 else { throw settings.failure("setting 'alpha'", expected: "a number other than 0", found: "0") }
            return .celu(alpha: alpha)
        },
        curve("softplus") { (settings) throws(Problem) in
            let beta = try settings.signed("beta", default: 1)
            guard beta != 0 else { throw settings.failure("setting 'beta'", expected: "a number other than 0", found: "0") }
            return .softplus(beta: beta, threshold: try settings.signed("threshold", default: 20))
        },
        curve("relu6") { (_) throws(Problem) in .hardtanh(low: 0, high: 6) },
        curve("hardtanh") { (settings) throws(Problem) in
            let (low, high) = (try settings.signed("min", default: -1), try settings.signed("max", default: 1))
            guard low < high else { throw settings.failure("setting 'max'", expected: "more than \(low)", found: "\(high)") }
            return .hardtanh(low: low, high: high)
        },
        curve("hardsigmoid") { (_) throws(Problem) in .hardsigmoid },
        curve("hardswish") { (_) throws(Problem) in .hardswish },
        curve("mish") { (_) throws(Problem) in .mish },
        curve("softsign") { (_) throws(Problem) in .softsign },
        curve("logsigmoid") { (_) throws(Problem) in .logSigmoid },
    ]

    private static func curve(
        _ name: String, setting: String? = nil, _ curve: @escaping @Sendable (inout SettingsReader) throws(Problem) -> ScalarCurve
    ) -> Entry {
        Entry(name, setting: setting) { (settings, _) throws(Problem) in Activation(try curve(&settings), name: name) }
    }

    private static let others = [
        Entry("softmax") { (_, _) throws(Problem) in Softmax() },
        Entry("maxpool", "maxpool2d", setting: "KERNEL") { (settings, _) throws(Problem) in
            let kernel = try settings.pair("kernel", default: nil, minimum: 1, isPositional: true)
            return MaxPool(
                kernel: kernel, stride: try settings.pair("stride", default: kernel, minimum: 1, isPositional: true),
                padding: try settings.pair("padding", default: (0, 0), minimum: 0),
                dilation: try settings.pair("dilation", default: (1, 1), minimum: 1),
                rounding: try settings.choice("ceil", of: ["true", "false"], default: "false") == "true" ? .up : .down)
        },
        Entry("avgpool", "avgpool2d", setting: "KERNEL") { (settings, _) throws(Problem) in
            let kernel = try settings.pair("kernel", default: nil, minimum: 1, isPositional: true)
            return AveragePool(
                kernel: kernel, stride: try settings.pair("stride", default: kernel, minimum: 1, isPositional: true),
                padding: try settings.pair("padding", default: (0, 0), minimum: 0),
                rounding: try settings.choice("ceil", of: ["true", "false"], default: "false") == "true" ? .up : .down,
                paddingCounts: try settings.choice("count_include_pad", of: ["true", "false"], default: "true") == "true"
                    ? .counted : .ignored)
        },
        Entry("adaptiveavgpool", "adaptiveavgpool2d", "globalavgpool", setting: "SIZE") { (settings, name) throws(Problem) in
            AdaptiveAveragePool(
                output: try settings.openPair("size", default: name == "globalavgpool" ? (1, 1) : nil, minimum: 1))
        },
        Entry("flatten") { (_, _) throws(Problem) in Flatten() },
        Entry("dropout") { (settings, name) throws(Problem) in
            let share = try settings.real("p", default: 0.5, isPositional: true)
            guard share <= 1 else { throw settings.failure("setting 'p'", expected: "a number from 0 to 1", found: "'\(share)'") }
            return Identity(name: name)
        },
        Entry("identity") { (_, name) throws(Problem) in Identity(name: name) },
    ]

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

    /// A norm of groups of channels.
    ///
    /// - Parameter channels: those of the images that it reads, of which as many groups are an instance norm; nil if it may read something else.
    static func groupNorm(_ settings: inout SettingsReader, channels: Int?) throws(Problem) -> any LayerOperation {
        let groups = try settings.integer("groups", default: nil, minimum: 1, isPositional: true)
        return GroupNorm(groups: groups == channels ? nil : groups, epsilon: try settings.real("eps", default: 1e-5))
    }
}

extension Architecture {
    /// The operations without parameters that a chain may have, with their settings in parentheses.
    package static var operationNames: [String] { ChainOperations.names }

    /// The operations of graphs that are no chains, with what is in their parentheses.
    package static var graphOperationNames: [String] { WordOperations.names }
}
