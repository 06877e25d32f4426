import Archives
import Checkpoints
import Text

/// Networks in words: plain chains of layers, each of which reads the one before it, such as multilayer perceptrons and convolutional networks, and
/// graphs such as residual networks.
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
                "is of no family that can be run", found: "\(catalog.family.name)", hint: .describeNetwork())
        }
        if let router = catalog.routers.first {
            throw Problem(
                "chooses among experts, and how this model combines them is not known", subject: "tensor '\(router.tensorName)'",
                hint: .describeNetwork())
        }
        var elements: [Architecture.Element] = []
        let layers = catalog.appearances
        for layer in layers {
            guard case .asStored = layer.layout, layer.tensor.shape.count == 2, let module = ModuleNames.module(ofWeight: layer.name)
            else {
                let isMatrix = layer.tensor.shape.count == 2
                throw Problem(
                    isMatrix
                        ? "is not named as a module's weight, and no architecture is given" : "is not linear, and no architecture is given",
                    subject: "tensor '\(layer.name)'", expected: isMatrix ? "a name that ends in weight or kernel" : nil,
                    hint: .describeNetwork())
            }
            if !elements.isEmpty { elements.append(.init("relu")) }
            elements.append(.init(module))
        }
        return (Architecture(elements), .assumed)
    }

    /// The architecture in the archive's `modinspect.json`.
    package static func kept(in checkpoint: Checkpoint) throws(Problem) -> Architecture? {
        guard let text = note("architecture", in: checkpoint) else { return nil }
        return try Architecture(text)
    }

    /// Why what the archive was made of does not run as it says itself; nil if it does.
    package static func refusal(in checkpoint: Checkpoint) -> String? { note("refusal", in: checkpoint) }

    private static func note(_ key: String, in checkpoint: Checkpoint) -> String? {
        guard let file = checkpoint.companions["modinspect.json"], file.count <= 1 << 24 else { return nil }
        return file.withUnsafeBytes({ JSONCursor.member(key, of: $0) })?.text
    }

    /// - Parameter count: counts the elements that have been added.
    private static func network(
        of checkpoint: Checkpoint, _ modules: ModuleNames, _ architecture: Architecture, _ remarks: [Architecture.Remark: [String]],
        _ input: WordInput,
        _ probe: WordInput.Probe, _ count: inout Int
    ) throws(Problem) -> Network {
        var builder = try ChainBuilder(checkpoint, modules, architecture, input, probe)
        for element in architecture.elements {
            try builder.add(element)
            count += 1
        }
        return try builder.network(constants: remarks[.constants] ?? [], unread: remarks[.unread] ?? [])
    }

    /// The network of an architecture: a plain chain, or a graph in words.
    ///
    /// - Throws: ``Problem`` for an element that is not a module of the checkpoint, for a module that no element names, and for shapes that do
    ///   not go together, where those of samples are known.
    package static func network(of checkpoint: Checkpoint, _ architecture: Architecture) throws(Problem) -> Network {
        let modules = ModuleNames(checkpoint)
        let (remarks, architecture) = try architecture.withoutRemarks(modules) { checkpoint[$0] != nil }
        let input = try WordInput(architecture, modules, checkpoint)
        // Of several shapes that samples may have, that which goes furthest is meant.
        var failure: Problem?
        var failed: WordInput.Probe?
        var furthest = 0
        for probe in input.probes {
            var count = 0
            do throws(Problem) {
                let network = try network(of: checkpoint, modules, architecture, remarks, input, probe, &count)
                if let mismatch = input.mismatch(of: network, probe) { throw mismatch }
                guard let other = probe.other, (try? network.shapes(for: other)) == nil else { return network }
                return try self.network(of: checkpoint, modules, architecture, remarks, input, probe.fixed, &count)
            } catch {
                // Of those that go equally far, the last: it reads rows of numbers as sequences. A width is wrong without that.
                let isSame = error.what == Linear.widthProblem && error.what == failure?.what
                if failure == nil || count > furthest || (count == furthest && probe.batch != nil && !isSame) {
                    (failure, failed) = (error, probe)
                }
                furthest = max(furthest, count)
            }
        }
        throw failure.map { input.completed($0, of: failed) } ?? Problem("has no elements", setting: .architecture)
    }
}

/// Adds one element of an architecture after the other.
private struct ChainBuilder {
    private let modules: ModuleNames
    private let checkpoint: Checkpoint
    private var graph: WordGraph
    private let input: WordInput
    private let probe: WordInput.Probe
    private var used: Set<String> = []
    private var width: Int?
    private var isFirst = true
    /// The convolution of Keras or Flax whose images still have their channels first.
    private var imageKernel: String?

    init(
        _ checkpoint: Checkpoint, _ modules: ModuleNames, _ architecture: Architecture, _ input: WordInput, _ probe: WordInput.Probe
    ) throws(Problem) {
        self.modules = modules
        self.checkpoint = checkpoint
        self.input = input
        self.probe = probe
        graph = WordGraph(
            architecture, probe: probe.batch, tensorShape: { checkpoint[$0]?.shape },
            isTaken: { name in checkpoint[name] != nil || modules[name].map { !$0.tensors.isEmpty } ?? false })
        if !input.isOfTokens { try graph.addInput() }
    }

