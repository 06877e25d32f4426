import Archives
import Checkpoints
import Text

/// Plain chains of layers: multilayer perceptrons and convolutional networks, each layer's output the next one's input.
package enum Chain {
    /// Where a chain's architecture comes from.
    package enum Source: String, Sendable {
        case given
        /// Recorded in an archive that modinspect wrote.
        case archive
        /// Described by the whole modules that the file stores.
        case file
        /// Only linear layers, with ReLU between them.
        case assumed
    }

    /// The architecture of a checkpoint that is a plain chain.
    ///
    /// - Parameter given: the user's description, which takes precedence.
    /// - Throws: ``Problem`` that names what is missing, if none was given, none is recorded, and none can be assumed.
    package static func architecture(
        of checkpoint: Checkpoint, catalog: LayerCatalog, given: Architecture?
    ) throws(Problem) -> (architecture: Architecture, source: Source) {
        if let given {
            if let module = checkpoint.module {
                try SavedArchitecture.check(given, against: module, modules: ModuleNames(checkpoint))
            }
            return (given, .given)
        }
        if let kept = try kept(in: checkpoint) { return (kept, .archive) }
        if let module = checkpoint.module { return (try SavedArchitecture.architecture(of: module), .file) }
        guard catalog.family == .chain else {
            throw Problem(
                "is of no family that can be run", found: "\(catalog.family.name)", hint: .describeChain)
        }
        var elements: [Architecture.Element] = []
        let layers = catalog.weightMatrices
        for layer in layers {
            guard case .asStored = layer.layout, layer.tensor.shape.count == 2, layer.name.hasSuffix(".weight") else {
                throw Problem(
                    "is not linear, and no architecture is given", subject: "tensor '\(layer.name)'",
                    hint: .describeImages)
            }
            if !elements.isEmpty { elements.append(.init("relu")) }
            elements.append(.init(String(layer.name.dropLast(".weight".count))))
        }
        return (Architecture(elements), .assumed)
    }

    /// The architecture in the archive's `modinspect.json`.
    private static func kept(in checkpoint: Checkpoint) throws(Problem) -> Architecture? {
        guard let file = checkpoint.companions["modinspect.json"], file.count <= 1 << 24 else { return nil }
        guard let text = file.withUnsafeBytes({ JSONCursor.member("architecture", of: $0) })?.text else { return nil }
        return try Architecture(text)
    }

    /// The network of a chain.
    ///
    /// - Throws: ``Problem`` for an element that is not a module of the checkpoint, and for a module that no element names.
    package static func network(of checkpoint: Checkpoint, _ architecture: Architecture) throws(Problem) -> Network {
        var builder = ChainBuilder(checkpoint)
        for element in architecture.elements { try builder.add(element) }
        return try builder.network()
    }
}

/// Adds one element of a chain after the other.
private struct ChainBuilder {
    private let modules: ModuleNames
    private var builder: NetworkBuilder
    private var last: NodeID
    private var input: [Int?] = []
    /// The operations before the first layer with weights, some of which apply only to images.
    private var leading = LeadingPart()
    /// The module whose output the next operations work on; they are named after it.
    private var lastModule: String?
    private var sites: Set<String> = ["input"]
    private var used: Set<String> = []
    private var width: Int?

    init(_ checkpoint: Checkpoint) {
        modules = ModuleNames(checkpoint)
        builder = NetworkBuilder(checkpoint)
        last = builder.add("input", InputOperation())
    }

    mutating func add(_ element: Architecture.Element) throws(Problem) {
        if let module = modules[element.name], !module.tensors.isEmpty {
            return try add(module: module.name, module.tensors, element)
        }
        guard let operation = try ChainOperations.operation(element) else {
            let names = modules.names.filter { !$0.isEmpty }.listed()
            throw Problem(
                "is neither a module of the checkpoint nor an operation", setting: .architecture, subject: "'\(element.name)'",
                expected: "one of the modules \(names), or \(ChainOperations.names.joined(separator: ", "))")
        }
        leading.pass(operation)
        let site = unique((lastModule ?? "input") + "." + element.name)
        add(site, operation)
    }

    private mutating func add(_ site: String, _ operation: any LayerOperation, _ parameters: [ParameterID] = []) {
        last = builder.add(site, operation, [last], parameters: parameters)
        builder.anatomy.layers.append(LayerPart(node: last, operation: operation))
    }

    private mutating func unique(_ site: String) -> String {
        var name = site
        var count = 1
        while !sites.insert(name).inserted {
            count += 1
            name = "\(site).\(count)"
        }
        return name
    }

