/// The weights of an archive that `torch.jit.freeze` made. They are constants of its code, and nothing says which modules had them: each is named
/// after the operation that reads it first, `linear_2.weight`.
struct ScriptWeights {
    /// By the names of the constants in the code.
    private(set) var names: [String: String] = [:]
    /// Those that training changes: all but masks and the statistics of batch norms.
    private(set) var learned: Set<String> = []
    private let candidates: Set<String>
    /// Products with a weight that has its name from them, and what they add.
    var products: Set<String> = []
    /// The weight whose numbers a value shows in another form.
    private var shown: [String: String] = [:]

    /// - Parameter tensors: those of a frozen archive; none if the archive is not frozen.
    init(_ tensors: [TensorRecord]) {
        candidates = Set(
            tensors.lazy.filter { $0.name.hasPrefix("CONSTANTS.") && $0.dtype.isFloatingPoint && !$0.shape.isEmpty }.map(\.name))
    }

    /// Whether a value is a weight without a name so far.
    func isUnnamed(_ value: String) -> Bool {
        let source = shown[value] ?? value
        return candidates.contains(source) && names[source] == nil
    }

    /// Whether a tensor is a weight.
    func holds(_ tensor: String) -> Bool { candidates.contains(tensor) }

    /// Names a weight that has had its name from an operation that reads another one now.
    mutating func rename(_ tensor: String, _ name: String) {
        names[tensor] = name
        learned.insert(tensor)
    }

    /// Names a weight, unless it has a name.
    ///
    /// - Parameter role: what the operation that reads it calls it.
    mutating func name(_ value: String, _ name: String, role: String) {
        guard isUnnamed(value) else { return }
        let source = shown[value] ?? value
        names[source] = name
        if !role.hasPrefix("running_"), role != Self.mask { learned.insert(source) }
    }

    /// What a mask is called, whatever adds it.
    static let mask = "mask"

    /// What an operation calls an operand; that which is a weight has this name too where PyTorch's function calls it otherwise.
    static func role(of parameter: String, in operation: String) -> String { roles[operation]?[parameter] ?? parameter }

    /// Notes that a value shows the numbers of a weight in another form.
    mutating func show(_ source: String, as value: String) {
        let source = shown[source] ?? source
        if candidates.contains(source) { shown[value] = source }
    }

    private static let roles: [String: [String: String]] = [
        "matmul": ["self": "weight", "other": "weight"], "mm": ["self": "weight", "mat2": "weight"],
        "bmm": ["self": "weight", "mat2": "weight"], "addmm": ["self": "bias", "mat1": "weight", "mat2": "weight"],
    ]
}

extension ScriptProgram {
    /// Names the weights that an operation reads.
    ///
    /// - Parameter outputs: the names of what it makes.
    mutating func nameWeights(of operation: String, _ values: [Named], _ outputs: [String]) {
        let isView = TensorAliases.viewing.contains(operation)
        for (parameter, value) in values {
            for name in value.tensor.map({ [$0] }) ?? value.items?.compactMap(\.tensor) ?? [] {
                if isView {
                    for output in outputs { weights.show(name, as: output) }
                } else if weights.isUnnamed(name), let output = outputs.first {
                    // What is added to a product is its bias.
                    let product =
                        operation == "add" && shapes[name]?.count == 1
                        ? values.compactMap(\.1.tensor).first(where: weights.products.contains) : nil
                    let isMask = product == nil && tensors[name]?.isAddedMask == true
                    let role = isMask ? ScriptWeights.mask : product == nil ? ScriptWeights.role(of: parameter, in: operation) : "bias"
                    weights.name(name, unused("\(product ?? output).\(role)"), role: role)
                    if ["matmul", "mm"].contains(operation) { weights.products.insert(output) }
                }
            }
        }
    }

    /// Names the weights in the code of a model that is not run to its end.
    mutating func nameUnreached(of module: ScriptModule) {
        guard let forward = try? method("forward", of: module) else { return }
        nameWeights(in: forward.body)
    }

    private mutating func nameWeights(in lines: [ScriptLine]) {
        for line in lines {
            switch line.statement {
            case .assign(_, let expression, _), .answer(let expression), .expression(let expression): nameWeights(in: expression)
            case .condition(let condition, let first, let second):
                nameWeights(in: condition)
                nameWeights(in: first)
                nameWeights(in: second)
            case .loop(_, _, let lines), .context(_, let lines), .other(_, let lines): nameWeights(in: lines)
            }
        }
    }

    private mutating func nameWeights(in expression: ScriptExpression) {
        switch expression {
        case .call(.attribute(_, let operation), let arguments, let named):
            let schema = Self.schemas[operation] ?? []
            var site: String?
            for (place, argument) in arguments.enumerated() {
                guard case .attribute(.name("CONSTANTS"), let constant) = argument, weights.isUnnamed("CONSTANTS." + constant) else {
                    nameWeights(in: argument)
                    continue
                }
                let output = site ?? unused(operation)
                site = output
                let role =
                    tensors["CONSTANTS." + constant]?.isAddedMask == true
                    ? ScriptWeights.mask : ScriptWeights.role(of: place < schema.count ? schema[place] : "\(place)", in: operation)
                weights.name("CONSTANTS." + constant, unused("\(output).\(role)"), role: role)
            }
            for argument in named { nameWeights(in: argument.value) }
        case .call(let callee, let arguments, let named):
            nameWeights(in: callee)
            for argument in arguments + named.map(\.value) { nameWeights(in: argument) }
        case .attribute(let base, _): nameWeights(in: base)
        case .index(let base, let index):
            nameWeights(in: base)
            nameWeights(in: index)
        case .list(let items), .tuple(let items): for item in items { nameWeights(in: item) }
        case .dictionary(let pairs): for pair in pairs { nameWeights(in: pair.value) }
        case .name, .integer, .real, .text: break
        }
    }
}