    mutating func add(_ element: Architecture.Element) throws(Problem) {
        defer { isFirst = false }
        try checkKernels(of: element)
        if let module = modules.module(of: element, in: checkpoint) {
            try add(module: module.name, module.tensors, element)
            return try graph.keepLabel(of: element)
        }
        if WordInput.isInput(element) {
            guard isFirst, element.label == nil else {
                throw graph.failure("gives the shape of samples", element, expected: "the first element, without a label")
            }
            return
        }
        try graph.add(element, modules: modules.names.filter { !$0.isEmpty })
    }

    /// Checks that an element can read kernels of Keras or Flax, which are turned round from [..., in, out]. These libraries have the channels of
    /// images last, so that a layer after a flattening reads numbers in another order.
    private mutating func checkKernels(of element: Architecture.Element) throws(Problem) {
        let module = modules.module(of: element, in: checkpoint)
        let kernels = [module.flatMap { ModuleNames.weight(of: $0.tensors) }] + element.settings.map { checkpoint[$0.value] }
        let kernel = kernels.lazy.compactMap { $0 }.first { $0.isTurnedKernel }
        if let kernel {
            if kernel.shape.count > 2 { imageKernel = kernel.name }
            guard module != nil || (element.name.lowercased() != "matmul" && !element.settings.contains(.init("layout", "in_out"))) else {
                throw Problem(
                    "reads a kernel of Keras or Flax, which is turned round to [out, in]", setting: .architecture, subject: "'\(element)'",
                    expected: "linear(weight=\(kernel.name))")
            }
        } else if module == nil, let image = imageKernel {
            switch element.name.lowercased() {
            case "transpose", "adaptiveavgpool", "adaptiveavgpool2d", "globalavgpool", "mean", "max": imageKernel = nil
            case "flatten", "reshape":
                throw Problem(
                    "has the channels first, and '\(image)' is of Keras or Flax, which have them last", setting: .architecture,
                    subject: "'\(element)'", expected: "transpose(0,2,3,1) before it")
            default: break
            }
        }
    }

    private mutating func add(
        module name: String, _ tensors: [String: TensorRecord], _ element: Architecture.Element
    ) throws(Problem) {
        let subject = "'\(element)'"
        guard used.insert(name).inserted else { throw Problem("names a module twice", setting: .architecture, subject: subject) }
        if tensors["in_proj_weight"] != nil { return try add(attention: name, tensors, element) }
        func parameter(_ part: String, _ shape: [Int]) -> NetworkGraph.Parameter {
            .init(tensors[part]?.name ?? name + "." + part, shape: shape)
        }
        guard let weight = ModuleNames.weight(of: tensors) ?? tensors["running_mean"] else {
            throw Problem("has no weight", setting: .architecture, subject: subject, found: tensors.keys.sorted().listed())
        }
        guard weight.dtype.isFloatingPoint, !weight.shape.contains(0) else {
            throw Problem(
                "has a weight that is not made of numbers", setting: .architecture, subject: subject,
                found: "\(weight.dtype.rawValue) \(words(weight.shape))")
        }
        let shape = weight.shape
        var settings = SettingsReader(element)
        var parameters: [NetworkGraph.Parameter] = []
        let operation: any LayerOperation
        switch shape.count {
        case 1:
            let channels = shape[0]
            guard !ModuleNames.isNormOfKeras(tensors) || element.settings.contains(where: { $0.name == "eps" }) else {
                throw Problem(
                    "is a norm of Keras without its epsilon", setting: .architecture, subject: subject,
                    expected: "'\(element.name)(eps=0.001)', which is Keras's default, or the layer's own")
            }
            if tensors["weight"] != nil { parameters.append(parameter("weight", [channels])) }
            if tensors["bias"] != nil { parameters.append(parameter("bias", [channels])) }
            if tensors["running_mean"] != nil {
                operation = try ChainOperations.batchNorm(
                    &settings, parameterCount: parameters.count, subject: subject)
                parameters += [parameter("running_mean", [channels]), parameter("running_var", [channels])]
            } else if element.settings.contains(where: { $0.name == nil || $0.name == "groups" }) {
                operation = try ChainOperations.groupNorm(&settings, channels: graph.channels)
            } else {
                operation = try ChainOperations.layerNorm(&settings)
            }
        case 2:
            operation = Linear()
            parameters.append(.init(weight.name, shape: shape))
            width = shape[0]
        case 4:
            operation = try ChainOperations.convolution(&settings)
            parameters.append(.init(weight.name, shape: shape))
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
            parameters.append(parameter("bias", [shape[0]]))
        }
        try graph.add(module: name, operation, parameters: parameters, for: element)
    }