    private mutating func add(
        module name: String, _ tensors: [String: TensorRecord], _ element: Architecture.Element
    ) throws(Problem) {
        let subject = "'\(element.name)'"
        guard used.insert(name).inserted else { throw Problem("names a module twice", setting: .architecture, subject: subject) }
        func parameter(_ part: String, _ shape: [Int]) throws(Problem) -> ParameterID {
            try builder.parameter(name + "." + part, shape: shape)
        }
        guard let weight = tensors["weight"] ?? tensors["running_mean"] else {
            throw Problem("has no weight", setting: .architecture, subject: subject, found: tensors.keys.sorted().listed())
        }
        guard weight.dtype.isFloatingPoint, !weight.shape.contains(0) else {
            throw Problem(
                "has a weight that is not made of numbers", setting: .architecture, subject: subject,
                found: "\(weight.dtype.rawValue) \(words(weight.shape))")
        }
        let shape = weight.shape
        var settings = SettingsReader(element)
        var parameters: [ParameterID] = []
        let operation: any LayerOperation
        var inputShape: [Int?] = []
        switch shape.count {
        case 1:
            let channels = shape[0]
            if tensors["weight"] != nil { parameters.append(try parameter("weight", [channels])) }
            if tensors["bias"] != nil { parameters.append(try parameter("bias", [channels])) }
            if tensors["running_mean"] != nil {
                operation = try ChainOperations.batchNorm(
                    &settings, parameterCount: parameters.count, subject: subject)
                parameters += [try parameter("running_mean", [channels]), try parameter("running_var", [channels])]
            } else {
                operation = try ChainOperations.layerNorm(&settings)
            }
        case 2:
            operation = Linear()
            parameters.append(try parameter("weight", shape))
            inputShape = [shape[1]]
            width = shape[0]
        case 4:
            operation = try ChainOperations.convolution(&settings)
            parameters.append(try parameter("weight", shape))
            let groups = (operation as? Convolution)?.groups ?? 1
            inputShape = [shape[1] * groups, nil, nil]
            width = shape[0]
        default:
            throw Problem(
                "has a weight of a shape that no layer of a chain has", setting: .architecture, subject: subject,
                expected: "a linear layer, a convolution of images or a norm",
                found: words(shape))
        }
        try settings.end()
        if shape.count > 1, let bias = tensors["bias"] {
            guard bias.shape == [shape[0]] else {
                throw Problem("wrong shape", subject: "tensor '\(name).bias'", expected: "\(shape[0])", found: words(bias.shape))
            }
            parameters.append(try parameter("bias", [shape[0]]))
        }
        if shape.count == 1 {
            leading.pass(operation, channels: shape[0])
        } else if input.isEmpty {
            input = leading.inputShape(before: inputShape)
        }
        lastModule = name
        add(unique(name), operation, parameters)
    }

    func network() throws(Problem) -> Network {
        for name in modules.names where !used.contains(name) {
            guard let tensors = modules[name]?.tensors, tensors.values.contains(where: { $0.dtype.isFloatingPoint }) else { continue }
            throw Problem(
                "leaves out a module of the checkpoint", setting: .architecture,
                expected: "'\(name.isEmpty ? tensors.keys.sorted()[0] : name)'")
        }
        guard let width, !input.isEmpty else { throw Problem("has no layer with weights", setting: .architecture) }
        return builder.network(input: .values(shape: input), output: last, outputWidth: width) { $0.hasSuffix("num_batches_tracked") }
    }
}

/// The operations before a chain's first layer with weights, as far as they determine the shape of samples.
private struct LeadingPart {
    private var channels: Int?
    /// Whether the samples are images.
    private var readsImages = false
    private var isFlattened = false

    /// Passes an operation, or a norm of this many channels.
    mutating func pass(_ operation: any Operation, channels norm: Int? = nil) {
        if isFlattened { return }
        switch operation {
        case is MaxPool, is AveragePool, is AdaptiveAveragePool: readsImages = true
        case is Flatten: isFlattened = true
        // A layer norm is over the last dimension, a batch norm over the channels.
        case is BatchNorm: channels = norm
        default: break
        }
    }

    /// The shape of the chain's samples, where its first layer with weights reads `shape`.
    func inputShape(before shape: [Int?]) -> [Int?] {
        guard shape.count == 1 else { return shape }
        if readsImages || (isFlattened && channels != nil) { return [channels, nil, nil] }
        return shape
    }
}
