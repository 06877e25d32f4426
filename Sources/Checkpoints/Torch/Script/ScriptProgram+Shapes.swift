import Glibc
import Text

/// The shapes of what operations give, as far as they follow from the code: nil for lengths that the data decide.
extension ScriptProgram {
    typealias Lengths = [Int?]

    static func power(_ x: Double, _ y: Double) -> Double { pow(x, y) }

    func rank(_ tensor: String) throws(Problem) -> Int {
        guard let shape = shapes[tensor] else {
            throw Problem(
                "needs the number of dimensions of the samples, which the code does not say",
                expected: "a model that was traced and not frozen", hint: .giveSampleShape)
        }
        return shape.count
    }

    func axis(_ place: Int, _ rank: Int) throws(Problem) -> Int {
        let own = place < 0 ? place &+ rank : place
        guard (0..<max(rank, 1)).contains(own) else { throw Problem("has no such dimension", found: "\(place) of \(rank)") }
        return own
    }

    /// Says what shape samples have, if `tensor` has that of the samples and it is not known yet.
    private mutating func settle(_ tensor: String, _ shape: Lengths, type: Int? = nil) {
        guard open.contains(tensor) else { return }
        for name in open { shapes[name] = shape }
        if let type { giveType(type) }
        open = []
    }

    /// Gives samples a type other than that of numbers with a point, and what has its type from them.
    private mutating func giveType(_ type: Int) {
        var given = open.subtracting(nodes.flatMap(\.outputs))
        func isRounded(_ node: Node) -> Bool { node.inputs.contains { $0.name == "rounding_mode" && !$0.value.isNone } }
        for node in nodes where Self.keepingWhole.contains(node.name) || isRounded(node) {
            let isReal = node.inputs.contains { if case .real? = $0.value.setting { true } else { false } }
            let isOfSamples = node.inputs.allSatisfy { input in
                input.value.tensor.map { given.contains($0) || types[$0] != Self.float } ?? true
            }
            if !isReal, isOfSamples, let output = node.outputs.first, open.contains(output), types[output] == Self.float,
                !casts.contains(output)
            {
                given.insert(output)
            }
        }
        for name in given { types[name] = type }
    }

    /// Operations that give whole numbers of whole numbers.
    private static let keepingWhole: Set<String> = [
        "add", "sub", "rsub", "mul", "remainder", "fmod", "floor_divide", "maximum", "minimum", "masked_fill", "flatten", "relu", "neg",
        "abs", "sign", "floor", "ceil", "round", "square", "contiguous", "clone", "detach", "alias", "dropout", "clamp", "clamp_min",
        "clamp_max", "max", "min", "pow", "bitwise_and", "bitwise_or", "bitwise_xor", "__and__", "__or__", "__xor__", "to",
    ]

