import Text

extension EncodingScheme {
    /// The numbers of four bits with two of exponent and one of mantissa, by their codes.
    static let e2m1: [Float] = [0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6]

    /// NVFP4: two numbers of four bits a byte, a scale e4m3 for 16 and one scale for all, which compressed-tensors divides by and ModelOpt
    /// multiplies with; and the same with powers of two for 32, as compressed-tensors keeps MXFP4.
    ///
    /// Source: compressed-tensors' `NVFP4PackedCompressor.decompress`; ModelOpt's `NVFP4QTensor.dequantize`.
    static let fp4 = EncodingScheme(
        name: "NVFP4", methods: ["compressed-tensors", "modelopt", "nvfp4"],
        codes: { module in
            if let packed = module["weight_packed"], packed.dtype == .u8, module.names("weight_scale") { return ["weight_packed"] }
            if let weight = module["weight"], weight.dtype == .u8, module.names("weight_scale_2") { return ["weight"] }
            return []
        }, isSelfContained: true,
        decode: { (module, member) throws(Problem) in
            let codes = try module.part(member, [.u8])
            guard codes.shape.count >= 2, let width = codes.shape.last else {
                throw Problem("'\(member)' has the wrong shape", expected: "a matrix", found: "\(codes.shape)")
            }
            let columns = width * 2
            let leading = Array(codes.shape.dropLast())
            let isExponent = module["weight_scale"]?.dtype == .u8
            let size = isExponent ? 32 : 16
            let groups = (columns - 1) / size + 1
            let scale = try module.part("weight_scale", isExponent ? [.u8] : [.f8e4m3fn], shape: leading + [groups])
            let global = member == "weight" ? "weight_scale_2" : "weight_global_scale"
            let meaning: PackedRows.Scale
            if isExponent {
                meaning = .exponent(scale)
            } else {
                let number = try module.part(global, [.f32])
                guard number.elementCount == 1 else {
                    throw Problem("'\(global)' has the wrong shape", expected: "[1]", found: "\(number.shape)")
                }
                let value = number.floats()[0]
                meaning = member == "weight" ? .multiplied(scale, by: value) : .divided(scale, by: value)
            }
            let parts = [member, "weight_scale", global]
            let values = PackedRows(
                summary: isExponent ? "MXFP4, 4 bits, groups of 32" : "NVFP4, 4 bits, groups of 16",
                stored: parts.compactMap { module[$0] }, columns: columns, codes: codes, rowBytes: width, bits: 4, groupSize: size,
                groups: groups, scale: meaning, meaning: .table(e2m1))
            return try DecodedWeight(
                module, "weight", shape: leading + [columns], codes: member, parts: parts + ["weight_shape"] + activationParts, values)
        })

    /// MXFP4 as gpt-oss keeps its experts: `NAME_blocks` u8 [experts, out, in / 32, 16] and `NAME_scales` u8. The weight is [experts, in, out],
    /// as the model multiplies with it.
    ///
    /// Source: `convert_moe_packed_tensors` of transformers.
    static let mxfp4 = EncodingScheme(
        name: "MXFP4", methods: ["mxfp4"],
        codes: { module in module.members.keys.filter { $0.hasSuffix("_blocks") && module.names($0.dropLast(7) + "_scales") }.sorted() },
        isSelfContained: true,
        decode: { (module, member) throws(Problem) in
            let name = String(member.dropLast(7))
            let codes = try module.part(member, [.u8])
            let shape = codes.shape
            guard shape.count == 4, shape[3] == 16 else {
                throw Problem("'\(member)' has the wrong shape", expected: "[experts, out, in / 32, 16]", found: "\(shape)")
            }
            let scale = try module.part(name + "_scales", [.u8], shape: Array(shape.dropLast()))
            let columns = shape[2] * 32
            let rows = PackedRows(
                summary: "MXFP4, 4 bits, groups of 32", stored: [codes, scale], columns: columns, codes: codes, rowBytes: shape[2] * 16,
                bits: 4, groupSize: 32, groups: shape[2], scale: .exponent(scale), meaning: .table(e2m1))
            return try DecodedWeight(
                module, name, shape: [shape[0], columns, shape[1]], codes: member, parts: [member, name + "_scales"],
                TransposedRows(rows: rows, rowCount: shape[1]))
        })
}
