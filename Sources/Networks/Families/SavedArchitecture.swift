import Checkpoints
import Text

/// The architecture in a file of whole modules: modules in `Sequential`, possibly nested, which run one after another.
enum SavedArchitecture {
    /// The architecture of the chain that a saved module describes.
    ///
    /// - Throws: ``Problem`` if a module's computation is not in the file, or cannot be part of a chain.
    static func architecture(of module: SavedModule) throws(Problem) -> Architecture {
        if module.className == SavedModule.graph {
            throw Problem("is an ONNX graph, whose operations are not run", hint: .describeNetwork())
        }
        if module.className == SavedModule.program {
            throw module.graphProblem
                ?? Problem("is an exported program whose graph is not read", expected: "one of torch.export.save", hint: .describeNetwork())
        }
        guard isSequential(module) || classes.contains(shortName(module)) else {
            if module.isScript {
                throw module.graphProblem
                    ?? Problem(
                        "is a module with its own forward function in TorchScript, which is not run",
                        expected: "a program of torch.export.save, or an architecture",
                        found: module.className.quotedInMessage, hint: .describeNetwork())
            }
            throw Problem(
                "is a module with its own forward function, which is not in the file", found: module.className.quotedInMessage,
                hint: .describeNetwork())
        }
        var elements: [Architecture.Element] = []
        do throws(Problem) {
            try append(module, to: &elements)
        } catch {
            // Where the code does not run either, what it says is nearer to the reason: a trace has no settings of modules.
            throw module.isScript ? module.graphProblem ?? error : error
        }
        guard !elements.isEmpty else { throw Problem("is a module without layers", found: module.className.quotedInMessage) }
        return Architecture(elements)
    }

    /// Refuses an architecture that contradicts that of a saved module.
    ///
    /// - Throws: ``Problem`` that names the first element that differs.
    static func check(_ given: Architecture, against module: SavedModule, modules: ModuleNames) throws(Problem) {
        // An architecture that is not in the file cannot be contradicted.
        guard isSequential(module), let saved = try? architecture(of: module) else { return }
        let found = effective(given, modules)
        let expected = effective(saved, modules)
        for place in 0..<max(found.count, expected.count) {
            let ours = place < found.count ? found[place] : nil
            let theirs = place < expected.count ? expected[place] : nil
            guard ours?.meaning != theirs?.meaning else { continue }
            throw Problem(
                "contradicts the architecture that the file holds", setting: .architecture,
                expected: theirs.map { "'\($0.element)'" } ?? "no more elements", found: ours.map { "'\($0.element)'" } ?? "its end")
        }
    }

    /// The elements that change what passes through them, each with what it means whatever words it is given in.
    private static func effective(_ architecture: Architecture, _ modules: ModuleNames) -> [(
        element: Architecture.Element, meaning: String
    )] {
        let steps = (try? architecture.withoutRemarks(modules) { _ in true })?.steps ?? architecture
        return steps.elements.enumerated().compactMap { place, element in
            // The shape of samples changes nothing.
            if place == 0, WordInput.isInput(element), modules[element.name]?.tensors.isEmpty ?? true { return nil }
            if let module = modules[element.name], !module.tensors.isEmpty {
                let shape = (ModuleNames.weight(of: module.tensors) ?? module.tensors["running_mean"])?.shape ?? []
                return (element, meaning(ofModule: module.name, rank: shape.count, element, module.tensors))
            }
            guard let operation = try? ChainOperations.operation(element) else { return (element, "\(element)") }
            if operation is Identity { return nil }
            return (element, "\(operation)")
        }
    }

    private static func meaning(
        ofModule name: String, rank: Int, _ element: Architecture.Element, _ tensors: [String: TensorRecord]
    ) -> String {
        var settings = SettingsReader(element)
        let operation: (any LayerOperation)? =
            switch rank {
            case 4: try? ChainOperations.convolution(&settings)
            case 1 where tensors["running_mean"] != nil: try? ChainOperations.batchNorm(&settings, parameterCount: 2, subject: name)
            case 1: try? ChainOperations.layerNorm(&settings)
            default: nil
            }
        return name + (operation.map { " \($0)" } ?? "")
    }

    private static func isSequential(_ module: SavedModule) -> Bool { module.className == "torch.nn.modules.container.Sequential" }

    /// The class without `torch.nn.modules.` and the file it is in; the whole name of classes that are not PyTorch's.
    private static func shortName(_ module: SavedModule) -> String {
        let parts = module.className.split(separator: ".")
        guard parts.count == 5, module.className.hasPrefix("torch.nn.modules.") else { return module.className }
        return String(parts[4])
    }

