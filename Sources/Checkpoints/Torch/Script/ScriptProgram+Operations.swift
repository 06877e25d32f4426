import Text

/// Calls of PyTorch's own functions: computed at once where no tensor is read, otherwise operations of the program.
extension ScriptProgram {
    typealias Named = (name: String, value: ScriptValue)

    mutating func operation(_ path: String, _ given: [ScriptValue], _ named: [Named]) throws(Problem) -> ScriptValue {
        let name = path.split(separator: ".").last.map(String.init) ?? path
        if let known = try known(name, given) { return known }
        let subject = "operation '\(path)'"
        do throws(Problem) {
            if let made = try synonym(name, given, named) { return made }
            if let made = try special(name, given, named) { return made }
            if let schema = Self.schemas[name] { return try emit(name, bound(schema, given, named)) }
            if name.hasSuffix("_"), !name.hasSuffix("__"), let schema = Self.schemas[String(name.dropLast())] {
                return try overwriting(String(name.dropLast()), bound(schema, given, named))
            }
        } catch {
            throw error.subject == nil ? error.about(subject) : error
        }
        throw TorchExportConversion.refusal(name).about(subject)
    }

    // MARK: Constants

    /// What a function gives that reads no tensor's numbers; nil if it is an operation.
    private mutating func known(_ name: String, _ given: [ScriptValue]) throws(Problem) -> ScriptValue? {
        if let found = try contained(name, given) { return found }
        switch (name, given.count) {
        case ("RaiseException", _):
            let text: String? = if case .text(let text)? = given.first { text } else { nil }
            throw Problem("its code refuses its input", found: text)
        case ("warn", _), ("device", _): return .other
        case ("dtype", 1), ("prim_dtype", 1):
            guard let tensor = given[0].tensor else { return nil }
            return Self.scriptTypes.first { $0.value == types[tensor] }.map { .integer($0.key) }
        case ("is_cuda", 1): return .boolean(false)
        case ("NumToTensor", 1), ("ScalarImplicit", 1), ("IntImplicit", 1), ("FloatImplicit", 1), ("item", 1), ("Int", 1), ("Float", 1):
            return given[0].tensor == nil ? given[0] : nil
        case ("__is__", 2), ("__isnot__", 2):
            var isSame = given[0].isNone && given[1].isNone
            if let first = given[0].tensor, let second = given[1].tensor {
                isSame = first == second
            } else if !given[0].isNone, !given[1].isNone {
                return nil
            }
            return .boolean(isSame == (name == "__is__"))
        case ("__not__", 1):
            if case .boolean(let flag) = given[0] { return .boolean(!flag) }
            return nil
        case ("append", 2):
            guard case .list(let list) = given[0] else { return nil }
            guard list.values.count < 1 << 12 else { throw Problem("a list in its code is too long") }
            try checkNesting([given[1]])
            list.values.append(given[1])
            return given[0]
        case ("list", 1): return given[0].items.map { .list(.init($0)) }
        case ("dim", 1):
            guard let tensor = given[0].tensor else { return nil }
            return .integer(try rank(tensor))
        case ("size", 1), ("size", 2):
            guard let tensor = given[0].tensor else { return nil }
            if given.count == 2 {
                guard let place = given[1].integer else { return nil }
                if place >= 0, shapes[tensor] == nil { return computedLength(of: tensor, place) }
                return try length(of: tensor, try axis(place, try rank(tensor)))
            }
            var lengths: [ScriptValue] = []
            for place in 0..<(try rank(tensor)) { lengths.append(try length(of: tensor, place)) }
            return .list(.init(lengths))
        case ("numel", 1):
            guard let tensor = given[0].tensor else { return nil }
            var product = ScriptValue.integer(1)
            for place in 0..<(try rank(tensor)) {
                guard let next = try arithmetic("mul", product, try length(of: tensor, place)) else { return nil }
                product = next
            }
            return product
        case ("slice", 2...4):
            guard let items = given[0].items else { return nil }
            let bounds = [given[1], given.count > 2 ? given[2] : .none].map(\.integer)
            func bound(_ number: Int?, _ standard: Int) -> Int {
                guard let number else { return standard }
                return max(0, min(items.count, number < 0 ? number &+ items.count : number))
            }
            guard given.count < 4 || given[3].integer == 1 else { return nil }
            let (first, end) = (bound(bounds[0], 0), bound(bounds[1], items.count))
            return .list(.init(Array(items[first..<max(first, end)])))
        case ("neg", 1):
            if let number = given[0].integer, number != .min { return .integer(-number) }
            if case .real(let number) = given[0] { return .real(-number) }
            return nil
        case (_, 2...3):
            if name == "add", let first = given[0].items, let second = given[1].items {
                guard first.count + second.count < 1 << 12 else { throw Problem("a list in its code is too long") }
                return .list(.init(first + second))
            }
            return try arithmetic(name, given[0], given[1])
        default: return nil
        }
    }