    /// PyTorch's `MultiheadAttention` of what it reads to itself: one product of queries, keys and values, and the output's layer.
    private mutating func add(attention name: String, _ tensors: [String: TensorRecord], _ element: Architecture.Element) throws(Problem) {
        var settings = SettingsReader(element)
        let attention = try WordOperations.AttentionSettings(&settings)
        try settings.end()
        let (output, parts) = (name + ".out_proj", ["weight", "bias"])
        guard let product = tensors["in_proj_weight"], product.shape.count == 2, let out = checkpoint[output + ".weight"],
            out.shape.count == 2
        else {
            throw Problem(
                "is no attention", setting: .architecture, subject: "'\(element)'",
                expected: "'\(name).in_proj_weight' and '\(output).weight'")
        }
        if let other = tensors.keys.sorted().first(where: { !["in_proj_weight", "in_proj_bias"].contains($0) }) {
            throw Problem("has a tensor that is not run", setting: .architecture, subject: "'\(element)'", found: "'\(name).\(other)'")
        }
        used.insert(output)
        func parameters(_ front: String) -> [NetworkGraph.Parameter] {
            parts.compactMap { part in checkpoint[front + part].map { .init(front + part, shape: $0.shape) } }
        }
        try graph.add(module: name + ".in_proj", Linear(), parameters: parameters(name + ".in_proj_"), for: element)
        let site = graph.unique(name)
        try WordOperations.attention(&graph, attention, site: site, element)
        try graph.add(module: output, Linear(), parameters: parameters(output + "."), for: element)
        width = out.shape[0]
    }

    /// Whether a tensor is a number that an exporter has put into a graph, which words have in other places; without the graph, one without
    /// dimensions under a name that the exporter made up.
    private func isConstant(_ tensor: TensorRecord) -> Bool {
        tensor.elementCount == 1 && (checkpoint.graph != nil || tensor.shape.isEmpty && ConstantTensors.isExporters(tensor.name))
    }

    /// The parts of a transformer in the graph.
    private func parts(of graph: inout NetworkGraph) -> Anatomy {
        let vocabulary: Int? = if case .tokens(let count, _) = graph.input { count } else { nil }
        for probes in probe.batches {
            let anatomy = graph.recogniseAnatomy(of: checkpoint, probes: probes, vocabulary: vocabulary)
            if !anatomy.blocks.isEmpty || anatomy.gap != nil { return anatomy }
        }
        return Anatomy()
    }

    func network(constants: [String], unread: [String]) throws(Problem) -> Network {
        let finished = try graph.graph(input: probe.input)
        let read = Set(finished.nodes.flatMap { $0.parameters.map { checkpoint.ties.first($0.tensor) } })
        if let unread = constants.first(where: { !read.contains(checkpoint.ties.first($0)) }) {
            throw Problem(
                "names a constant that no element reads", setting: .architecture, expected: "tensors that elements name",
                found: "'\(unread)'")
        }
        if let other = unread.first(where: { read.contains(checkpoint.ties.first($0)) }) {
            throw Problem(
                "names a tensor as unread that an element reads", setting: .architecture, expected: "tensors that no element names",
                found: "'\(other)'")
        }
        // What the file's own graph does not read, as what only another output is made of, or settings of operators, may be left out.
        var readByGraph: Set<String>?
        let left = Set(unread)
        func isRead(_ tensor: String) -> Bool {
            if left.contains(tensor) { return false }
            guard let graph = checkpoint.graph else { return true }
            if readByGraph == nil {
                let own = try? ONNXNetwork.network(of: checkpoint, graph: graph)
                readByGraph = Set(own?.parameters.map(\.tensorName) ?? checkpoint.tensors.map(\.name))
            }
            return readByGraph?.contains(tensor) ?? true
        }
        for name in modules.names where !used.contains(name) {
            let others = modules[name]?.tensors.values.filter { $0.dtype.isFloatingPoint && !isConstant($0) } ?? []
            guard let tensor = others.map(\.name).sorted().first(where: { !read.contains(checkpoint.ties.first($0)) && isRead($0) })
            else { continue }
            throw Problem(
                "leaves out a module of the checkpoint", setting: .architecture, expected: "'\(name.isEmpty ? tensor : name)'",
                hint: .words("unread(\(others.map(\.name).sorted().joined(separator: ","))) as one more element says that nothing reads it")
            )
        }
        let shape = graph.shape(of: finished.output)
        guard let width = shape?.last ?? width, input.isKnown else { throw Problem("has no layer with weights", setting: .architecture) }
        var result = finished
        result.fixed = FixedTensors(Set(constants))
        if input.isOfTokens { result.outputKind = shape?.count == 3 ? .answers : .classes }
        var anatomy = Anatomy()
        // A graph is no chain, and whatever takes its layers for one must refuse it.
        if graph.isGraph { anatomy = parts(of: &result) } else { anatomy.layers = graph.layers }
        return try result.network(of: checkpoint, outputWidth: width, anatomy: anatomy) {
            $0.hasSuffix("num_batches_tracked") || left.contains($0) || ONNXNetwork.isSetting($0, in: checkpoint)
        }
    }
}
