import Text

extension EncodingScheme {
    /// GPTQ: `qweight` i32 packed down the in-neurons, `scales` and packed `qzeros` by group, `g_idx` the group of each in-neuron.
    ///
    /// Source: gptqmodel's `dequantize_weight`. The first version stores zero points minus one, as do files without a `checkpoint_format`.
    static let gptq = EncodingScheme(
        name: "GPTQ", methods: ["gptq"], codes: { $0["qweight"] != nil && $0.packing != .awq ? ["qweight"] : [] }, isSelfContained: false,
        decode: { (module, _) throws(Problem) in
            let settings = module.settings
            let shift = try zeroShift(settings)
            let codes = try module.part("qweight", [.i32, .u32])
            guard codes.shape.count == 2 else {
                throw Problem("'qweight' has the wrong shape", expected: "a matrix", found: "\(codes.shape)")
            }
            let (words, rows) = (codes.shape[0], codes.shape[1])
            let bits = try bits(module, words: words)
            guard words * 32 % bits == 0, bits != 3 || words % 3 == 0 else {
                throw Problem("'qweight' has the wrong shape", expected: "whole words of codes of \(bits) bits", found: "\(codes.shape)")
            }
            let columns = words * 32 / bits
            let size = try groupSize(module, columns: columns)
            let groups = (columns - 1) / size + 1
            guard rows * bits % 32 == 0 else {
                throw Problem("'qweight' has the wrong shape", expected: "out-neurons that fill words of zero points", found: "\(rows)")
            }
            let scales = try module.part("scales", DType.scales, shape: [groups, rows])
            let zeros = try module.part("qzeros", [.i32, .u32], shape: [groups, rows * bits / 32])
            let groupOfColumn = try module.groups("g_idx", columns: columns, groupSize: size, count: groups)
            if groups > 1, settings["desc_act"]?.flag == true, !module.names("g_idx") {
                throw Problem(
                    "a part is missing that gives the order of the groups", expected: "'\(module.path("g_idx"))', as 'desc_act' says")
            }
            var parts = [codes, scales, zeros]
            if let index = module["g_idx"] { parts.append(index) }
            let values = PackedColumns(
                summary: "GPTQ, \(bits) bits, \(groupText(size, of: columns))" + (groupOfColumn == nil ? "" : ", by activation order"),
                stored: parts, columns: columns, rows: rows, order: .columns, bits: bits, codes: codes, scales: scales, zeros: zeros,
                zeroShift: shift, groups: groups, groupSize: size, groupOfColumn: groupOfColumn)
            return try DecodedWeight(
                module, "weight", shape: [rows, columns], codes: "qweight", parts: ["qweight", "scales", "qzeros", "g_idx"], values)
        }, assumed: { (module) throws(Problem) in try EncodingSettings.assumedGPTQ(module) })

    /// The number that is added to a stored zero point.
    private static func zeroShift(_ settings: EncodingSettings) throws(Problem) -> Int {
        if settings["is_marlin_format"]?.flag == true {
            throw Problem("is stored as GPTQ for Marlin, which is not read", expected: "gptq or gptq_v2")
        }
        if let type = settings["pack_dtype"]?.text, type != "int32" {
            throw Problem("GPTQ codes have the wrong type", expected: "int32", found: type.quotedInMessage)
        }
        switch settings["checkpoint_format"]?.text {
        case nil, "gptq": return 1
        case "gptq_v2": return 0
        case let format?:
            throw Problem("is stored in a form of GPTQ that is not read", expected: "gptq or gptq_v2", found: format.quotedInMessage)
        }
    }

    /// The bits of a module's codes, which `dynamic` may give it in the place of the general number.
    private static func bits(_ module: EncodedModule, words: Int) throws(Problem) -> Int {
        let settings = module.settings
        let stated = try own(module)?[member: "bits"]?.wholeNumber ?? settings.integer("bits", "w_bit")
        if !(settings["dynamic"]?.members.isEmpty ?? true), let bits = storedBits(module, words: words), bits != stated {
            guard !hasReadablePatterns(settings) else {
                throw Problem(
                    "codes of other bits than dynamic in \(settings.fileName) gives the module",
                    expected: stated.map(String.init) ?? "none", found: "\(bits)")
            }
            return bits
        }
        guard let stated, [2, 3, 4, 8].contains(stated) else {
            throw Problem("bits of GPTQ codes in \(settings.fileName)", expected: "2, 3, 4 or 8", found: settings.found("bits", "w_bit"))
        }
        return stated
    }