    /// The numbers of PyTorch's types in code, by torch.export's.
    static let scriptTypes = [0: 1, 1: 2, 2: 3, 3: 4, 4: 5, 5: 6, 6: 7, 7: 8, 11: 12, 15: 13]

    /// A length of a tensor: a number where it is known, otherwise a computed one.
    private mutating func length(of tensor: String, _ axis: Int) throws(Problem) -> ScriptValue {
        if let known = shapes[tensor]?[axis] { return .integer(known) }
        return computedLength(of: tensor, axis)
    }

    private mutating func computedLength(of tensor: String, _ axis: Int) -> ScriptValue {
        let key = "\(tensor) \(axis)"
        if let known = computedLengths[key] { return .symbol(known) }
        let name = unused("size")
        computedLengths[key] = name
        nodes.append(
            Node(
                target: "torch.ops.aten.sym_size.int", inputs: inputs([("self", .tensor(tensor)), ("dim", .integer(axis))]), outputs: [name]
            ))
        return .symbol(name)
    }

    /// Two numbers combined or compared; nil if one is a tensor or the function is no such.
    mutating func arithmetic(_ name: String, _ a: ScriptValue, _ b: ScriptValue) throws(Problem) -> ScriptValue? {
        if case .text(let first) = a, case .text(let second) = b, name == "eq" || name == "ne" {
            return .boolean((first == second) == (name == "eq"))
        }
        if let first = a.items, let second = b.items, name == "eq" || name == "ne" {
            var isSame = first.count == second.count
            for (x, y) in zip(first, second) {
                switch (x, y) {
                case (.symbol(let x), .symbol(let y)) where x == y: continue
                default:
                    guard let x = x.integer, let y = y.integer else { return nil }
                    isSame = isSame && x == y
                }
            }
            return .boolean(isSame == (name == "eq"))
        }
        // One computed number under one name.
        if case .symbol(let x) = a, case .symbol(let y) = b, x == y, name == "eq" || name == "ne" { return .boolean(name == "eq") }
        guard a.tensor == nil, b.tensor == nil else { return nil }
        if name == "eq" || name == "ne" {
            switch (a, b) {
            case (.symbol, .integer), (.integer, .symbol): return .undecided(isEqual: name == "eq")
            default: break
            }
        }
        if let (x, y) = a.real.flatMap({ x in b.real.map { (x, $0) } }) {
            switch name {
            case "eq": return .boolean(x == y)
            case "ne": return .boolean(x != y)
            case "lt": return .boolean(x < y)
            case "le": return .boolean(x <= y)
            case "gt": return .boolean(x > y)
            case "ge": return .boolean(x >= y)
            case "div": return y == 0 ? nil : .real(x / y)
            default: break
            }
            if let x = a.integer, let y = b.integer {
                let result: (partialValue: Int, overflow: Bool)
                switch name {
                case "add": result = x.addingReportingOverflow(y)
                case "sub": result = x.subtractingReportingOverflow(y)
                case "rsub": result = y.subtractingReportingOverflow(x)
                case "mul": result = x.multipliedReportingOverflow(by: y)
                case "floordiv", "floor_divide", "remainder":
                    // Python's: down, with the sign of the divisor.
                    guard y != 0, x > .min else { return nil }
                    let isBelow = x % y != 0 && (x < 0) != (y < 0)
                    result = name == "remainder" ? (x % y + (isBelow ? y : 0), false) : (x / y - (isBelow ? 1 : 0), false)
                case "pow": return .real(Self.power(Double(x), Double(y)))
                default: return nil
                }
                guard !result.overflow else { throw Problem("a number in its code is too large") }
                return .integer(result.partialValue)
            }
            switch name {
            case "add": return .real(x + y)
            case "sub": return .real(x - y)
            case "rsub": return .real(y - x)
            case "mul": return .real(x * y)
            case "pow": return .real(Self.power(x, y))
            default: return nil
            }
        }
        let operations = [
            "add": "add", "sub": "sub", "rsub": "sub", "mul": "mul", "floordiv": "floordiv", "floor_divide": "floordiv",
        ]
        guard let operation = operations[name] else { return nil }
        let (a, b) = name == "rsub" ? (b, a) : (a, b)
        for value in [a, b] {
            switch value {
            case .integer, .symbol: continue
            default: return nil
            }
        }
        let made = unused("number")
        nodes.append(Node(target: "_operator.\(operation)", inputs: inputs([("a", a), ("b", b)]), outputs: [made]))
        return .symbol(made)
    }

