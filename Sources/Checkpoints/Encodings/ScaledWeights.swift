import Text

extension EncodingScheme {
    /// Numbers of eight bits with a scale for each block, row or tensor: FP8 of transformers (`weight_scale_inv`, a factor in spite of its
    /// name), of compressed-tensors, fbgemm, AutoFP8 and ModelOpt (`weight_scale`), of ComfyUI (`scale_weight`), and int8 of
    /// compressed-tensors.
    ///
    /// Source: `Fp8Dequantize` of transformers; compressed-tensors' `dequantize`.
    static let scaled = EncodingScheme(
        name: "FP8", methods: ["fp8", "compressed-tensors", "fbgemm_fp8", "modelopt"],
        codes: { module in
            module.members.compactMap { name, record in
                let isCode =
                    record.dtype == .f8e4m3fn || record.dtype == .f8e5m2
                    || (record.dtype == .i8 && module.settings.method == "compressed-tensors")
                guard isCode else { return nil }
                let hasScale = [name + "_scale_inv", name + "_scale"].contains(where: module.names)
                return hasScale || hasFactor(module, name) || needsScale(module) ? name : nil
            }.sorted()
        }, isSelfContained: true,
        decode: { (module, member) throws(Problem) in
            let codes = try module.part(member, [.f8e4m3fn, .f8e5m2, .i8])
            guard codes.shape.count >= 2, let columns = codes.shape.last else {
                throw Problem("'\(member)' has the wrong shape", expected: "a matrix", found: "\(codes.shape)")
            }
            let matrixRows = codes.shape[codes.shape.count - 2]
            let leading = Array(codes.shape.dropLast(2))
            let isInverse =
                module.names(member + "_scale_inv")
                || module.settings.method == "fp8" && !module.names(member + "_scale")
                    && !hasFactor(module, member)
            let name = hasFactor(module, member) ? "scale_weight" : member + (isInverse ? "_scale_inv" : "_scale")
            let scales = try module.part(name, DType.scales)
            let block = try blockSize(module.settings)
            let layout: (rows: Int, columns: Int, text: String)
            let grid = leading + [(matrixRows - 1) / block.rows + 1, (columns - 1) / block.columns + 1]
            if scales.elementCount == 1 {
                layout = (matrixRows * (leading.reduce(1, *)), columns, "a scale a tensor")
            } else if scales.shape == leading + [matrixRows] || scales.shape == leading + [matrixRows, 1],
                !isInverse || columns > block.columns
            {
                layout = (1, columns, "a scale a row")
            } else if scales.shape == grid {
                layout = (block.rows, block.columns, "blocks of \(block.rows)x\(block.columns)")
            } else if !isInverse, scales.shape.dropLast().elementsEqual(leading + [matrixRows]), let groups = scales.shape.last,
                columns % groups == 0
            {
                layout = (1, columns / groups, "groups of \(columns / groups)")
            } else {
                throw Problem(
                    "'\(name)' has the wrong shape", expected: "\(grid)" + (isInverse ? "" : ", [\(matrixRows)] or [\(matrixRows), 1]"),
                    found: "\(scales.shape)")
            }
            let zeroName = member + "_zero_point"
            var zeros: TensorRecord?
            if module.names(zeroName) {
                zeros = try module.part(zeroName, [.i8, .i32, .f8e4m3fn], shape: scales.shape)
                let groups = (module.settings["config_groups"]?.members ?? []).compactMap { $0.value[member: "weights"] }
                var areSymmetric = !groups.isEmpty
                for weights in groups where try !isSymmetric(weights) { areSymmetric = false }
                if areSymmetric { try checkSymmetry(module, zeroName, scales) }
            }
            let parts = [member, name, zeroName]
            let values = ScaledBlocks(
                summary: "\(codes.dtype == .i8 ? "compressed-tensors int8" : "FP8"), 8 bits, \(layout.text)",
                stored: parts.compactMap { module[$0] },
                columns: columns, codes: codes, scales: scales, blockRows: layout.rows, blockColumns: layout.columns,
                matrixRows: scales.elementCount == 1 ? layout.rows : matrixRows, zeros: zeros)
            return try DecodedWeight(module, member, shape: codes.shape, codes: member, parts: parts + activationParts, values)
        })

    /// Whether the scale has the name that ComfyUI gives it.
    private static func hasFactor(_ module: EncodedModule, _ member: String) -> Bool {
        member == "weight" && module.names("scale_weight") && !["weight_scale_inv", "weight_scale"].contains(where: module.names)
    }

    /// Whether a number of eight bits without a scale is one whose scale is missing.
    private static func needsScale(_ module: EncodedModule) -> Bool {
        guard let method = module.settings.method, ["fp8", "fbgemm_fp8"].contains(method) else { return false }
        return module["weight"]?.shape.count == 2
    }

    private static func blockSize(_ settings: EncodingSettings) throws(Problem) -> (rows: Int, columns: Int) {
        var stated = settings["weight_block_size"]
        for group in settings["config_groups"]?.members ?? [] {
            if let block = group.value[member: "weights"]?[member: "block_structure"], case .list = block { stated = block }
        }
        guard let stated, stated != .null else { return (128, 128) }
        let sizes = stated.elements.compactMap(\.wholeNumber)
        guard sizes.count == 2, stated.elements.count == 2, sizes.allSatisfy({ $0 >= 1 }) else {
            let found = stated.elements.map(\.kind).joined(separator: ", ")
            throw Problem(
                "weight_block_size in config.json", expected: "two numbers of at least 1",
                found: stated.isList ? "[\(found)]" : stated.kind)
        }
        return (sizes[0], sizes[1])
    }
}