    /// The bits that the zero points have, one for each out-neuron, or the codes, one for each in-neuron; nil if neither says it.
    private static func storedBits(_ module: EncodedModule, words: Int) -> Int? {
        for (width, count) in [
            (module["qzeros"]?.shape.last, module["qweight"]?.shape.last), (words, module["g_idx"]?.elementCount),
        ] {
            guard let width, let count, count > 0, width <= 1 << 40, width * 32 % count == 0 else { continue }
            if [2, 3, 4, 8].contains(width * 32 / count) { return width * 32 / count }
        }
        return nil
    }

    /// The settings that `dynamic` gives a module: those of the first pattern that the beginning of its name matches; nil if none does, or the
    /// patterns are not read.
    ///
    /// Source: gptqmodel's `dynamic_get`.
    /// - Throws: ``Problem`` for a pattern that leaves the module as it is, whose codes contradict it.
    private static func own(_ module: EncodedModule) throws(Problem) -> JSONValue? {
        guard hasReadablePatterns(module.settings) else { return nil }
        for member in module.settings["dynamic"]?.members ?? [] {
            guard let (expression, isExcluding) = pattern(member.name), expression.matches(module.name) else { continue }
            if isExcluding {
                throw Problem(
                    "is stored as codes of GPTQ, which dynamic in \(module.settings.fileName) excludes",
                    expected: "a weight that is not quantised, as \(member.name.quotedInMessage) says", found: "'\(module.path("qweight"))'"
                )
            }
            return member.value
        }
        return nil
    }

    /// Whether all patterns of `dynamic` are expressions that are read here.
    private static func hasReadablePatterns(_ settings: EncodingSettings) -> Bool {
        (settings["dynamic"]?.members ?? []).allSatisfy { pattern($0.name) != nil }
    }

    /// A pattern of names, and whether it excludes them; nil for an expression that is not read.
    private static func pattern(_ text: String) -> (expression: RegularExpression, isExcluding: Bool)? {
        let isExcluding = text.hasPrefix("-:")
        let expression = text.hasPrefix("+:") || isExcluding ? String(text.dropFirst(2)) : text
        return (try? RegularExpression("(\(expression)).*")).map { ($0, isExcluding) }
    }

    /// The number of in-neurons that share a scale. Where the patterns of `dynamic` are not read, the size is that of those stated which
    /// agrees with the number of scales, the general one before the others.
    private static func groupSize(_ module: EncodedModule, columns: Int) throws(Problem) -> Int {
        let settings = module.settings
        if let size = try own(module)?[member: "group_size"]?.wholeNumber {
            return try groupSize(size, columns: columns, found: "\(size)")
        }
        let stated = try groupSize(settings.integer("group_size"), columns: columns, found: settings.found("group_size"))
        let others = (settings["dynamic"]?.members ?? []).compactMap { $0.value[member: "group_size"]?.wholeNumber }
        guard !hasReadablePatterns(settings), !others.isEmpty, let groups = module["scales"]?.shape.first else { return stated }
        var sizes: Set<Int> = []
        for size in others { sizes.insert(min(try groupSize(size, columns: columns, found: "\(size)"), columns)) }
        let fitting = sizes.union([min(stated, columns)]).filter { (columns - 1) / $0 + 1 == groups }
        guard fitting.count <= 1 || module.names("g_idx") else {
            throw Problem(
                "dynamic in \(settings.fileName)", expected: "one size of groups that gives \(groups) of \(columns)",
                found: fitting.sorted().map(String.init).joined(separator: " and "))
        }
        return fitting.contains(min(stated, columns)) ? stated : fitting.min() ?? stated
    }

    /// The number of in-neurons that share a scale; -1 means all of them.
    static func groupSize(_ stated: Int?, columns: Int, found: String) throws(Problem) -> Int {
        guard let stated, stated == -1 || stated >= 1 else {
            throw Problem("group_size in config.json", expected: "-1 or at least 1", found: found)
        }
        return stated == -1 ? columns : stated
    }
}

extension EncodedModule {
    enum Packing { case gptq, awq }

    /// Which of the two schemes that call their codes `qweight` a module is of.
    var packing: Packing {
        switch settings.method {
        case "awq": return .awq
        case "gptq": return .gptq
        case let method? where method.hasSuffix("auto-round"):
            return settings["packing_format"]?.text?.contains("awq") == true ? .awq : .gptq
        default:
            guard let codes = self["qweight"]?.shape, let scales = self["scales"]?.shape, codes.count == 2, scales.count == 2 else {
                return .gptq
            }
            return codes[1] == scales[1] ? .gptq : .awq
        }
    }
}