    /// The type and the shapes of an operation's outputs; a shape is nil if it is that of the samples, which is not known.
    mutating func outputs(of operation: String, _ values: [(String, ScriptValue)]) throws(Problem) -> (type: Int, shapes: [Lengths?]) {
        func value(_ name: String) -> ScriptValue { values.first { $0.0 == name }?.1 ?? .none }
        func tensor(_ name: String) throws(Problem) -> String {
            guard let tensor = value(name).tensor else { throw Problem("has no tensor '\(name)'", found: value(name).kind) }
            return tensor
        }
        func stored(_ name: String) -> Lengths { value(name).tensor.flatMap { shapes[$0] } ?? [] }
        func numbers(_ name: String) -> [Int]? {
            if let single = value(name).integer { return [single] }
            let numbers = value(name).items?.compactMap(\.integer)
            return numbers?.count == value(name).items?.count ? numbers : nil
        }
        let main = values.first?.1.tensor
        let type = type(of: operation, values, main.flatMap { types[$0] } ?? Self.float)
        func same() -> [Lengths?] { [main.flatMap { shapes[$0] }] }
        if let found = try windowing(operation, values, type) { return found }
        switch operation {
        case "linear":
            let (input, weight) = (try tensor("input"), stored("weight"))
            guard weight.count == 2 else { throw Problem("has a weight that is no stored matrix") }
            settle(input, Lengths(repeating: nil, count: sampleRank - 1) + [weight[1]])
            guard let shape = shapes[input], !shape.isEmpty else { throw Problem("reads a single number") }
            return (type, [shape.dropLast() + [weight[0]]])
        case "conv1d", "conv2d", "convolution":
            let (input, weight) = (try tensor("input"), stored("weight"))
            guard weight.count >= 3, let channels = weight[1] else { throw Problem("has filters that are not stored") }
            let groups = numbers("groups")?.first ?? 1
            if case .boolean(true)? = values.first(where: { $0.0 == "transposed" })?.1 {
                let open = Lengths(repeating: nil, count: weight.count - 2)
                settle(input, [nil, weight[0]] + open)
                guard let shape = shapes[input], shape.count == weight.count else {
                    throw Problem("reads another number of dimensions than its filters have")
                }
                let sides = raised(
                    Array(shape[2...]), kernel: Array(weight[2...]), stride: numbers("stride"), padding: numbers("padding"),
                    dilation: numbers("dilation"), extra: numbers("output_padding"))
                return (type, [[shape[0], channels.multipliedReportingOverflow(by: groups).partialValue] + sides])
            }
            settle(
                input,
                [nil, channels.multipliedReportingOverflow(by: groups).partialValue] + Lengths(repeating: nil, count: weight.count - 2))
            guard let shape = shapes[input], shape.count == weight.count else {
                throw Problem("reads another number of dimensions than its filters have")
            }
            let sides = weight.count - 2
            // A padding of 'same' keeps the size; one of 'valid' is none.
            if case .text("same") = value("padding") { return (type, [[shape[0], weight[0]] + shape[2...]]) }
            let places = windows(
                Array(shape[2...]), kernel: Array(weight[2...]), stride: numbers("stride"), padding: numbers("padding"),
                dilation: numbers("dilation"), sides)
            // So much that the images keep their size, or none.
            if case .text("same") = value("padding") { return (type, [[shape[0], weight[0]] + shape[2...]]) }
            return (type, [[shape[0], weight[0]] + places])
        case "max_pool1d", "max_pool2d", "avg_pool1d", "avg_pool2d":
            let sides = operation.hasSuffix("1d") ? 1 : 2
            guard let shape = shapes[try tensor("self")], shape.count == sides + 2 else {
                throw Problem("reads what are no samples with channels")
            }
            let kernel = numbers("kernel_size") ?? []
            let stride = numbers("stride").flatMap { $0.isEmpty ? nil : $0 } ?? kernel
            let roundsUp = if case .boolean(true) = value("ceil_mode") { true } else { false }
            let places = windows(
                Array(shape[2...]), kernel: kernel.map { $0 }, stride: stride, padding: numbers("padding"), dilation: numbers("dilation"),
                sides, roundsUp: roundsUp)
            return (type, [shape[..<2] + places])
        case "adaptive_avg_pool1d", "adaptive_avg_pool2d":
            let sides = operation.hasSuffix("1d") ? 1 : 2
            guard let shape = shapes[try tensor("self")], shape.count == sides + 2, let size = numbers("output_size") else {
                throw Problem("reads what are no samples with channels")
            }
            return (type, [shape[..<2] + (size.count == 1 ? Lengths(repeating: size[0], count: sides) : size.map { $0 })])
        case "batch_norm":
            let count = stored("running_mean").first ?? nil
            settle(try tensor("input"), [nil, count])
            return (type, same())
        case "layer_norm", "rms_norm":
            settle(try tensor("input"), [nil] + (numbers("normalized_shape") ?? []))
            return (type, same())
        case "embedding":
            settle(try tensor("indices"), [nil, nil], type: Self.wholeNumber)
            let (indices, table) = (stored("indices"), stored("weight"))
            guard table.count == 2 else { throw Problem("has a table that is not stored") }
            return (types[try tensor("weight")] ?? Self.float, [indices + [table[1]]])
        case "matmul", "bmm", "mm":
            let second = operation == "matmul" ? "other" : "mat2"
            // Rows that are multiplied by a stored matrix.
            if let input = main, let factor = value(second).tensor, isTensor(factor), let rows = stored(second).first,
                stored(second).count == 2
            {
                settle(input, Lengths(repeating: nil, count: sampleRank - 1) + [rows])
            }
            let (a, b) = (stored("self"), stored(second))
            guard a.count >= 2, b.count >= 2 else { throw Problem("multiplies what are no matrices") }
            return (type, [try broadcast(Array(a.dropLast(2)), Array(b.dropLast(2))) + [a[a.count - 2], b[b.count - 1]]])
        case "addmm":
            let (a, b) = (stored("mat1"), stored("mat2"))
            guard a.count == 2, b.count == 2 else { throw Problem("multiplies what are no matrices") }
            return (type, [[a[0], b[1]]])
        case "scaled_dot_product_attention":
            let (query, values) = (stored("query"), stored("value"))
            guard query.count >= 2, values.count >= 2 else { throw Problem("reads what are no rows") }
            return (type, [query.dropLast() + [values[values.count - 1]]])
        case "arange": return (type, [[nil]])
        case "scalar_tensor": return (type, [[]])
        case "full", "zeros", "ones", "empty": return (type, [try lengths(value("size"), of: nil)])
        case "where":
            let condition = try broadcast(stored("condition"), stored("self"))
            return (type, [try broadcast(condition, stored("other"))])
        case "eq", "ne", "gt", "lt", "ge", "le", "logical_and", "logical_or", "logical_not", "logical_xor", "bitwise_and", "bitwise_or",
            "bitwise_xor", "bitwise_not", "__and__", "__or__", "__xor__", "add", "sub", "rsub", "mul", "div", "true_divide", "floor_divide",
            "remainder", "fmod", "pow", "maximum", "minimum", "max", "min", "masked_fill", "prelu", "lerp", "addcmul", "clamp", "clamp_min",
            "clamp_max":
            let tensors = values.compactMap(\.1.tensor)
            if tensors.contains(where: open.contains) { return (type, [nil]) }
            let read = operation == "prelu" ? Array(tensors.prefix(1)) : tensors
            var shape: Lengths = []
            for tensor in read { shape = try broadcast(shape, shapes[tensor] ?? []) }
            return (type, [shape])
        default: return try reshaping(operation, values, type)
        }
    }

