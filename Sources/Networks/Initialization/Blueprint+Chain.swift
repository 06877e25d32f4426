import Checkpoints
import Text

extension Blueprint {
    /// A multilayer perceptron: `784-64-64-10` has the linear layers fc1, fc2 and fc3 with ReLU between them.
    ///
    /// - Throws: ``Problem`` for text that is not such a list of sizes.
    package static func perceptron(_ sizes: String) throws(Problem) -> Blueprint {
        let parts = sizes.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
        guard parts.count >= 2, parts.count <= 1000, parts.allSatisfy({ (1...Configuration.largestSize).contains($0) }) else {
            throw Problem("is not a list of sizes", subject: "mlp", expected: "such as mlp:784-64-64-10", found: "'\(sizes)'")
        }
        var elements: [Architecture.Element] = []
        for (place, size) in parts.dropFirst().enumerated() {
            if place > 0 { elements.append(.init("relu")) }
            elements.append(.init("fc\(place + 1)", [.init(nil, "\(size)")]))
        }
        return try chain(input: [parts[0]], elements)
    }

    /// A convolutional network: `3x32x32:conv1(16,3,padding=1),relu,maxpool(2),flatten,fc1(64),relu,fc2(10)`.
    ///
    /// The shape of a sample, then an ``Architecture``, a plain chain or a graph, with the sizes of its modules: a convolution's channels and
    /// kernel, a linear layer's outputs. The input size of a module follows from what it reads.
    ///
    /// - Throws: ``Problem`` for text that is not such a description, and if shapes do not match.
    package static func convolutional(_ text: String) throws(Problem) -> Blueprint {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let shape = (parts.first ?? "").split(separator: "x", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
        guard parts.count == 2, (1...3).contains(shape.count), shape.allSatisfy({ (1...1 << 20).contains($0) }) else {
            throw Problem(
                "has no shape of a sample", subject: "cnn", expected: "such as cnn:3x32x32:conv1(16,3),relu,flatten,fc1(10)",
                found: "'\(text)'")
        }
        do throws(Problem) {
            return try chain(input: shape, Architecture(String(parts[1])).elements)
        } catch {
            guard error.setting == .architecture else { throw error }
            // The same words are read where an architecture is given for a checkpoint.
            var problem = error.within("cnn")
            problem.setting = nil
            throw problem
        }
    }

    private static func chain(input: [Int], _ elements: [Architecture.Element]) throws(Problem) -> Blueprint {
        var builder = try ChainBlueprintBuilder(shape: input, Architecture(elements))
        for element in elements { try builder.add(element) }
        return try builder.finished()
    }
}

/// Adds one element of an architecture after the other, with the shape of what comes out of it.
private struct ChainBlueprintBuilder {
    private var graph: WordGraph
    private var blueprint = Blueprint()
    private var elements: [Architecture.Element] = []
    /// Whether the shape of samples must be known before the graph can be built.
    private var needsShape = false
    private let input: [Int]

    init(shape: [Int], _ architecture: Architecture) throws(Problem) {
        input = shape
        graph = WordGraph(
            architecture, probe: .values([1] + shape), tensorShape: { _ in nil }, isTaken: { Self.module(of: $0) != nil })
        try graph.addInput()
    }

    /// Of one sample, what the next element reads.
    private var shape: [Int] { Array((graph.shape(of: graph.current) ?? []).dropFirst()) }

    func finished() throws(Problem) -> Blueprint {
        _ = try graph.graph(input: .values(shape: input))
        var blueprint = blueprint
        guard !blueprint.parameters.isEmpty else { throw Problem("has no module with weights", setting: .architecture) }
        let (words, outline) = (Architecture(elements), try outline())
        // Without it, a layer of rows would not be known to read sequences of them.
        if !needsShape, words.determines(input, of: outline) {
            blueprint.architecture = words
        } else {
            let shape = Architecture.Element("input", [.init(nil, input.map(String.init).joined(separator: "x"))])
            let whole = Architecture([shape] + elements)
            // What is written runs.
            _ = try Chain.network(of: outline, whole).shapes(for: .values([1] + input))
            blueprint.architecture = whole
        }
        return blueprint
    }

    /// The tensors without their numbers.
    private func outline() throws(Problem) -> Checkpoint {
        do {
            return try blueprint.draft(seed: 0).outline(path: "")
        } catch var problem as Problem {
            problem.path = nil
            throw problem
        } catch {
            throw Problem("\(error)")
        }
    }

    /// The kinds of modules, by the first letters of their names.
    private static let modules = [
        "conv", "fc", "linear", "bn", "batchnorm", "ln", "layernorm", "gn", "groupnorm", "instancenorm", "attn", "mha",
    ]