    // MARK: Operations

    /// The names of parameters with what they are given.
    func bound(_ schema: [String], _ given: [ScriptValue], _ named: [Named]) throws(Problem) -> [Named] {
        guard given.count <= schema.count else {
            throw Problem("has more operands than are known", expected: "\(schema.count)", found: "\(given.count)")
        }
        return zip(schema, given).map { ($0, $1) } + named
    }

    private func inputs(_ values: [Named]) -> [(name: String, value: TorchExportGraph.Argument)] {
        values.compactMap { name, value in
            value.argument.map { (name, $0) }
        }
    }

    /// Adds an operation to the program.
    ///
    /// - Parameter isInPlace: whether it writes into its first tensor.
    mutating func emit(_ operation: String, _ values: [Named], isInPlace: Bool = false) throws(Problem) -> ScriptValue {
        for (name, value) in values where value.argument == nil {
            if case .other = value, Self.places.contains(name) { continue }
            throw Problem("reads what is no operand", found: value.kind)
        }
        let (kind, outputs) = try outputs(of: operation, values)
        let names = outputs.map { _ in unused(operation) }
        for (name, shape) in zip(names, outputs) {
            types[name] = kind
            if let shape { shapes[name] = shape } else { open.insert(name) }
        }
        nameWeights(of: operation, values, names)
        nodes.append(Node(target: "torch.ops.aten.\(operation)\(isInPlace ? "_" : "").default", inputs: inputs(values), outputs: names))
        if Self.several.contains(operation) || names.count > 1 { return .list(.init(names.map { .tensor($0) })) }
        return .tensor(names[0])
    }

    /// An operation that writes its result into its first tensor, which is its value.
    private mutating func overwriting(_ operation: String, _ values: [Named]) throws(Problem) -> ScriptValue {
        guard let target = values.first?.value.tensor else { throw Problem("overwrites what is no tensor") }
        if let first = firstWithoutGradients, !nodes[first...].contains(where: { $0.outputs.contains(target) }) {
            throw Problem("overwrites numbers without passing gradients, which is not run", found: "'\(target)'")
        }
        let made = try emit(operation, values, isInPlace: true)
        if let name = made.tensor { types[name] = types[target] }
        return .tensor(target)
    }

