import Text

extension EncodingScheme {
    /// AWQ for its gemm kernels: `qweight` i32 [in, out / 8], whose words hold the columns 0 2 4 6 1 3 5 7; `qzeros` alike, `scales` by group.
    ///
    /// Source: `dequantize_gemm` of autoawq.
    static let awq = EncodingScheme(
        name: "AWQ", methods: ["awq"], codes: { $0["qweight"] != nil && $0.packing == .awq ? ["qweight"] : [] }, isSelfContained: false,
        decode: { (module, _) throws(Problem) in
            let settings = module.settings
            let version = settings["version"]?.text?.lowercased() ?? "gemm"
            guard version == "gemm" else { throw Problem("is stored as AWQ for \(version), which is not read", expected: "gemm") }
            let bits = settings.integer("bits", "w_bit") ?? 4
            guard bits == 4 else { throw Problem("bits of AWQ codes in \(settings.fileName)", expected: "4", found: "\(bits)") }
            let codes = try module.part("qweight", [.i32, .u32])
            guard codes.shape.count == 2 else {
                throw Problem("'qweight' has the wrong shape", expected: "a matrix", found: "\(codes.shape)")
            }
            let (columns, rows) = (codes.shape[0], codes.shape[1] * 8)
            let size = try groupSize(
                settings.integer("group_size", "q_group_size"), columns: columns, found: settings.found("group_size", "q_group_size"))
            let groups = (columns - 1) / size + 1
            let scales = try module.part("scales", DType.scales, shape: [groups, rows])
            let zeros = try module.part("qzeros", [.i32, .u32], shape: [groups, rows / 8])
            let values = PackedColumns(
                summary: "AWQ, 4 bits, \(groupText(size, of: columns))", stored: [codes, scales, zeros], columns: columns, rows: rows,
                order: .interleaved, bits: 4, codes: codes, scales: scales, zeros: zeros, zeroShift: 0, groups: groups, groupSize: size,
                groupOfColumn: nil)
            return try DecodedWeight(
                module, "weight", shape: [rows, columns], codes: "qweight", parts: ["qweight", "scales", "qzeros", "g_idx"], values)
        }, assumed: { (module) throws(Problem) in try EncodingSettings.assumedAWQ(module) })
}
