import Text

extension EncodingScheme {
    /// compressed-tensors, pack-quantized: `weight_packed` i32 rows of codes without gaps, `weight_scale`, `weight_shape`, zero points packed
    /// down the out-neurons if it is asymmetric, `weight_g_idx`.
    ///
    /// Source: compressed-tensors' `PackedQuantizationCompressor.decompress`.
    static let compressedIntegers = EncodingScheme(
        name: "compressed-tensors", methods: ["compressed-tensors"],
        codes: { module in
            guard let packed = module["weight_packed"], packed.dtype == .i32 || packed.dtype == .u32 else { return [] }
            return ["weight_packed"]
        }, isSelfContained: false,
        decode: { (module, _) throws(Problem) in
            let codes = try module.part("weight_packed", [.i32, .u32])
            let shapeRecord = try module.part("weight_shape", [.i64, .i32])
            guard shapeRecord.elementCount == codes.shape.count, codes.shape.count >= 2 else {
                throw Problem("'weight_shape' has the wrong shape", expected: "[\(codes.shape.count)]", found: "\(shapeRecord.shape)")
            }
            let shape = shapeRecord.doubles().map { Int(exactly: $0) ?? 0 }
            guard shape.dropLast().elementsEqual(codes.shape.dropLast()), let columns = shape.last, columns > 0 else {
                throw Problem("'weight_shape' is of another weight", expected: "\(codes.shape.dropLast()) rows", found: "\(shape)")
            }
            let width = codes.shape.last ?? 0
            let rows = codes.elementCount / width
            let arguments = try compressedArguments(module.settings) { bits in
                let (product, overflow) = columns.multipliedReportingOverflow(by: bits)
                return !overflow && width == (product - 1) / 32 + 1
            }
            guard (1...8).contains(arguments.bits) else {
                throw Problem("num_bits in config.json", expected: "1 to 8", found: "\(arguments.bits)")
            }
            guard columns <= Int.max / 8, width == (columns * arguments.bits - 1) / 32 + 1 else {
                throw Problem(
                    "'weight_packed' has the wrong shape", expected: "words for \(columns) codes of \(arguments.bits) bits a row",
                    found: "\(codes.shape)")
            }
            let scale = try module.part("weight_scale", DType.scales)
            let isOfTensor = scale.elementCount == 1 && rows > 1 && arguments.groupSize == nil
            let groups = isOfTensor ? 1 : scale.shape.last ?? 1
            guard isOfTensor || scale.elementCount == rows * groups, columns % groups == 0 || arguments.groupSize != nil else {
                throw Problem("'weight_scale' has the wrong shape", expected: "[\(rows), groups]", found: "\(scale.shape)")
            }
            let size = arguments.groupSize ?? columns / groups
            guard size >= 1, (columns - 1) / size + 1 == groups else {
                throw Problem("'weight_scale' has the wrong shape", expected: "groups of \(size) of \(columns)", found: "\(scale.shape)")
            }
            var zero = Float(1 << (arguments.bits - 1))
            var zeros: PackedRows.Zeros?
            if arguments.isSymmetric {
                try checkSymmetry(module, "weight_zero_point", scale)
            } else if isOfTensor {
                zero += try module.part("weight_zero_point", [.i8, .i32], shape: scale.shape).floats()[0]
            } else {
                let bits = arguments.bits
                guard codes.shape.count == 2 else { throw Problem("zero points of stacked weights are not read") }
                let record = try module.part("weight_zero_point", [.i32, .u32], shape: [(rows * bits - 1) / 32 + 1, groups])
                zeros = .init(record: record, bits: bits, groups: groups)
            }
            let groupOfColumn = try module.groups("weight_g_idx", columns: columns, groupSize: size, count: groups)
            let parts = ["weight_packed", "weight_scale", "weight_zero_point", "weight_g_idx", "weight_shape"]
            let values = PackedRows(
                summary: "compressed-tensors, \(arguments.bits) bits, \(isOfTensor ? "a scale a tensor" : groupText(size, of: columns))",
                stored: parts.compactMap { module[$0] },
                columns: columns, codes: codes, rowBytes: width * 4, bits: arguments.bits, groupSize: size, groups: groups,
                scale: isOfTensor ? .one(scale) : .number(scale), meaning: .offset(zero: zero, zeros: zeros),
                groupOfColumn: groupOfColumn)
            return try DecodedWeight(
                module, "weight", shape: shape, codes: "weight_packed", parts: parts + activationParts, values)
        })