    /// Outputs of operations that change the shape alone, or reduce it.
    private mutating func reshaping(
        _ operation: String, _ values: [(String, ScriptValue)], _ type: Int
    ) throws(Problem) -> (type: Int, shapes: [Lengths?]) {
        func value(_ name: String) -> ScriptValue { values.first { $0.0 == name }?.1 ?? .none }
        guard
            let source = value(operation == "cat" ? "tensors" : "self").tensor ?? values.first?.1.tensor
                ?? value("tensors").items?.first?.tensor
        else { throw Problem("reads no tensor") }
        guard let shape = shapes[source] else {
            // What leaves the samples' shape alone, or makes one row of each, waits until it is known.
            if operation == "flatten", value("start_dim").integer == 1 { return (type, [nil]) }
            guard Self.keeping.contains(operation) else { _ = try rank(source); return (type, [nil]) }
            return (type, [nil])
        }
        func place(_ name: String, _ standard: Int? = nil, extra: Int = 0) throws(Problem) -> Int {
            guard let number = value(name).integer ?? standard else { throw Problem("has no setting '\(name)'") }
            return try axis(number, shape.count + extra)
        }
        if let found = try marked(operation, shape, value) { return (type, [found]) }
        switch operation {
        case "flatten":
            let (first, last) = (try place("start_dim", 0), try place("end_dim", -1))
            guard first <= last, !shape.isEmpty else { return (type, [shape]) }
            return (type, [shape[..<first] + [product(shape[first...last])] + shape[(last + 1)...]])
        case "view", "reshape": return (type, [try lengths(value(operation == "view" ? "size" : "shape"), of: shape)])
        case "unflatten":
            let axis = try place("dim")
            return (type, [shape[..<axis] + (try lengths(value("sizes"), of: [shape[axis]])) + shape[(axis + 1)...]])
        case "diff":
            var lengths = shape
            let axis = try place("dim", -1)
            for name in ["prepend", "append"] {
                guard let other = value(name).tensor.flatMap({ shapes[$0] }), axis < other.count else { continue }
                lengths[axis] = lengths[axis].flatMap { own in other[axis].map { own.addingReportingOverflow($0).partialValue } }
            }
            lengths[axis] = lengths[axis].map { max(0, $0 - 1) }
            return (type, [lengths])
        case "repeat":
            guard let items = value("repeats").items, items.count >= shape.count else { throw Problem("has no list of numbers") }
            let kept = Lengths(repeating: 1, count: items.count - shape.count) + shape
            return (
                type,
                [
                    zip(items, kept).map { item, own in
                        item.integer.flatMap { times in own.map { $0.multipliedReportingOverflow(by: times).partialValue } }
                    }
                ]
            )
        case "cumsum": return (type == Self.float ? type : Self.wholeNumber, [shape])
        case "gather": return (type, [value("index").tensor.flatMap { shapes[$0] }.flatMap(\.self)])
        case "expand_as", "reshape_as", "view_as": return (type, [value("other").tensor.flatMap { shapes[$0] }.flatMap(\.self)])
        case "pixel_shuffle":
            guard shape.count == 4, let factor = value("upscale_factor").integer, (1...1 << 16).contains(factor) else {
                throw Problem("is of no batch of images")
            }
            return (type, [[shape[0], shape[1].map { $0 / (factor * factor) }, nil, nil]])
        case "expand":
            guard let items = value("size").items, items.count >= shape.count else { throw Problem("has no list of lengths") }
            let kept = Lengths(repeating: nil, count: items.count - shape.count) + shape
            return (type, [zip(items, kept).map { $0.integer == -1 ? $1 : $0.integer }])
        case "permute":
            guard let order = value("dims").items?.compactMap(\.integer), order.count == shape.count else {
                throw Problem("has no order of dimensions")
            }
            var lengths: Lengths = []
            for number in order { lengths.append(shape[try axis(number, shape.count)]) }
            return (type, [lengths])
        case "transpose":
            var lengths = shape
            lengths.swapAt(try place("dim0"), try place("dim1"))
            return (type, [lengths])
        case "t", "numpy_T": return (type, [shape.reversed()])
        case "mT":
            guard shape.count >= 2 else { throw Problem("has no matrices") }
            return (type, [shape.dropLast(2) + [shape[shape.count - 1], shape[shape.count - 2]]])
        case "unsqueeze":
            var lengths = shape
            lengths.insert(1, at: try place("dim", extra: 1))
            return (type, [lengths])
        case "squeeze":
            guard value("dim").integer != nil else {
                // All dimensions of one entry, but not that of the samples.
                guard shape.dropFirst().allSatisfy({ $0 != nil }) else {
                    throw Problem("names no dimension, and some have lengths that the code does not say", expected: "squeeze(dim)")
                }
                return (type, [shape.filter { $0 != 1 }])
            }
            var lengths = shape
            let axis = try place("dim")
            guard let length = lengths[axis] else { throw Problem("is of a dimension that is not known to be 1") }
            if length == 1 { lengths.remove(at: axis) }
            return (type, [lengths])
        case "select", "slice":
            var lengths = shape
            let axis = try place("dim", operation == "slice" ? 0 : nil)
            if operation == "select" { lengths.remove(at: axis) } else { lengths[axis] = sliced(shape[axis], value) }
            return (type, [lengths])
        case "split", "split_with_sizes", "chunk", "unbind": return (type, try parts(operation, shape, value))
        case "cat":
            let all = value("tensors").items?.compactMap { $0.tensor.flatMap { shapes[$0] } } ?? []
            let axis = try place("dim", 0)
            var lengths = shape
            lengths[axis] = all.reduce(0 as Int?) { sum, other in
                sum.flatMap { sum in axis < other.count ? other[axis].map { sum.addingReportingOverflow($0).partialValue } : nil }
            }
            return (type, [lengths])
        case "mean", "sum", "amax", "amin", "prod":
            let axes = try reducedAxes(value("dim"), shape.count)
            let keeps = if case .boolean(true) = value("keepdim") { true } else { false }
            return (type, [shape.indices.compactMap { axes.contains($0) ? (keeps ? .some(1) : nil) : .some(shape[$0]) }])
        case "glu":
            var lengths = shape
            let axis = try place("dim", -1)
            lengths[axis] = lengths[axis].map { $0 / 2 }
            return (type, [lengths])
        case "index":
            let items = value("indices").items ?? []
            let given = items.indices.filter { items[$0].tensor != nil }
            guard let first = given.first, let last = given.last, last < shape.count else { throw Problem("has no list of entries") }
            // Several lists are repeated to one shape, which stands where they do, or in front if they are apart.
            var own: Lengths = []
            for place in given { own = try broadcast(own, items[place].tensor.flatMap { shapes[$0] } ?? []) }
            let rest = shape.indices.filter { !given.contains($0) }
            let before = given == Array(first...last) ? rest.filter { $0 < first } : []
            return (type, [before.map { shape[$0] } + own + rest.filter { !before.contains($0) }.map { shape[$0] }])
        case "index_select":
            var lengths = shape
            let axis = try place("dim")
            guard axis < shape.count, let list = value("index").tensor, let own = shapes[list] else {
                throw Problem("has no list of entries")
            }
            lengths.replaceSubrange(axis...axis, with: own)
            return (type, [lengths])
        case "constant_pad_nd", "pad":
            guard let pads = value("pad").items?.map({ $0.integer ?? .max }), pads.count % 2 == 0, pads.count <= 2 * shape.count else {
                return (type, [Lengths(repeating: nil, count: shape.count)])
            }
            var lengths = shape
            // The last dimension comes first.
            for place in 0..<pads.count / 2 {
                let (axis, own) = (shape.count - 1 - place, pads[2 * place...2 * place + 1])
                let isKnown = ([lengths[axis] ?? .max] + own).allSatisfy { (-1 << 40..<1 << 40).contains($0) }
                lengths[axis] = isKnown ? lengths[axis].map { $0 + own.reduce(0, +) } : nil
            }
            return (type, [lengths])
        case _ where Self.keeping.contains(operation) || Self.keepingKnown.contains(operation): return (type, [shape])
        default: throw Problem("gives a tensor whose shape does not follow from the code")
        }
    }

    /// Operations whose output has the input's shape, and which may wait for it.
    private static let keeping: Set<String> = [
        "relu", "tanh", "sigmoid", "exp", "log", "sqrt", "neg", "abs", "erf", "sin", "cos", "reciprocal", "mish", "selu", "hardswish",
        "sign", "floor", "ceil", "silu", "rsqrt", "hardsigmoid", "relu6", "contiguous", "clone", "detach", "alias", "gelu", "leaky_relu",
        "elu", "celu", "softplus", "hardtanh", "square", "log1p", "log2", "log_sigmoid", "round", "expm1", "tan", "asin", "acos", "atan",
        "sinh", "cosh", "asinh", "acosh", "atanh", "dropout", "feature_dropout",
        "alpha_dropout", "to", "clamp", "clamp_min", "clamp_max",
    ]

    /// Further operations whose output has the input's shape.
    private static let keepingKnown: Set<String> = [
        "softmax", "log_softmax", "group_norm", "instance_norm", "full_like", "zeros_like", "ones_like", "tril", "triu", "flip", "roll",
        "fill", "copy", "zero", "index_put", "channel_shuffle", "empty_like",
    ]
}