    private static func append(_ module: SavedModule, to elements: inout [Architecture.Element]) throws(Problem) {
        let subject = module.name.isEmpty ? nil : "module '\(module.name)'"
        guard !module.hasHooks else {
            throw Problem(
                "has hooks, whose functions are not in the file", subject: subject, found: module.className.quotedInMessage)
        }
        if isSequential(module) {
            for child in module.children { try append(child, to: &elements) }
            return
        }
        let kind = shortName(module)
        guard classes.contains(kind) else {
            let isOwn = !module.className.hasPrefix("torch.")
            throw Problem(
                isOwn ? "has its own forward function, which is not in the file" : "has a class that is not supported in a chain",
                subject: subject,
                expected: isOwn ? nil : "one of \(classes.sorted().joined(separator: ", "))",
                found: module.className.quotedInMessage,
                hint: .describeNetwork())
        }
        do throws(Problem) {
            elements.append(try element(kind, SavedSettings(module)))
        } catch {
            throw subject.map { error.about($0) } ?? error
        }
    }

    /// The PyTorch classes that are supported in a chain.
    private static let classes: Set<String> = Set(plain.keys).union([
        "Linear", "Conv2d", "BatchNorm1d", "BatchNorm2d", "LayerNorm", "GroupNorm", "InstanceNorm2d", "GELU", "Flatten", "MaxPool2d",
        "AvgPool2d", "AdaptiveAvgPool2d",
        "LeakyReLU", "ELU", "CELU", "Softplus", "Hardtanh", "Softmax",
    ])

    /// The classes without relevant settings, and their names in a chain.
    private static let plain = [
        "ReLU": "relu", "SiLU": "silu", "Tanh": "tanh", "Sigmoid": "sigmoid", "SELU": "selu", "ReLU6": "relu6", "Hardswish": "hardswish",
        "Hardsigmoid": "hardsigmoid", "Mish": "mish", "Softsign": "softsign", "LogSigmoid": "logsigmoid", "Identity": "identity",
        "Dropout": "dropout", "Dropout1d": "dropout", "Dropout2d": "dropout", "AlphaDropout": "dropout",
    ]

    /// The chain element for a module of one of the classes.
    private static func element(_ name: String, _ saved: SavedSettings) throws(Problem) -> Architecture.Element {
        switch name {
        case "Conv2d": return try saved.convolution()
        case "BatchNorm1d", "BatchNorm2d":
            try saved.require("track_running_stats", .boolean(true))
            var settings = [try saved.real("eps", named: "eps")]
            // Without a momentum PyTorch's statistics are means over all batches, which the words do not have: they stay.
            if let momentum = saved["momentum"] {
                let isMean = momentum == SavedModule.Setting.none
                settings.append(isMean ? .init("momentum", "0") : try saved.real("momentum", named: "momentum"))
            }
            return .init(saved.name, settings)
        case "LayerNorm":
            try saved.require("elementwise_affine", .boolean(true))
            return .init(saved.name, [try saved.real("eps", named: "eps")])
        case "GroupNorm":
            guard case .integer(let groups)? = saved["num_groups"] else { throw Problem("has no number of groups") }
            let epsilon = try saved.real("eps", named: "eps")
            return try saved.flag("affine")
                ? .init(saved.name, [.init("groups", "\(groups)"), epsilon]) : .init("groupnorm", [.init(nil, "\(groups)"), epsilon])
        case "InstanceNorm2d":
            try saved.require("track_running_stats", .boolean(false))
            let epsilon = try saved.real("eps", named: "eps")
            guard try saved.flag("affine") else { return .init("instancenorm", [epsilon]) }
            guard case .integer(let channels)? = saved["num_features"] else { throw Problem("has no number of channels") }
            return .init(saved.name, [.init("groups", "\(channels)"), epsilon])
        case "GELU":
            let kind = try saved.text("approximate")
            return .init("gelu", kind == "none" ? [] : [.init("approximate", kind)])
        case "Flatten":
            try saved.require("start_dim", .integer(1))
            try saved.require("end_dim", .integer(-1))
            return .init("flatten")
        case "MaxPool2d":
            try saved.require("return_indices", .boolean(false))
            return .init("maxpool", try saved.window() + [try saved.pair("dilation", named: "dilation")])
        case "AvgPool2d":
            try saved.require("divisor_override", SavedModule.Setting.none)
            let counts = try saved.flag("count_include_pad")
            return .init("avgpool", try saved.window() + [.init("count_include_pad", "\(counts)")])
        case "AdaptiveAvgPool2d": return .init("adaptiveavgpool", [try saved.pair("output_size", named: nil)])
        case "LeakyReLU": return .init("leakyrelu", [try saved.real("negative_slope", named: nil)])
        case "ELU", "CELU": return .init(name.lowercased(), [try saved.real("alpha", named: nil)])
        case "Softplus":
            return .init("softplus", [try saved.real("beta", named: "beta"), try saved.real("threshold", named: "threshold")])
        case "Hardtanh":
            return .init("hardtanh", [try saved.real("min_val", named: "min"), try saved.real("max_val", named: "max")])
        case "Softmax":
            guard case .integer(let dimension)? = saved["dim"], dimension == 1 || dimension == -1 else {
                throw Problem("applies softmax to a dimension other than the last")
            }
            return .init("softmax")
        default: return .init(plain[name] ?? saved.name)
        }
    }
}