    /// What compressed-tensors and ModelOpt keep of activations.
    static let activationParts = [
        "input_scale", "input_zero_point", "input_global_scale", "output_scale", "output_zero_point", "activation_scale",
        "input_scale_ub", "scale_input",
    ]

    /// The form of compressed-tensors that is not decoded and that `config.json` or the parts show; nil for those that are.
    static func refusedCompression(_ module: EncodedModule) -> String? {
        let settings = module.settings
        let groups = settings["config_groups"]?.members ?? []
        let formats = [settings["format"], settings["sparsity_config"]?[member: "format"]] + groups.map { $0.value[member: "format"] }
        if let format = formats.lazy.compactMap({ $0?.text }).first(where: { !decodedFormats.contains($0) }) {
            return format.quotedInMessage
        }
        if module.names("bitmask") { return "sparse bitmasks" }
        return settings["transform_config"]?[member: "config_groups"]?.members.isEmpty == false ? "transforms of weights" : nil
    }

    private static let decodedFormats: Set = [
        "dense", "pack-quantized", "int-quantized", "float-quantized", "naive-quantized", "nvfp4-pack-quantized", "mxfp4-pack-quantized",
        "mixed-precision",
    ]

    /// A symmetric code means no other number than 0 by the middle of its range.
    static func checkSymmetry(_ module: EncodedModule, _ member: String, _ scale: TensorRecord) throws(Problem) {
        guard module.names(member) else { return }
        let zeros = module[member]
        guard let zeros, zeros.dtype != .i32, zeros.shape == scale.shape, zeros.doubles().allSatisfy({ $0 == 0 }) else {
            throw Problem(
                "config.json and the tensors contradict each other", expected: "zero points of 0, as 'symmetric' says",
                found: "'\(member)'")
        }
    }

    struct CompressedArguments: Equatable {
        let bits: Int
        let isSymmetric: Bool
        let groupSize: Int?
    }

    /// Whether the codes of a group of modules are symmetric, which they are without the setting.
    static func isSymmetric(_ weights: JSONValue) throws(Problem) -> Bool {
        switch weights[member: "symmetric"] {
        case nil, .null?: return true
        case .bool(let flag)?: return flag
        case let value?: throw Problem("symmetric in config.json", expected: "true or false", found: value.kind)
        }
    }

    /// How the weights are quantised; where `config.json` has several groups of modules, the one that fits.
    private static func compressedArguments(
        _ settings: EncodingSettings, _ fits: (Int) -> Bool
    ) throws(Problem) -> CompressedArguments {
        var found: [CompressedArguments] = []
        for group in settings["config_groups"]?.members ?? [] {
            guard let weights = group.value[member: "weights"], let bits = weights[member: "num_bits"]?.wholeNumber else { continue }
            // The words hold whole numbers: a group of floating-point codes is another module's.
            guard ["int", nil].contains(weights[member: "type"]?.text) else { continue }
            let size = weights[member: "group_size"]?.wholeNumber
            if let size, size == 0 || size < -1 { throw Problem("group_size in config.json", expected: "at least 1", found: "\(size)") }
            let arguments = CompressedArguments(bits: bits, isSymmetric: try isSymmetric(weights), groupSize: size == -1 ? nil : size)
            if !found.contains(arguments) { found.append(arguments) }
        }
        if found.count > 1 { found = found.filter { (1...8).contains($0.bits) && fits($0.bits) } }
        guard let first = found.first else {
            throw Problem("config_groups in config.json", expected: "weights of type int with num_bits", found: "none that fits")
        }
        guard found.count == 1 else {
            throw Problem("config_groups in config.json", expected: "one group that fits", found: "\(found.count)")
        }
        return first
    }
}