    /// Functions with a form of their own; nil for others.
    private mutating func special(_ name: String, _ given: [ScriptValue], _ named: [Named]) throws(Problem) -> ScriptValue? {
        switch name {
        case "_convolution":
            let schema = ["input", "weight", "bias", "stride", "padding", "dilation", "transposed", "output_padding", "groups"]
            return try emit("convolution", bound(schema, Array(given.prefix(9)), []))
        case "conv_transpose1d", "conv_transpose2d":
            let schema = ["input", "weight", "bias", "stride", "padding", "output_padding", "groups", "dilation"]
            return try emit("convolution", bound(schema, given, named) + [("transposed", .boolean(true))])
        case "_convolution_mode":
            let rank = given.count > 1 ? given[1].tensor.flatMap { shapes[$0]?.count } : nil
            return try emit(
                rank == 3 ? "conv1d" : "conv2d",
                bound(["input", "weight", "bias", "stride", "padding", "dilation", "groups"], given, named))
        case "dropout_", "feature_dropout_", "alpha_dropout_":
            // Outside of training it writes nothing.
            guard given.count == 3, case .boolean(false) = given[2] else { return nil }
            return given[0]
        case "arange":
            let numbers = given.prefix { $0.real != nil || { if case .symbol = $0 { true } else { false } }($0) }
            guard numbers.count == given.count || named.isEmpty, (1...3).contains(numbers.count) else { return nil }
            let names = numbers.count == 1 ? ["end"] : ["start", "end", "step"]
            return try emit("arange", zip(names, numbers).map { ($0, $1) } + named.filter { $0.name == "dtype" })
        case "to", "type_as":
            var (type, isCast) = (given.first?.tensor.flatMap { types[$0] }, false)
            for value in given.dropFirst() + named.filter({ $0.name == "dtype" }).map(\.value) {
                if let number = value.integer, case .integer = value { (type, isCast) = (Self.scriptTypes[number] ?? -1, true) }
                if let other = value.tensor { (type, isCast) = (types[other], true) }
            }
            // A constant without dimensions is known as its number.
            guard let first = given.first, first.tensor != nil || first.real != nil else { return nil }
            let made = try first.tensor == nil ? emit("scalar_tensor", [("s", first)]) : emit("to", [("self", first)])
            if let type, let name = made.tensor { types[name] = type }
            if isCast, let name = made.tensor { casts.insert(name) }
            return made
        case "tensor":
            // One number; a list of them has no place in a program.
            guard let number = given.first, number.real != nil, given.count == 1 else { return nil }
            return try emit("scalar_tensor", [("s", number)] + named.filter { $0.name == "dtype" })
        case "detach", "lift_fresh", "lift_fresh_copy", "clone", "alias":
            // A constant without dimensions is known as its number.
            guard let number = given.first, number.real != nil else { return nil }
            return number
        case "max", "min":
            // Along a dimension: the numbers and their places.
            if given.count == 1, named.isEmpty { return try emit(name == "max" ? "amax" : "amin", [("self", given[0])]) }
            guard given.count > 1, given[1].integer != nil, given[1].tensor == nil else { return nil }
            return try emit(name, bound(["self", "dim", "keepdim"], given, named))
        case "stack":
            guard let items = given.first?.items, let axis = given.count > 1 ? given[1].integer : 0 else { return nil }
            var apart: [ScriptValue] = []
            for item in items { apart.append(try emit("unsqueeze", [("self", item), ("dim", .integer(axis))])) }
            guard let first = apart.first?.tensor else { return nil }
            let place = try self.axis(axis, try rank(first))
            return try emit("cat", [("tensors", .list(.init(apart))), ("dim", .integer(place))])
        default: return nil
        }
    }

    /// Operands that say where and how numbers are kept.
    private static let places: Set<String> = ["dtype", "layout", "device", "pin_memory", "memory_format", "non_blocking", "copy"]

    /// Operations that give several tensors.
    static let several: Set<String> = [
        "split", "split_with_sizes", "chunk", "unbind", "embedding_bag", "adaptive_max_pool1d", "adaptive_max_pool2d", "var_mean",
        "std_mean",
    ]