    /// The kind of the module that an element is by its name; nil if it is none.
    private static func module(of name: String) -> String? {
        let last = name.split(separator: ".").last.map { $0.lowercased() } ?? ""
        let letters = String(last.prefix { $0.isLetter })
        return modules.contains(letters) ? letters : nil
    }

    mutating func add(_ element: Architecture.Element) throws(Problem) {
        switch Self.module(of: element.name) {
        case "conv": try addConvolution(element)
        case "fc", "linear": try addLinear(element)
        case "attn", "mha": try addAttention(element)
        case "gn", "groupnorm", "instancenorm": try addGroupNorm(element)
        case let kind?: try addNorm(element, isBatch: kind.hasPrefix("b"))
        case nil:
            if WordInput.isInput(element) {
                throw graph.failure("gives the shape of samples, which comes before the elements", element, expected: "no such element")
            }
            do throws(Problem) {
                try graph.add(element, modules: [])
            } catch {
                guard error.subject == "'\(element.name)'", error.what.hasPrefix("is neither") else { throw error }
                throw Problem(
                    "is neither a module nor an operation", setting: .architecture, subject: "'\(element.name)'",
                    expected: "a name that begins with \(Self.modules.joined(separator: ", ")), or "
                        + (ChainOperations.names + WordOperations.names).listed(), hint: error.hint)
            }
            elements.append(element)
            return
        }
        try graph.keepLabel(of: element)
    }

    private mutating func addConvolution(_ element: Architecture.Element) throws(Problem) {
        var settings = SettingsReader(element)
        let out = try settings.integer("out", default: nil, minimum: 1, isPositional: true)
        let kernel = try settings.pair("kernel", default: nil, minimum: 1, isPositional: true)
        let operation = try ChainOperations.convolution(&settings)
        let groups = (operation as? Convolution)?.groups ?? 1
        let hasBias = try bias(&settings)
        try settings.end()
        guard shape.count == 3, shape[0] % groups == 0, out % groups == 0 else {
            throw Problem(
                "cannot read this shape", setting: .architecture, subject: "'\(element)'",
                expected: "images with channels in \(groups) groups",
                found: words(shape))
        }
        let weight = [out, shape[0] / groups, kernel.0, kernel.1]
        let parameters = try addModule(element.name, weight: weight, fanIn: weight.dropFirst().reduce(1, *), hasBias: hasBias)
        try graph.add(module: element.name, operation, parameters: parameters, for: element)
        keep(element, ["stride", "padding", "dilation", "groups"])
    }

    private mutating func addLinear(_ element: Architecture.Element) throws(Problem) {
        var settings = SettingsReader(element)
        let out = try settings.integer("out", default: nil, minimum: 1, isPositional: true)
        let hasBias = try bias(&settings)
        try settings.end()
        guard shape.count == 1 || shape.count == 2, let width = shape.last else {
            throw Problem(
                "cannot read this shape", setting: .architecture, subject: "'\(element)'", expected: "a flatten before it",
                found: words(shape))
        }
        if shape.count == 2 { needsShape = true }
        let parameters = try addModule(element.name, weight: [out, width], fanIn: width, hasBias: hasBias)
        try graph.add(module: element.name, Linear(), parameters: parameters, for: element)
        keep(element, [])
    }

    private mutating func addNorm(_ element: Architecture.Element, isBatch: Bool) throws(Problem) {
        var settings = SettingsReader(element)
        let operation =
            isBatch
            ? try ChainOperations.batchNorm(&settings, parameterCount: 2, subject: "'\(element)'")
            : try ChainOperations.layerNorm(&settings)
        try settings.end()
        guard let width = isBatch ? shape.first : shape.last else {
            throw Problem("cannot read this shape", setting: .architecture, subject: "'\(element)'", expected: "neurons", found: "a scalar")
        }
        var parameters = [NetworkGraph.Parameter(element.name + ".weight", shape: [width]), .init(element.name + ".bias", shape: [width])]
        try blueprint.add(element.name + ".weight", [width], .constant(1))
        try blueprint.add(element.name + ".bias", [width], .constant(0))
        if isBatch {
            try blueprint.add(element.name + ".running_mean", [width], .constant(0))
            try blueprint.add(element.name + ".running_var", [width], .constant(1))
            try blueprint.add(element.name + ".num_batches_tracked", [], .constant(0), dtype: .i64)
            parameters += ["running_mean", "running_var"].map { .init("\(element.name).\($0)", shape: [width]) }
        }
        try graph.add(module: element.name, operation, parameters: parameters, for: element)
        elements.append(element)
    }

