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
    /// The shape of a sample, then the chain as in an ``Architecture`` with the sizes of its modules: a convolution's channels and kernel, a
    /// linear layer's outputs. The input size of a module follows from the elements before it.
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
        var builder = ChainBlueprintBuilder(shape: input)
        for element in elements { try builder.add(element) }
        return builder.finished
    }
}

/// Adds one element of a chain after the other, with the shape of what comes out of it.
private struct ChainBlueprintBuilder {
    /// Of one sample.
    private var shape: [Int]
    private var blueprint = Blueprint()
    private var elements: [Architecture.Element] = []

    init(shape: [Int]) { self.shape = shape }

    var finished: Blueprint {
        var blueprint = blueprint
        blueprint.architecture = Architecture(elements)
        return blueprint
    }

    /// The kinds of modules, by the first letters of their names.
    private static let modules = ["conv", "fc", "linear", "bn", "batchnorm", "ln", "layernorm"]

    mutating func add(_ element: Architecture.Element) throws(Problem) {
        let name = element.name.split(separator: ".").last.map { $0.lowercased() } ?? ""
        let letters = String(name.prefix { $0.isLetter })
        switch letters {
        case "conv": try addConvolution(element)
        case "fc", "linear": try addLinear(element)
        case "bn", "batchnorm", "ln", "layernorm": try addNorm(element, isBatch: letters.hasPrefix("b"))
        default:
            guard let operation = try ChainOperations.operation(element) else {
                throw Problem(
                    "is neither a module nor an operation", setting: .architecture, subject: "'\(element.name)'",
                    expected:
                        "a name that begins with \(Self.modules.joined(separator: ", ")), or \(ChainOperations.names.joined(separator: ", "))"
                )
            }
            shape = try output(of: operation, element, parameters: [])
            elements.append(element)
        }
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
        try addModule(element.name, weight: weight, fanIn: weight.dropFirst().reduce(1, *), hasBias: hasBias)
        shape = try output(of: operation, element, parameters: [weight])
        keep(element, ["stride", "padding", "dilation", "groups"])
    }

    private mutating func addLinear(_ element: Architecture.Element) throws(Problem) {
        var settings = SettingsReader(element)
        let out = try settings.integer("out", default: nil, minimum: 1, isPositional: true)
        let hasBias = try bias(&settings)
        try settings.end()
        guard shape.count == 1 else {
            throw Problem(
                "cannot read this shape", setting: .architecture, subject: "'\(element)'", expected: "a flatten before it",
                found: words(shape))
        }
        try addModule(element.name, weight: [out, shape[0]], fanIn: shape[0], hasBias: hasBias)
        shape = [out]
        keep(element, [])
    }

    private mutating func addNorm(_ element: Architecture.Element, isBatch: Bool) throws(Problem) {
        var settings = SettingsReader(element)
        let operation =
            isBatch
            ? try ChainOperations.batchNorm(&settings, parameterCount: 2, subject: "'\(element)'")
            : try ChainOperations.layerNorm(&settings)
        try settings.end()
        let width = isBatch ? shape[0] : shape[shape.count - 1]
        try blueprint.add(element.name + ".weight", [width], .constant(1))
        try blueprint.add(element.name + ".bias", [width], .constant(0))
        if isBatch {
            try blueprint.add(element.name + ".running_mean", [width], .constant(0))
            try blueprint.add(element.name + ".running_var", [width], .constant(1))
            try blueprint.add(element.name + ".num_batches_tracked", [], .constant(0), dtype: .i64)
        }
        shape = try output(of: operation, element, parameters: [[Int]](repeating: [width], count: isBatch ? 4 : 2))
        elements.append(element)
    }

    private func bias(_ settings: inout SettingsReader) throws(Problem) -> Bool {
        try settings.choice("bias", of: ["true", "false"], default: "true") == "true"
    }

    private mutating func addModule(_ name: String, weight: [Int], fanIn: Int, hasBias: Bool) throws(Problem) {
        try blueprint.add(name + ".weight", weight, .torchDefault(fanIn: fanIn))
        if hasBias { try blueprint.add(name + ".bias", [weight[0]], .torchDefault(fanIn: fanIn)) }
    }

    /// What remains of an element when its sizes are in the tensors.
    private mutating func keep(_ element: Architecture.Element, _ names: Set<String>) {
        elements.append(.init(element.name, element.settings.filter { $0.name.map(names.contains) ?? false }))
    }

    private func output(of operation: any Operation, _ element: Architecture.Element, parameters: [[Int]]) throws(Problem) -> [Int] {
        do throws(Problem) {
            return Array(try operation.outputShape(inputs: [[1] + shape], parameters: parameters, batch: .values([1] + shape)).dropFirst())
        } catch {
            throw Problem(
                error.what, setting: .architecture, subject: "'\(element)'", expected: error.expected, found: error.found)
        }
    }
}