    /// The names of the parameters of each function, in the order of PyTorch's schemas.
    static let schemas: [String: [String]] = {
        var schemas: [String: [String]] = [
            "gelu": ["self", "approximate"], "leaky_relu": ["self", "negative_slope"], "elu": ["self", "alpha", "scale", "input_scale"],
            "celu": ["self", "alpha"], "softplus": ["self", "beta", "threshold"], "hardtanh": ["self", "min_val", "max_val"],
            "clamp": ["self", "min", "max"], "add": ["self", "other", "alpha"], "sub": ["self", "other", "alpha"],
            "div": ["self", "other", "rounding_mode"], "rsub": ["self", "other", "alpha"], "pow": ["self", "exponent"],
            "bmm": ["self", "mat2"], "mm": ["self", "mat2"],
            "linear": ["input", "weight", "bias"], "addmm": ["self", "mat1", "mat2", "beta", "alpha"],
            "batch_norm": ["input", "weight", "bias", "running_mean", "running_var", "training", "momentum", "eps", "cudnn_enabled"],
            "layer_norm": ["input", "normalized_shape", "weight", "bias", "eps", "cudnn_enable"],
            "group_norm": ["input", "num_groups", "weight", "bias", "eps", "cudnn_enabled"],
            "rms_norm": ["input", "normalized_shape", "weight", "eps"], "softmax": ["self", "dim", "dtype"],
            "log_softmax": ["self", "dim", "dtype"],
            "scaled_dot_product_attention": ["query", "key", "value", "attn_mask", "dropout_p", "is_causal", "scale", "enable_gqa"],
            "embedding": ["weight", "indices", "padding_idx", "scale_grad_by_freq", "sparse"], "cat": ["tensors", "dim"],
            "mean": ["self", "dim", "keepdim", "dtype"], "sum": ["self", "dim", "keepdim", "dtype"], "amax": ["self", "dim", "keepdim"],
            "flatten": ["self", "start_dim", "end_dim"], "view": ["self", "size"], "reshape": ["self", "shape"],
            "unflatten": ["self", "dim", "sizes"], "permute": ["self", "dims"], "transpose": ["self", "dim0", "dim1"],
            "unsqueeze": ["self", "dim"], "squeeze": ["self", "dim"], "expand": ["self", "size", "implicit"],
            "select": ["self", "dim", "index"], "slice": ["self", "dim", "start", "end", "step"], "split": ["self", "split_size", "dim"],
            "split_with_sizes": ["self", "split_sizes", "dim"], "chunk": ["self", "chunks", "dim"], "unbind": ["self", "dim"],
            "where": ["condition", "self", "other"], "masked_fill": ["self", "mask", "value"], "glu": ["self", "dim"],
            "prelu": ["self", "weight"], "constant_pad_nd": ["self", "pad", "value"], "pad": ["self", "pad", "mode", "value"],
            "empty": ["size"], "new_empty": ["self", "size"],
            "full": ["size", "fill_value"], "zeros": ["size"], "ones": ["size"], "full_like": ["self", "fill_value"],
            "tril": ["self", "diagonal"], "triu": ["self", "diagonal"], "round": ["self", "decimals"], "clamp_min": ["self", "min"],
            "clamp_max": ["self", "max"], "flip": ["self", "dims"], "roll": ["self", "shifts", "dims"], "lerp": ["self", "end", "weight"],
            "amin": ["self", "dim", "keepdim"], "cumsum": ["self", "dim", "dtype"], "gather": ["self", "dim", "index", "sparse_grad"],
            "einsum": ["equation", "tensors", "path"], "pixel_shuffle": ["self", "upscale_factor"], "expand_as": ["self", "other"],
            "reshape_as": ["self", "other"], "view_as": ["self", "other"],
            "instance_norm": [
                "input", "weight", "bias", "running_mean", "running_var", "use_input_stats", "momentum", "eps", "cudnn_enabled",
            ],
            "diff": ["self", "n", "dim", "prepend", "append"], "repeat": ["self", "repeats"], "index": ["self", "indices"],
            "index_select": ["self", "dim", "index"], "fill": ["self", "value"], "copy": ["self", "src", "non_blocking"], "zero": ["self"],
            "index_put": ["self", "indices", "values", "accumulate"], "narrow": ["self", "dim", "start", "length"],
            "im2col": ["self", "kernel_size", "dilation", "padding", "stride"],
            "col2im": ["self", "output_size", "kernel_size", "dilation", "padding", "stride"],
            "unfold": ["self", "dimension", "size", "step"], "baddbmm": ["self", "batch1", "batch2", "beta", "alpha"],
            "linalg_vector_norm": ["self", "ord", "dim", "keepdim", "dtype"],
            "repeat_interleave": ["self", "repeats", "dim", "output_size"], "argmax": ["self", "dim", "keepdim"],
            "argmin": ["self", "dim", "keepdim"], "cosine_similarity": ["x1", "x2", "dim", "eps"],
            "logsumexp": ["self", "dim", "keepdim"], "new_zeros": ["self", "size"], "new_ones": ["self", "size"],
            "new_full": ["self", "size", "fill_value"], "channel_shuffle": ["self", "groups"],
            "pixel_unshuffle": ["self", "downscale_factor"], "_weight_norm": ["v", "g", "dim"],
            "embedding_bag": [
                "weight", "indices", "offsets", "scale_grad_by_freq", "mode", "sparse", "per_sample_weights", "include_last_offset",
                "padding_idx",
            ],
            "adaptive_max_pool1d": ["self", "output_size"], "adaptive_max_pool2d": ["self", "output_size"],
            "upsample_nearest1d": ["input", "output_size", "scale_factors"],
            "upsample_nearest2d": ["input", "output_size", "scale_factors"],
            "upsample_linear1d": ["input", "output_size", "align_corners", "scale_factors"],
            "upsample_bilinear2d": ["input", "output_size", "align_corners", "scale_factors"],
            "upsample_bicubic2d": ["input", "output_size", "align_corners", "scale_factors"],
            "prod": ["self", "dim", "keepdim", "dtype"], "diagonal": ["self", "offset", "dim1", "dim2"],
            "one_hot": ["self", "num_classes"], "addcmul": ["self", "tensor1", "tensor2", "value"],
            "movedim": ["self", "source", "destination"],
        ]
        for name in [
            "relu", "tanh", "sigmoid", "exp", "log", "sqrt", "neg", "abs", "erf", "sin", "cos", "reciprocal", "mish", "selu", "hardswish",
            "sign",
            "floor", "ceil", "silu", "rsqrt", "hardsigmoid", "relu6", "t", "numpy_T", "mT", "contiguous", "clone", "detach", "alias",
            "bitwise_not", "empty_like",
            "logical_not", "zeros_like", "ones_like", "square", "log1p", "log2", "log_sigmoid", "expm1", "tan", "asin", "acos", "atan",
            "sinh", "cosh", "asinh", "acosh", "atanh",
        ] { schemas[name] = ["self"] }
        for name in [
            "mul", "remainder", "maximum", "minimum", "max", "min", "matmul", "eq", "ne", "gt", "lt", "ge", "le", "logical_and",
            "logical_or",
            "bitwise_and", "bitwise_or", "bitwise_xor", "logical_xor", "__and__", "__or__", "__xor__", "fmod", "floor_divide",
            "true_divide",
        ] { schemas[name] = ["self", "other"] }
        for name in ["conv1d", "conv2d"] { schemas[name] = ["input", "weight", "bias", "stride", "padding", "dilation", "groups"] }
        for name in ["max_pool1d", "max_pool2d"] { schemas[name] = ["self", "kernel_size", "stride", "padding", "dilation", "ceil_mode"] }
        for name in ["avg_pool1d", "avg_pool2d"] {
            schemas[name] = ["self", "kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override"]
        }
        for name in ["var", "std", "var_mean", "std_mean"] { schemas[name] = ["self", "dim", "unbiased", "keepdim"] }
        for name in ["adaptive_avg_pool1d", "adaptive_avg_pool2d"] { schemas[name] = ["self", "output_size"] }
        for name in ["dropout", "feature_dropout", "alpha_dropout"] { schemas[name] = ["input", "p", "train"] }
        return schemas
    }()
}