/// The settings of one saved module, in the words of an architecture.
private struct SavedSettings: Sendable {
    let name: String
    private let module: SavedModule

    init(_ module: SavedModule) {
        self.module = module
        name = module.name
    }

    subscript(key: String) -> SavedModule.Setting? { module.settings[key] }

    private func failure(_ key: String, expected: String) -> Problem {
        Problem(
            "has a setting '\(key)' that no chain has", expected: expected,
            found: module.settings[key]?.text ?? "none in the file")
    }

    /// Refuses another value, and files that name none, as code without constants does.
    func require(_ key: String, _ value: SavedModule.Setting) throws(Problem) {
        guard module.settings[key] == value else { throw failure(key, expected: value.text) }
    }

    func flag(_ key: String) throws(Problem) -> Bool {
        guard case .boolean(let flag)? = module.settings[key] else { throw failure(key, expected: "true or false") }
        return flag
    }

    func text(_ key: String) throws(Problem) -> String {
        guard case .text(let text)? = module.settings[key] else { throw failure(key, expected: "a string") }
        return text
    }

    func real(_ key: String, named: String?) throws(Problem) -> Architecture.Setting {
        switch module.settings[key] {
        case .real(let number)?: return .init(named, Int(exactly: number).map { "\($0)" } ?? "\(number)")
        case .integer(let number)?: return .init(named, "\(number)")
        default: throw failure(key, expected: "a number")
        }
    }

    /// One number for both directions of an image, or one of each.
    func pair(_ key: String, named: String?) throws(Problem) -> Architecture.Setting {
        let numbers = try numbers(key)
        return .init(named, numbers[0] == numbers[1] ? "\(numbers[0])" : "\(numbers[0])x\(numbers[1])")
    }

    private func numbers(_ key: String) throws(Problem) -> [Int] {
        switch module.settings[key] {
        case .integer(let number)?: return [number, number]
        case .integers(let numbers)? where numbers.count == 2: return numbers
        case .integers(let numbers)? where numbers.count == 1: return [numbers[0], numbers[0]]
        default: throw failure(key, expected: "one or two numbers")
        }
    }

    /// The window of a pool.
    func window() throws(Problem) -> [Architecture.Setting] {
        [
            try pair("kernel_size", named: nil), try pair("stride", named: "stride"), try pair("padding", named: "padding"),
            .init("ceil", "\(try flag("ceil_mode"))"),
        ]
    }

    func convolution() throws(Problem) -> Architecture.Element {
        try require("padding_mode", .text("zeros"))
        guard case .integer(let groups)? = module.settings["groups"] else { throw failure("groups", expected: "a number") }
        var settings = [try pair("stride", named: "stride"), try pair("dilation", named: "dilation"), .init("groups", "\(groups)")]
        switch module.settings["padding"] {
        case .text("valid")?: settings.append(.init("padding", "0"))
        case .text("same")?:
            let (kernel, dilation) = (try numbers("kernel_size"), try numbers("dilation"))
            guard kernel.allSatisfy({ !$0.isMultiple(of: 2) && (1...1024).contains($0) }), dilation.allSatisfy({ (1...1024).contains($0) })
            else {
                throw failure("padding", expected: "the same on both sides")
            }
            settings.append(.init("padding", "\((kernel[0] - 1) / 2 * dilation[0])x\((kernel[1] - 1) / 2 * dilation[1])"))
        default: settings.append(try pair("padding", named: "padding"))
        }
        // What is as usual needs no words.
        let usual = ["stride": "1", "dilation": "1", "groups": "1", "padding": "0"]
        return .init(name, settings.filter { $0.value != usual[$0.name ?? ""] })
    }
}

extension SavedModule.Setting {
    /// The setting as Python writes it.
    fileprivate var text: String {
        switch self {
        case .none: "None"
        case .boolean(let flag): flag ? "True" : "False"
        case .integer(let number): "\(number)"
        case .real(let number): "\(number)"
        case .text(let text): text.quotedInMessage
        case .integers(let numbers): "(\(numbers.map(String.init).joined(separator: ", ")))"
        }
    }
}
