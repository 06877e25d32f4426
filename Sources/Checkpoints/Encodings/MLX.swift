import Text

extension EncodingScheme {
    /// MLX: `weight` u32 rows of codes without gaps, `scales` and `biases` by group; or numbers of few bits in a ``MLXMode``.
    ///
    /// Source: `mlx.core.dequantize`. `config.json` may give other sizes for individual modules.
    static let mlx = EncodingScheme(
        name: "MLX", methods: ["mlx"], codes: { $0.names("scales") && $0["weight"]?.dtype == .u32 ? ["weight"] : [] },
        isSelfContained: false,
        decode: { (module, _) throws(Problem) in
            let own = module.settings[module.name]
            func setting(_ name: String) -> JSONValue? { own?[member: name] ?? module.settings[name] }
            let name = setting("mode")?.text ?? "affine"
            let mode = MLXMode(rawValue: name)
            guard mode != nil || name == "affine" else {
                throw Problem(
                    "is stored by MLX in a mode that is not read", expected: "affine, mxfp4, nvfp4 or mxfp8", found: name.quotedInMessage)
            }
            // One scale more for all weights, which MLX keeps apart.
            guard !module.names("global_scale") else { throw Problem("is stored by MLX with a global scale, which is not read") }
            guard let bits = setting("bits")?.wholeNumber, mode.map({ bits == $0.bits }) ?? [2, 3, 4, 5, 6, 8].contains(bits) else {
                throw Problem(
                    "bits in config.json", expected: mode.map { "\($0.bits)" } ?? "2, 3, 4, 5, 6 or 8",
                    found: setting("bits")?.kind ?? "none")
            }
            guard let size = setting("group_size")?.wholeNumber, mode.map({ size == $0.groupSize }) ?? (size >= 1) else {
                throw Problem(
                    "group_size in config.json", expected: mode.map { "\($0.groupSize)" } ?? "at least 1",
                    found: setting("group_size")?.kind ?? "none")
            }
            let codes = try module.part("weight", [.u32])
            let leading = Array(codes.shape.dropLast())
            guard let width = codes.shape.last, !leading.isEmpty, width * 32 % bits == 0, width * 32 / bits % size == 0 else {
                throw Problem(
                    "'weight' has the wrong shape", expected: "words of whole groups of \(size) codes of \(bits) bits",
                    found: "\(codes.shape)")
            }
            let columns = width * 32 / bits
            let groups = columns / size
            let scales = try module.part("scales", mode != nil ? [.u8] : DType.scales, shape: leading + [groups])
            let meaning: PackedRows.Meaning
            if let mode {
                meaning = .table(mode.table)
            } else {
                meaning = .bias(try module.part("biases", [scales.dtype], shape: leading + [groups]))
            }
            let parts = ["weight", "scales", "biases"]
            let values = PackedRows(
                summary: "MLX\(mode.map { " " + $0.rawValue } ?? ""), \(bits) bits, groups of \(size)",
                stored: parts.compactMap { module[$0] },
                columns: columns,
                codes: codes, rowBytes: width * 4, bits: bits, groupSize: size, groups: groups,
                scale: mode?.scale(scales) ?? .number(scales), meaning: meaning)
            return try DecodedWeight(module, "weight", shape: leading + [columns], codes: "weight", parts: parts, values)
        }, assumed: { (module) throws(Problem) in try EncodingSettings.assumedMLX(module) })
}