    private mutating func addGroupNorm(_ element: Architecture.Element) throws(Problem) {
        guard shape.count == 3 || shape.count == 1 else {
            throw Problem(
                "cannot read this shape", setting: .architecture, subject: "'\(element)'", expected: "images or rows", found: words(shape))
        }
        // Without a number each channel of an instance norm is a group.
        var settings = element.settings
        let isOfChannels = Self.module(of: element.name) == "instancenorm"
        if isOfChannels, let own = settings.first(where: { $0.name != "eps" }) {
            throw graph.failure("has a setting that it does not have", element, expected: "eps", found: "'\(own.name ?? own.value)'")
        }
        if isOfChannels { settings.insert(.init("groups", "\(shape[0])"), at: 0) }
        if let place = settings.firstIndex(where: { $0.name == nil }) { settings[place] = .init("groups", settings[place].value) }
        let given = Architecture.Element(element.name, settings, label: element.label)
        var reader = SettingsReader(given)
        let operation = try ChainOperations.groupNorm(&reader, channels: graph.channels)
        try reader.end()
        var parameters: [NetworkGraph.Parameter] = []
        for (part, number) in [("weight", 1.0), ("bias", 0)] {
            try blueprint.add(element.name + "." + part, [shape[0]], .constant(Float(number)))
            parameters.append(.init(element.name + "." + part, shape: [shape[0]]))
        }
        try graph.add(module: element.name, operation, parameters: parameters, for: element)
        elements.append(given)
    }

    /// PyTorch's `MultiheadAttention` with its initial weights: uniform within root(6 / (4 width)) for the product, and biases of 0.
    private mutating func addAttention(_ element: Architecture.Element) throws(Problem) {
        var settings = SettingsReader(element)
        let attention = try WordOperations.AttentionSettings(&settings)
        try settings.end()
        guard shape.count == 2, let width = shape.last, width % attention.heads == 0, attention.keyHeads == attention.heads else {
            throw Problem(
                shape.count == 2 ? "the heads do not divide the width" : "cannot read this shape", setting: .architecture,
                subject: "'\(element)'", expected: shape.count == 2 ? "a divisor of \(shape[1])" : "length x width",
                found: shape.count == 2 ? "\(attention.heads) heads" : words(shape))
        }
        needsShape = true
        let (product, output) = (element.name + ".in_proj_", element.name + ".out_proj")
        try blueprint.add(product + "weight", [3 * width, width], .uniform(bound: (6 / Double(4 * width)).squareRoot()))
        try blueprint.add(product + "bias", [3 * width], .constant(0))
        try graph.add(
            module: element.name + ".in_proj", Linear(),
            parameters: [.init(product + "weight", shape: [3 * width, width]), .init(product + "bias", shape: [3 * width])], for: element)
        let site = graph.unique(element.name)
        try WordOperations.attention(&graph, attention, site: site, element)
        try blueprint.add(output + ".weight", [width, width], .torchDefault(fanIn: width))
        try blueprint.add(output + ".bias", [width], .constant(0))
        try graph.add(
            module: output, Linear(),
            parameters: [.init(output + ".weight", shape: [width, width]), .init(output + ".bias", shape: [width])], for: element)
        elements.append(element)
    }

    private func bias(_ settings: inout SettingsReader) throws(Problem) -> Bool {
        try settings.choice("bias", of: ["true", "false"], default: "true") == "true"
    }

    private mutating func addModule(
        _ name: String, weight: [Int], fanIn: Int, hasBias: Bool
    ) throws(Problem) -> [NetworkGraph.Parameter] {
        try blueprint.add(name + ".weight", weight, .torchDefault(fanIn: fanIn))
        guard hasBias else { return [.init(name + ".weight", shape: weight)] }
        try blueprint.add(name + ".bias", [weight[0]], .torchDefault(fanIn: fanIn))
        return [.init(name + ".weight", shape: weight), .init(name + ".bias", shape: [weight[0]])]
    }

    /// What remains of an element when its sizes are in the tensors.
    private mutating func keep(_ element: Architecture.Element, _ names: Set<String>) {
        elements.append(
            .init(element.name, element.settings.filter { $0.name.map(names.contains) ?? false }, label: element.label))
    }
}

extension Architecture {
    /// Whether the words alone say that samples have a shape, or any shape that is open in the network that they describe: nothing in them
    /// fits only some sizes.
    fileprivate func determines(_ shape: [Int], of checkpoint: Checkpoint) -> Bool {
        guard let network = try? Chain.network(of: checkpoint, self), case .values(let wanted) = network.input,
            wanted.count == shape.count
        else { return false }
        let others = wanted.contains(nil) ? [1, 2, 7] : []
        return ([0] + others).allSatisfy { step in
            let lengths = zip(wanted, shape).map { $0 == nil ? $1 + step : $1 }
            return (try? network.shapes(for: .values([1] + lengths))) != nil
        }
    }
}
